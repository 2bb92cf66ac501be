"""A small version of a picture, made where the picture lies."""

from __future__ import annotations

import cv2
import numpy as np

from throughline.types import Image, Pixels

__all__ = ["thumbnail"]


def thumbnail(picture: Pixels, height: int, width: int) -> Image:
    """The whole picture in this size, each pixel the mean of the area that it stands for.

    Raises:
        ValueError: the picture has no pixels.
    """
    if picture.size == 0:
        raise ValueError(f"a picture of shape {picture.shape} has no pixels")
    if not isinstance(picture, np.ndarray):
        return picture.thumbnail(height, width)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
