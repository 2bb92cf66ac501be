"""Fitting a picture of any size into a network's input without distorting it."""

from __future__ import annotations

import cv2
import numpy as np

from throughline.types import FloatArray, Image

__all__ = ["PADDING", "letterbox"]

PADDING = 114
"""Grey level of the part of the input that the picture does not cover, as YOLOX was trained."""


def letterbox(image: Image, height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Scales a picture to fit, top left, and fills the rest with grey.

    Args:
        image: (h, w, 3) uint8, BGR.
        height: Height of the input.
        width: Width of the input.

    Returns:
        The input (3, height, width) float32, BGR in 0..255, and its scale (2,): pixels of the input for one pixel of the
        picture, across and down (they differ by rounding at most).
    """
    ratio = min(height / image.shape[0], width / image.shape[1])
    scaled_height = max(1, int(image.shape[0] * ratio))
    scaled_width = max(1, int(image.shape[1] * ratio))
    scaled = cv2.resize(image, (scaled_width, scaled_height), interpolation=cv2.INTER_LINEAR)
    filled = np.full((3, height, width), PADDING, np.float32)
    filled[:, :scaled_height, :scaled_width] = scaled.transpose(2, 0, 1)
    return filled, np.array([scaled_width / image.shape[1], scaled_height / image.shape[0]], np.float32)
