"""Vehicles that labels have forgotten, as another detector sees them: regions to ignore."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
import torch

from inference.letterbox import PADDING
from inference.networks.yolox import STRIDES, YoloxNano
from inference.nms import suppress
from throughline.cache import cache_folder
from throughline.types import FloatArray, Image
from training.detection.assignment import cells_of, decode
from training.detection.pictures import LabelledPicture

__all__ = ["forgotten", "forgotten_in_all", "see"]

_LARGEST_FACTOR = 1.5
"""Pictures scaled up further show the teacher nothing new."""


def see(network: YoloxNano, image: Image, longest: int, min_score: float) -> tuple[FloatArray, FloatArray]:
    """What a network sees in a picture.

    Args:
        network: The network, in evaluation mode.
        image: (h, w, 3) uint8, BGR.
        longest: The longer side is scaled to this many pixels.
        min_score: Least objectness x class.

    Returns:
        Boxes (N, 4) in pixels of the picture, and scores (N,).
    """
    rows, columns = image.shape[:2]
    factor = longest / max(rows, columns)
    size = (round(columns * factor), round(rows * factor))
    height, width = (-(-side // 32) * 32 for side in (size[1], size[0]))
    filled = np.full((height, width, 3), PADDING, np.float32)
    filled[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    with torch.no_grad():
        raw = network(torch.from_numpy(filled.transpose(2, 0, 1).copy())[None])[0]
        boxes = decode(raw[:, :4], cells_of(height, width, STRIDES)).numpy()
        probabilities = (raw[:, 4:5].sigmoid() * raw[:, 5:].sigmoid()).numpy()
    classes, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    good = scores >= min_score
    boxes, scores, classes = boxes[good], scores[good], classes[good].astype(np.int64)
    kept = suppress(boxes, scores, classes, 0.65, iou_across_classes=0.65)
    shape = np.array([size[0] / columns, size[1] / rows] * 2, np.float32)
    limits = np.array([columns, rows, columns, rows], np.float32)
    return np.clip(boxes[kept] / shape, 0, limits).astype(np.float32), scores[kept]


def forgotten(picture: LabelledPicture, network: YoloxNano, sizes: tuple[int, ...], min_score: float) -> FloatArray:
    """Vehicles that the network sees with confidence and nobody has labelled.

    Args:
        picture: The picture.
        network: The teacher, in evaluation mode.
        sizes: Lengths of the longer side at which it looks: small vehicles need a larger one. Beyond the first, those that would
            scale the picture up by more than 1.5 are left out.
        min_score: Least score of what counts.

    Returns:
        (M, 4) boxes in pixels that overlap no labelled box by half (IoU, or share of their own area), best ones first.
    """
    own_size = max(picture.image.shape[:2])
    found = [
        see(network, picture.image, size, min_score) for size in sizes if size <= _LARGEST_FACTOR * own_size or size == sizes[0]
    ]
    boxes, scores = np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])
    boxes = boxes[suppress(boxes, scores, np.zeros(len(boxes), np.int64), 0.6)]
    if len(picture.boxes) == 0:
        return boxes
    low = np.maximum(boxes[:, None, :2], picture.boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], picture.boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    own = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None]
    theirs = (picture.boxes[:, 2:] - picture.boxes[:, :2]).prod(axis=1)[None]
    known = (shared >= 0.5 * np.maximum(own, 1e-9)) | (shared >= 0.5 * np.maximum(own + theirs - shared, 1e-9))
    left: FloatArray = boxes[~known.any(axis=1)]
    return left


def forgotten_in_all(
    pictures: Sequence[LabelledPicture], network: YoloxNano, sizes: tuple[int, ...], min_score: float
) -> list[FloatArray]:
    """`forgotten` for each of many pictures; kept in the user's cache, for a training that goes on."""
    path = cache_folder("forgotten-vehicles") / f"{_key(pictures, network, sizes, min_score)}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return [kept[f"{index}"] for index in range(len(pictures))]
    found = [forgotten(picture, network, sizes, min_score) for picture in pictures]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez(partial, allow_pickle=False, **{f"{index}": boxes for index, boxes in enumerate(found)})
    partial.replace(path)
    return found


def _key(pictures: Sequence[LabelledPicture], network: YoloxNano, sizes: tuple[int, ...], min_score: float) -> str:
    """Changes with anything that decides the result."""
    key = hashlib.sha256(f"1 {sizes} {min_score} {_LARGEST_FACTOR}".encode())
    for weight in network.state_dict().values():
        key.update(weight.contiguous().numpy().tobytes())
    for picture in pictures:
        for values in (picture.image, picture.boxes):
            key.update(f"{values.shape}".encode())
            key.update(np.ascontiguousarray(values).tobytes())
    return key.hexdigest()
