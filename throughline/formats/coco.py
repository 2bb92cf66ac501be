"""COCO JSON as detections of one camera: a list of results, or a data set with images and annotations.

A *results* list, ``[{image_id, category_id, bbox, score}]``, has the number of the frame as ``image_id``, and the category
ids of COCO's 80 classes (3 car, 4 motorcycle, 6 bus, 8 truck).

A *data set* is an object with ``images``, ``annotations`` and ``categories``. The number of an image's frame is its
``frame_id``, else the digits at the end of its ``file_name`` (before the suffix), else its ``id``. Images without
annotations are frames in which nothing was seen; frames without an image were dropped. Categories go by their names.

Frames are numbered from 1 in all of these. ``bbox`` is x, y, width, height in pixels; without a ``score`` it is sure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from throughline.formats._coco_json import TYPE_OF_ID, converted, read_json, types_of
from throughline.formats._rows import FormatError
from throughline.types import IntArray

__all__ = ["CocoDetections", "read_coco"]

_LARGEST_NUMBER: Final = 2**53


@dataclass(frozen=True, slots=True)
class CocoDetections:
    """The vehicles of a file.

    Attributes:
        numbers: (N,) int64, number of each one's frame.
        boxes: (N, 4) float64, x, y, width, height in pixels.
        scores: (N,) float64.
        classes: (N,) int64, index into `VEHICLE_TYPES`.
        frames: (F,) int64, increasing: the frames that the file lists; None when it lists none.
        left_out: How many annotations are not among them, by reason: ``category`` (no vehicle), ``crowd``.
    """

    numbers: IntArray
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    classes: IntArray
    frames: IntArray | None
    left_out: Mapping[str, int]


class _Annotation(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    score: float = 1.0
    iscrowd: int = 0


class _Image(msgspec.Struct):
    id: int
    file_name: str | None = None
    frame_id: int | None = None


def read_coco(path: Path) -> CocoDetections:
    """Reads results or a data set.

    Raises:
        FormatError: the file is neither; names what is wrong with which entry.
    """
    data = read_json(path)
    if isinstance(data, list):
        results = converted(path, "results", data, _Annotation)
        for index, result in enumerate(results):
            _check_number(result.image_id, f"{path}: results[{index}]: image_id, which is the number of the frame,")
        return _detections(results, [result.image_id for result in results], TYPE_OF_ID, None)
    if not isinstance(data, dict) or not {"images", "annotations"} <= data.keys():
        raise FormatError(f"{path}: expected a list of COCO results, or a COCO data set with 'images' and 'annotations'")
    return _data_set(path, data)


def _data_set(path: Path, data: dict[str, Any]) -> CocoDetections:
    images = converted(path, "images", data["images"], _Image)
    number_of: dict[int, int] = {}
    image_of: dict[int, int] = {}
    for index, image in enumerate(images):
        number, source = _frame_number(image)
        _check_number(number, f"{path}: images[{index}]: {source}, which is the number of the frame,")
        if image.id in number_of:
            raise FormatError(f"{path}: images[{index}]: the id {image.id} is given twice")
        if number in image_of:
            raise FormatError(f"{path}: images {image_of[number]} and {image.id} are both frame {number}, by their {source}")
        number_of[image.id], image_of[number] = number, image.id
    annotations = converted(path, "annotations", data["annotations"], _Annotation)
    for index, annotation in enumerate(annotations):
        if annotation.image_id not in number_of:
            raise FormatError(f"{path}: annotations[{index}]: no image has the id {annotation.image_id}")
    types = types_of(path, data)
    numbers = [number_of[annotation.image_id] for annotation in annotations]
    return _detections(annotations, numbers, types, np.array(sorted(image_of), np.int64))


def _frame_number(image: _Image) -> tuple[int, str]:
    """The number of an image's frame, and where it stands."""
    if image.frame_id is not None:
        return image.frame_id, "frame_id"
    digits = re.search(r"(\d+)$", Path(image.file_name or "").stem)
    return (image.id, "id") if digits is None else (int(digits[1]), "file_name")


def _check_number(number: int, what: str) -> None:
    if not 1 <= number < _LARGEST_NUMBER:
        raise FormatError(f"{what} must be a whole number from 1 on, found {number}")


def _detections(
    annotations: Sequence[_Annotation], numbers: Sequence[int], types: Mapping[int, int], frames: IntArray | None
) -> CocoDetections:
    kept, left_out = [], Counter[str]()
    for annotation, number in zip(annotations, numbers, strict=True):
        kind = types.get(annotation.category_id)
        if kind is None:
            left_out["category"] += 1
        elif annotation.iscrowd:
            left_out["crowd"] += 1
        else:
            kept.append((number, annotation.bbox, annotation.score, kind))
    return CocoDetections(
        numbers=np.array([number for number, *_ in kept], np.int64),
        boxes=np.array([box for _, box, *_ in kept], np.float64).reshape(-1, 4),
        scores=np.array([score for *_, score, _ in kept], np.float64),
        classes=np.array([kind for *_, kind in kept], np.int64),
        frames=frames,
        left_out=left_out,
    )
