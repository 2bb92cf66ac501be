"""Cuts the labelled vehicles out of a detector's training set, so that an embedder can learn from them too.

Each vehicle becomes a picture of its own, named after the picture it comes from; the index says its type where the set does.
Nobody knows which of them are the same vehicle, so each is a vehicle of its own there: a source that is not ``classified``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from throughline.formats import FormatError
from throughline.formats.crop_index import INDEX
from throughline.formats.yolo_folder import LabelledPicture, corners, read_yolo_folder
from throughline.types import VEHICLE_TYPES

__all__ = ["CutReport", "cut_boxes"]

_JPEG_QUALITY: Final = 95
_COLUMNS: Final = ("file", "vehicle_id", "cam", "class", "w", "h")


@dataclass(frozen=True, slots=True)
class CutReport:
    """What became of the boxes of a folder.

    Attributes:
        cut: Boxes that are pictures now.
        small: Boxes that were left, because they are smaller than asked for.
    """

    cut: int
    small: int


def cut_boxes(
    folder: Path, out: Path, *, least: int = 20, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> CutReport:
    """Cuts the boxes of a YOLO folder into pictures with an ``index.csv``.

    Args:
        folder: Holds ``images/`` and ``labels/``.
        out: A new folder; it gets the pictures and their index.
        least: Shorter side in pixels below which a box is left out.
        progress: Called with the pictures done and their number.

    Raises:
        FormatError: the folder is not of this form, a picture cannot be read, or `out` exists already.
    """
    pictures = read_yolo_folder(folder)
    try:
        out.mkdir(parents=True)
    except FileExistsError:
        raise FormatError(f"{out}: exists already; name a new folder") from None
    rows: list[tuple[str | int, ...]] = []
    small = 0
    for done, picture in enumerate(pictures, 1):
        cut = _cut(picture, out, folder.name, least)
        rows += cut
        small += len(picture.boxes) - len(cut)
        progress(done, len(pictures))
    with (out / INDEX).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *rows])
    return CutReport(len(rows), small)


def _cut(picture: LabelledPicture, out: Path, camera: str, least: int) -> Sequence[tuple[str | int, ...]]:
    pixels = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FormatError(f"{picture.path}: cannot be read as a picture")
    boxes = np.rint(corners(picture.boxes, pixels.shape[1], pixels.shape[0])).astype(int)
    rows: list[tuple[str | int, ...]] = []
    for number, (kind, (left, top, right, bottom)) in enumerate(zip(picture.classes.tolist(), boxes.tolist(), strict=True)):
        width, height = right - left, bottom - top
        if min(width, height) < least:
            continue
        name = f"{picture.path.stem}_{number:03d}"
        cv2.imwrite(str(out / f"{name}.jpg"), pixels[top:bottom, left:right], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        rows.append((f"{name}.jpg", name, camera, VEHICLE_TYPES[kind], width, height))
    return rows
