"""Labelled pictures for fitting a detector, decoded once and kept in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from throughline.formats import FormatError
from throughline.formats.yolo_folder import corners, read_yolo_folder
from throughline.types import FloatArray, Image, IntArray
from training.errors import DataError

__all__ = ["LabelledPicture", "load_pictures"]


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture and what is known about it.

    Attributes:
        name: File name.
        image: (h, w, 3) uint8, BGR.
        boxes: (N, 4) float32: left, top, right, bottom in pixels.
        classes: (N,) int64: index into `throughline.types.VEHICLE_TYPES`; of a ``vehicle`` the box is learned, not the class.
        ignored: (M, 4) float32: boxes inside which it is not known whether there is a vehicle.
    """

    name: str
    image: Image
    boxes: FloatArray
    classes: IntArray
    ignored: FloatArray

    def ignoring(self, boxes: FloatArray) -> LabelledPicture:
        """The same picture with more ignore regions."""
        return replace(self, ignored=np.concatenate([self.ignored, boxes]))


def load_pictures(folder: Path) -> list[LabelledPicture]:
    """Reads ``images/``, ``labels/`` and, where it is there, ``ignore/``; see `throughline.formats.yolo_folder`.

    Returns:
        The pictures in the order of their names.

    Raises:
        DataError: a picture cannot be read or has no file of labels, or a line is no label.
    """
    try:
        found = read_yolo_folder(folder)
    except FormatError as error:
        raise DataError(str(error)) from error
    pictures = []
    for one in found:
        if not one.labelled:
            raise DataError(f"{one.path}: has no file in {folder / 'labels'}; a picture without vehicles needs an empty one")
        image: Any = cv2.imread(str(one.path), cv2.IMREAD_COLOR)  # its stubs allow any number type; it is uint8
        if image is None:
            raise DataError(f"{one.path}: not a picture that can be read")
        height, width = image.shape[:2]
        boxes, ignored = (corners(shares, width, height).astype(np.float32) for shares in (one.boxes, one.ignored))
        pictures.append(LabelledPicture(one.path.name, image, boxes, one.classes, ignored))
    return pictures
