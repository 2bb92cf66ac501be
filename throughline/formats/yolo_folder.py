"""A folder of pictures with boxes in the text form of YOLO: ``images/``, ``labels/`` and, optionally, ``ignore/``.

``labels/<picture>.txt`` holds a line for each vehicle: ``class cx cy w h``, the middle and the size of its box as shares of the
picture's width and height; classes are indices into `VEHICLE_TYPES`. A picture without a file shows no vehicle. ``ignore/``
holds, in the same form, parts of the pictures that nobody has labelled: what is found there counts neither way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from throughline.formats._rows import FormatError, read_rows, whole
from throughline.types import VEHICLE_TYPES, IntArray

__all__ = ["PICTURE_SUFFIXES", "LabelledPicture", "corners", "read_yolo_folder"]

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")

_ROW = "class cx cy w h"
_ROUNDING = 1e-3
"""Share of the picture by which boxes reach out of it in files written with few digits."""


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture and the vehicles in it.

    Attributes:
        path: The picture.
        classes: (N,) int64, index into `VEHICLE_TYPES`.
        boxes: (N, 4) float64, middle x, middle y, width and height in shares of the picture.
        ignored: (M, 4) float64, parts that nobody has labelled, in the same form.
        labelled: Whether there is a file of labels, even an empty one.
    """

    path: Path
    classes: IntArray
    boxes: npt.NDArray[np.float64]
    ignored: npt.NDArray[np.float64]
    labelled: bool


def read_yolo_folder(folder: Path, *, names: Sequence[str] = VEHICLE_TYPES) -> list[LabelledPicture]:
    """The pictures of a folder by their names; pictures themselves are not opened.

    Args:
        folder: Holds ``images/`` and ``labels/``.
        names: Of the classes; a number beyond them is an error.

    Raises:
        FormatError: there are no pictures, a file of labels belongs to none or to two of them, or a line cannot be read.
    """
    if not (folder / "images").is_dir():
        raise FormatError(f"{folder / 'images'}: no such folder; expected {folder}/images and {folder}/labels")
    pictures: dict[str, Path] = {}
    for path in sorted((folder / "images").iterdir()):
        if path.suffix.lower() in PICTURE_SUFFIXES:
            if path.stem in pictures:
                raise FormatError(f"{path}: {pictures[path.stem].name} has the same labels: rename one of them")
            pictures[path.stem] = path
    if not pictures:
        raise FormatError(f"{folder / 'images'}: no pictures; looked for {', '.join(PICTURE_SUFFIXES)}")
    if not (folder / "labels").is_dir():
        raise FormatError(f"{folder / 'labels'}: no such folder")
    labels, ignored = (_files(folder / name, pictures) for name in ("labels", "ignore"))
    return [_picture(path, labels.get(stem), ignored.get(stem), names) for stem, path in pictures.items()]


def corners(boxes: npt.NDArray[np.float64], width: int, height: int) -> npt.NDArray[np.float64]:
    """x1, y1, x2, y2 in pixels of boxes (N, 4) in shares of a picture of this size, cut to it."""
    halves = boxes[:, 2:] / 2
    shares = np.concatenate([boxes[:, :2] - halves, boxes[:, :2] + halves], axis=1)
    return np.asarray(np.clip(shares, 0.0, 1.0) * np.array([width, height, width, height], np.float64))


def _files(folder: Path, pictures: dict[str, Path]) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    files = {path.stem: path for path in sorted(folder.glob("*.txt")) if path.name != "classes.txt"}
    strangers = sorted(set(files) - set(pictures))
    if strangers:
        raise FormatError(f"{files[strangers[0]]}: there is no picture {strangers[0]} in {folder.parent / 'images'}")
    return files


def _picture(path: Path, labels: Path | None, ignored: Path | None, names: Sequence[str]) -> LabelledPicture:
    classes, boxes = _boxes(labels, names)
    return LabelledPicture(path, classes, boxes, _boxes(ignored, None)[1], labels is not None)


def _boxes(path: Path | None, names: Sequence[str] | None) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Classes (N,) and boxes (N, 4) of a file; without ``names`` classes may be any."""
    if path is None:
        return np.zeros(0, np.int64), np.zeros((0, 4))
    classes, boxes = [], []
    for number, values in read_rows(path, separator=None, least=5, expected=_ROW):
        if len(values) > 5:
            raise FormatError(f"{path}:{number}: expected {_ROW}, found {len(values)} numbers: outlines are no boxes")
        kind = whole(path, number, values[0], "class")
        if names is not None and not 0 <= kind < len(names):
            listed = ", ".join(f"{index} {name}" for index, name in enumerate(names))
            raise FormatError(f"{path}:{number}: there is no class {kind}: {listed}")
        box = values[1:5]
        ends = (box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2)
        if min(box[2:]) <= 0 or min(ends) < -_ROUNDING or max(ends) > 1 + _ROUNDING:
            raise FormatError(f"{path}:{number}: expected a box inside the picture, {_ROW} in shares of its size")
        classes.append(kind)
        boxes.append(box)
    return np.array(classes, np.int64), np.array(boxes, np.float64).reshape(-1, 4)
