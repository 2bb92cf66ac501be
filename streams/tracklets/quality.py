"""How good a picture of a vehicle is, 0..1: large, sharp, whole, and not hidden by another."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from inference.pictures.thumbnail import thumbnail
from streams.tracker.boxes import covered_by
from throughline.types import FloatArray, Pixels

__all__ = ["at_border", "hidden_share", "shape_quality", "sharpness"]

_GOOD_SIZE = 160.0  # pixels, root of the area: more brings the networks nothing
_BORDER = 2.0  # pixels
_CUT_OFF = 0.4  # what is left of the quality of a box at the border of the picture
_ASPECTS = (0.35, 3.5)  # width / height of vehicles, from a motorcycle to an articulated lorry from the side
_PATCH = 64  # pixels: sharpness is judged at one size, or it would measure size again
_SHARP = 150.0  # variance of the Laplacian that counts as half sharp


def shape_quality(boxes: FloatArray, scores: FloatArray, frame_size: tuple[int, int]) -> FloatArray:
    """What boxes alone tell about the quality of the pictures inside them.

    Product of size, wholeness (not at the border of the picture), sane proportions, not hidden by another box (the one whose
    lower edge is lower is in front), and the detector's score.

    Args:
        boxes: (N, 4) corners in pixels, all vehicles of the frame.
        scores: (N,) in 0..1.
        frame_size: Width and height of the picture.

    Returns:
        (N,) float32 in 0..1.
    """
    width, height = np.maximum(boxes[:, 2] - boxes[:, 0], 1e-3), np.maximum(boxes[:, 3] - boxes[:, 1], 1e-3)
    size = np.minimum(np.sqrt(width * height) / _GOOD_SIZE, 1.0)
    cut = at_border(boxes, frame_size, _BORDER)
    aspect = width / height
    proportions = np.minimum(np.minimum(aspect / _ASPECTS[0], _ASPECTS[1] / aspect), 1.0)
    quality: FloatArray = size * np.where(cut, _CUT_OFF, 1.0) * proportions * (1 - hidden_share(boxes)) * (0.5 + 0.5 * scores)
    return np.clip(quality, 0, 1).astype(np.float32)


def at_border(boxes: FloatArray, frame_size: tuple[int, int], margin: float) -> npt.NDArray[np.bool_]:
    """Which boxes (N, 4) come within ``margin`` pixels of the border of the picture: (N,)."""
    width, height = frame_size
    near: npt.NDArray[np.bool_] = (
        (boxes[:, 0] <= margin) | (boxes[:, 1] <= margin) | (boxes[:, 2] >= width - margin) | (boxes[:, 3] >= height - margin)
    )
    return near


def hidden_share(boxes: FloatArray) -> FloatArray:
    """The largest share of each box (N, 4) that one box in front of it covers: (N,) in 0..1."""
    if len(boxes) < 2:
        return np.zeros(len(boxes), np.float32)
    covered = covered_by(boxes, boxes)
    in_front = boxes[None, :, 3] > boxes[:, None, 3]
    share: FloatArray = np.where(in_front, covered, np.float32(0)).max(axis=1)
    return share


def sharpness(image: Pixels) -> float:
    """Sharpness of a picture (height, width, 3), 0..1: variance of the Laplacian at one size, relative to good footage.

    Measured after scaling to a fixed size (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000,
    for the measure); 0.5 for ordinary traffic cameras by day.
    """
    if image.size == 0:
        return 0.0
    patch = thumbnail(image, _PATCH, _PATCH)
    grey = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY)
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return variance / (variance + _SHARP)
