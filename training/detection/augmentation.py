"""What is done to labelled pictures before a detector sees them: placed, scaled, mirrored, four in one, recoloured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from inference.letterbox import PADDING
from throughline.types import FloatArray, Image, IntArray
from training.detection.pictures import LabelledPicture

__all__ = ["Augmentation", "Sample", "compose"]

_LEAST_VISIBLE = 0.35
"""Less of a labelled vehicle than this inside the picture is neither vehicle nor background."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How much pictures are changed.

    Attributes:
        mosaic: Share of samples that are put together from four pictures.
        scale: Least and largest factor on the size at which a picture just fits.
        mirror: Share of pictures that are mirrored.
        hue: Largest turn of the hue, in degrees of OpenCV's half circle of 180.
        saturation: Largest relative change of the saturation.
        brightness: Largest relative change of the brightness.
        grey: Share of pictures that lose their colour.
        blur: Share of samples that are blurred or given noise or coarse JPEG blocks.
        least_side: Labelled boxes with a side below this many pixels of the sample become ignore regions.
    """

    mosaic: float = 0.4
    scale: tuple[float, float] = (0.6, 1.6)
    mirror: float = 0.5
    hue: float = 10.0
    saturation: float = 0.5
    brightness: float = 0.4
    grey: float = 0.05
    blur: float = 0.15
    least_side: float = 4.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture as the network sees it.

    Attributes:
        image: (h, w, 3) uint8, BGR.
        boxes: (N, 4) float32 in its pixels.
        classes: (N,) int64.
        ignored: (M, 4) float32.
    """

    image: Image
    boxes: FloatArray
    classes: IntArray
    ignored: FloatArray


def compose(
    pictures: list[LabelledPicture], size: tuple[int, int], augmentation: Augmentation, generator: np.random.Generator
) -> Sample:
    """One sample out of one picture or four.

    Args:
        pictures: One, or four for the quarters: top left, top right, bottom left, bottom right.
        size: (height, width) of the sample.
        augmentation: How much is changed.
        generator: Source of all chance.
    """
    height, width = size
    canvas = np.full((height, width, 3), PADDING, np.uint8)
    if len(pictures) == 1:
        tiles = [(0, 0, width, height)]
    else:
        x, y = round(width * generator.uniform(0.35, 0.65)), round(height * generator.uniform(0.35, 0.65))
        tiles = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    boxes: list[FloatArray] = []
    classes: list[IntArray] = []
    ignored: list[FloatArray] = []
    for picture, tile in zip(pictures, tiles, strict=True):
        # A quarter holds a part of a picture at its usual size, not a whole one at half of it.
        found, types, unknown = _place(picture, canvas, tile, size, augmentation, generator)
        boxes.append(found)
        classes.append(types)
        ignored.append(unknown)
    return Sample(
        _spoil(canvas, augmentation, generator), np.concatenate(boxes), np.concatenate(classes), np.concatenate(ignored)
    )


def _place(
    picture: LabelledPicture,
    canvas: Image,
    tile: tuple[int, int, int, int],
    size: tuple[int, int],
    augmentation: Augmentation,
    generator: np.random.Generator,
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Draws a picture into a tile of the canvas; gives its labels there."""
    left, top, right, bottom = tile
    rows, columns = picture.image.shape[:2]
    low, high = np.log(augmentation.scale)
    factor = min(size[0] / rows, size[1] / columns) * float(np.exp(generator.uniform(low, high)))
    mirrored = generator.random() < augmentation.mirror
    across, down = (right - left) - columns * factor, (bottom - top) - rows * factor
    x, y = left + across * generator.random(), top + down * generator.random()
    matrix = np.array([[factor, 0, x - left], [0, factor, y - top]])
    if mirrored:
        matrix[0] = [-factor, 0, x - left + columns * factor]
    at_pixels = matrix.copy()
    at_pixels[:, 2] += 0.5 * (matrix[[0, 1], [0, 1]] - 1)  # it counts from the middle of the first pixel, boxes from its corner
    part: Any = cv2.warpAffine(
        picture.image, at_pixels, (right - left, bottom - top), flags=cv2.INTER_LINEAR, borderValue=(PADDING, PADDING, PADDING)
    )
    canvas[top:bottom, left:right] = _recolour(part, augmentation, generator)
    boxes, visible = _moved(picture.boxes, matrix, tile)
    ignored, ignored_visible = _moved(picture.ignored, matrix, tile)
    small = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) < augmentation.least_side
    good = (visible >= _LEAST_VISIBLE) & ~small
    doubtful = (visible > 0) & ~good
    return boxes[good], picture.classes[good], np.concatenate([ignored[ignored_visible > 0], boxes[doubtful]])


def _moved(boxes: FloatArray, matrix: FloatArray, tile: tuple[int, int, int, int]) -> tuple[FloatArray, FloatArray]:
    """Boxes on the canvas, cut at the tile, and which share of each is left."""
    left, top, right, bottom = tile
    x = np.sort(boxes[:, [0, 2]] * matrix[0, 0] + matrix[0, 2], axis=1) + left
    y = boxes[:, [1, 3]] * matrix[1, 1] + matrix[1, 2] + top
    whole = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
    cut = np.clip(whole, [left, top, left, top], [right, bottom, right, bottom])
    area = (whole[:, 2] - whole[:, 0]) * (whole[:, 3] - whole[:, 1])
    share = (cut[:, 2] - cut[:, 0]) * (cut[:, 3] - cut[:, 1]) / np.maximum(area, 1e-9)
    return cut.astype(np.float32), share


def _recolour(image: Image, augmentation: Augmentation, generator: np.random.Generator) -> Image:
    turn = generator.uniform(-1, 1, 3)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    steps = np.arange(256)
    hue = ((steps + turn[0] * augmentation.hue) % 180).astype(np.uint8)
    saturation = np.clip(steps * (1 + turn[1] * augmentation.saturation), 0, 255).astype(np.uint8)
    value = np.clip(steps * (1 + turn[2] * augmentation.brightness), 0, 255).astype(np.uint8)
    if generator.random() < augmentation.grey:
        saturation = np.zeros_like(saturation)
    hsv = cv2.merge([cv2.LUT(channel, table) for channel, table in zip(cv2.split(hsv), (hue, saturation, value), strict=True)])
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR), np.uint8)


def _spoil(image: Image, augmentation: Augmentation, generator: np.random.Generator) -> Image:
    """What cheap cameras and thin lines do to a picture."""
    if generator.random() >= augmentation.blur:
        return image
    kind = generator.integers(3)
    if kind == 0:
        return np.asarray(cv2.GaussianBlur(image, (3, 3), float(generator.uniform(0.4, 1.2))), np.uint8)
    if kind == 1:
        noise = generator.normal(0, generator.uniform(3, 12), image.shape)
        return np.clip(image + noise, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(25, 70))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
