"""Labelled pictures for fitting a detector, decoded once and kept in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from throughline.types import FloatArray, Image, IntArray

__all__ = ["UNKNOWN", "LabelledPicture", "load_pictures", "matches"]

UNKNOWN = 4
"""Class of a vehicle whose type the labels do not tell: its box is learned, its class is not."""

_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture and what is known about it.

    Attributes:
        name: File name.
        image: (h, w, 3) uint8, BGR.
        boxes: (N, 4) float32: left, top, right, bottom in pixels.
        classes: (N,) int64: vehicle types, or `UNKNOWN`.
        ignored: (M, 4) float32: boxes inside which it is not known whether there is a vehicle.
    """

    name: str
    image: Image
    boxes: FloatArray
    classes: IntArray
    ignored: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    def with_ignored(self, boxes: FloatArray) -> LabelledPicture:
        """The same picture with other ignore regions."""
        return replace(self, ignored=np.asarray(boxes, np.float32).reshape(-1, 4))


def load_pictures(folder: Path, *, only: Iterable[str] = ("*",), without: Iterable[str] = ()) -> list[LabelledPicture]:
    """Reads ``images/`` and ``labels/`` (YOLO text: class, centre x, centre y, width, height in 0..1).

    Args:
        folder: Where they lie.
        only: Patterns of file names (``*``, ``?``, ``[...]``) to take.
        without: Patterns of file names to leave out.

    Returns:
        The pictures in the order of their names.

    Raises:
        ValueError: a picture cannot be read, has no label file, or a row is no label.
    """
    only, without = tuple(only), tuple(without)
    files = sorted(file for file in (folder / "images").glob("*") if file.suffix.lower() in _ENDINGS)
    return [_load(folder, file) for file in files if matches(file.name, only) and not matches(file.name, without)]


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether any of the patterns fits a file name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _load(folder: Path, file: Path) -> LabelledPicture:
    image: Any = cv2.imread(str(file), cv2.IMREAD_COLOR)  # its stubs allow any number type; it is uint8
    if image is None:
        raise ValueError(f"{file}: not a picture that can be read")
    labels = folder / "labels" / f"{file.stem}.txt"
    if not labels.is_file():
        raise ValueError(f"{labels}: no such label file; a picture without vehicles has an empty one")
    height, width = image.shape[:2]
    boxes, classes = [], []
    for number, line in enumerate(labels.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            kind, x, y, w, h = (float(part) for part in line.split())
        except ValueError as error:
            raise ValueError(f"{labels}, line {number}: expected `class x y width height`, found {line.strip()!r}") from error
        if kind not in range(UNKNOWN + 1):
            raise ValueError(f"{labels}, line {number}: expected a class of 0 to {UNKNOWN}, found {kind:g}")
        classes.append(int(kind))
        boxes.append([(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height])
    return LabelledPicture(file.name, image, np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64))
