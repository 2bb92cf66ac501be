"""A data set in COCO JSON as labelled pictures: ``images``, ``annotations`` and ``categories``, and a folder with the pictures.

Categories go by their names; those that are no vehicles are passed over. A crowd is a part of its picture that nobody has
labelled one by one: what is found there counts neither way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from throughline.formats._coco_json import converted, read_json, types_of
from throughline.formats._rows import FormatError
from throughline.formats.yolo_folder import LabelledPicture

__all__ = ["read_coco_pictures"]


class _Image(msgspec.Struct):
    id: int
    file_name: str
    width: int
    height: int


class _Annotation(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


def read_coco_pictures(path: Path, images: Path | None = None) -> list[LabelledPicture]:
    """The pictures of a data set by their names; pictures themselves are not opened.

    Args:
        path: The JSON file.
        images: Folder that the names of pictures start from; None: the file's own, or ``images/`` there.

    Raises:
        FormatError: it is no data set, or names a picture that is not there; names what is wrong with which entry.
    """
    data = read_json(path)
    if not isinstance(data, dict) or not {"images", "annotations"} <= data.keys():
        raise FormatError(f"{path}: expected a COCO data set with 'images' and 'annotations'")
    entries = converted(path, "images", data["images"], _Image)
    if not entries:
        raise FormatError(f"{path}: images: names no pictures")
    labels = _labels(path, data, entries)
    folders = [images] if images is not None else [path.parent, path.parent / "images"]
    pictures = []
    for index, entry in enumerate(entries):
        file = next((folder / entry.file_name for folder in folders if (folder / entry.file_name).is_file()), None)
        if file is None:
            raise FormatError(f"{path}: images[{index}]: no {entry.file_name} in {' or '.join(map(str, folders))}")
        known, crowds = labels[entry.id]
        size = float(entry.width), float(entry.height)
        classes = np.array([kind for kind, _ in known], np.int64)
        boxes = _shares([box for _, box in known], size)
        pictures.append(LabelledPicture(file, classes, boxes, _shares(crowds, size), labelled=True))
    return sorted(pictures, key=lambda picture: picture.path.name)


_Box = tuple[float, float, float, float]
_Labels = tuple[list[tuple[int, _Box]], list[_Box]]


def _labels(path: Path, data: dict[str, Any], entries: list[_Image]) -> dict[int, _Labels]:
    """By image: type and box of its vehicles, and crowds; boxes are x, y, width, height in pixels."""
    found: dict[int, _Labels] = {}
    for index, entry in enumerate(entries):
        if entry.id in found:
            raise FormatError(f"{path}: images[{index}]: the id {entry.id} is given twice")
        if entry.width < 1 or entry.height < 1:
            raise FormatError(f"{path}: images[{index}]: width and height must be above 0")
        found[entry.id] = [], []
    types = types_of(path, data)
    for index, annotation in enumerate(converted(path, "annotations", data["annotations"], _Annotation)):
        if annotation.image_id not in found:
            raise FormatError(f"{path}: annotations[{index}]: no image has the id {annotation.image_id}")
        if annotation.category_id not in types:
            continue
        if not min(annotation.bbox[2:]) > 0:
            raise FormatError(f"{path}: annotations[{index}]: a box must have a width and a height")
        known, crowds = found[annotation.image_id]
        if annotation.iscrowd:
            crowds.append(annotation.bbox)
        else:
            known.append((types[annotation.category_id], annotation.bbox))
    return found


def _shares(boxes: list[_Box], size: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Middle, width and height (N, 4) in shares of the picture, of boxes x, y, width, height in pixels."""
    table = np.array(boxes, np.float64).reshape(-1, 4)
    middle = table[:, :2] + table[:, 2:] / 2
    return np.asarray(np.concatenate([middle, table[:, 2:]], axis=1) / (*size, *size))
