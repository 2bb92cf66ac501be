"""Fitting a picture of any size into a network's input without distorting it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from throughline.types import FloatArray, Image

__all__ = ["PADDING", "Placement", "letterbox"]

PADDING = 114
"""Grey level of the part of the input that the picture does not cover, as YOLOX was trained."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a picture lies in an input: scaled to fit, top left.

    Attributes:
        size: Width and height of the picture in pixels.
        scaled: Width and height that it has in the input.
    """

    size: tuple[int, int]
    scaled: tuple[int, int]

    @classmethod
    def of(cls, shape: tuple[int, ...], height: int, width: int) -> Placement:
        """Where a picture of this shape (height, width, ...) lies in an input of this height and width."""
        ratio = min(height / shape[0], width / shape[1])
        return cls((shape[1], shape[0]), (max(1, int(shape[1] * ratio)), max(1, int(shape[0] * ratio))))

    @property
    def scale(self) -> FloatArray:
        """(2,) pixels of the input for one pixel of the picture, across and down (they differ by rounding at most)."""
        return np.array([self.scaled[0] / self.size[0], self.scaled[1] / self.size[1]], np.float32)


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
    placement = Placement.of(image.shape, height, width)
    scaled_width, scaled_height = placement.scaled
    scaled = cv2.resize(image, (scaled_width, scaled_height), interpolation=cv2.INTER_LINEAR)
    filled = np.full((3, height, width), PADDING, np.float32)
    filled[:, :scaled_height, :scaled_width] = scaled.transpose(2, 0, 1)
    return filled, placement.scale
