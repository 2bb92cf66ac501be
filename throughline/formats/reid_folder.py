"""Folders of pictures of vehicles to look for and to look among, in the layouts that are about.

``index.csv`` with all pictures: those of the lowest camera are looked for among those of the others. ``query/`` and
``gallery/``, or VeRi's ``image_query/`` and ``image_test/``: with an ``index.csv`` each, or pictures whose names begin with
vehicle and camera as VeRi's and Market-1501's do, ``0012_c003_00007.jpg``. Beside VeRi's folders its labels are read as well
(`throughline.formats.veri_labels`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from throughline.formats._rows import FormatError
from throughline.formats.crop_index import INDEX, Crop, natural_order, read_crop_index
from throughline.formats.veri_labels import label_file, read_veri_labels
from throughline.formats.yolo_folder import PICTURE_SUFFIXES

__all__ = ["ReidFolder", "read_reid_folder", "read_reid_part"]

_PAIRS = (("query", "gallery"), ("image_query", "image_test"))
_NAME = re.compile(r"(?P<vehicle>\d+)_(?P<camera>c\d+)")


@dataclass(frozen=True, slots=True)
class ReidFolder:
    """Pictures to look for, and pictures to look among; they may be the same."""

    query: tuple[Crop, ...]
    gallery: tuple[Crop, ...]


def read_reid_folder(
    folder: Path, *, vehicle: Sequence[str] = ("vehicle_id",), camera: str = "cam", all_queries: bool = False
) -> ReidFolder:
    """Reads a folder in any of the layouts.

    Args:
        folder: Where the pictures are.
        vehicle: Columns of ``index.csv`` that together tell vehicles apart.
        camera: Column of ``index.csv`` that tells cameras apart.
        all_queries: Look for every picture of ``index.csv`` among all of them, whatever its camera.

    Raises:
        FormatError: it has none of these layouts, or what is there cannot be read.
    """
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    if (folder / INDEX).is_file():
        crops = tuple(read_crop_index(folder, vehicle=vehicle, camera=camera))
        if all_queries:
            return ReidFolder(crops, crops)
        lowest = min((crop.camera for crop in crops), key=natural_order)
        gallery = tuple(crop for crop in crops if crop.camera != lowest)
        if not gallery:
            raise FormatError(f"{folder / INDEX}: all pictures are of camera {lowest}, so there is none to look among")
        return ReidFolder(tuple(crop for crop in crops if crop.camera == lowest), gallery)
    for query, gallery_name in _PAIRS:
        if (folder / query).is_dir() and (folder / gallery_name).is_dir():
            parts = [read_reid_part(folder / name, vehicle, camera) for name in (query, gallery_name)]
            return ReidFolder(*parts)
    layouts = " or ".join(f"{query}/ and {gallery}/" for query, gallery in _PAIRS)
    raise FormatError(f"{folder}: expected {INDEX}, or {layouts}")


def read_reid_part(folder: Path, vehicle: Sequence[str] = ("vehicle_id",), camera: str = "cam") -> tuple[Crop, ...]:
    """The pictures of one folder: with an ``index.csv``, labels of VeRi beside it, or names that tell.

    Args:
        folder: Where the pictures are.
        vehicle: Columns of ``index.csv`` that together tell vehicles apart.
        camera: Column of ``index.csv`` that tells cameras apart.

    Raises:
        FormatError: nothing tells what a picture shows, or what does cannot be read.
    """
    if (folder / INDEX).is_file():
        return tuple(read_crop_index(folder, vehicle=vehicle, camera=camera))
    file = label_file(folder)
    labels = {} if file is None else read_veri_labels(file)
    crops = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            continue
        label = labels.get(path.name)
        if label is not None:
            crops.append(Crop(path, label.vehicle, label.camera, label.kind, {"colour": label.colour} if label.colour else {}))
            continue
        found = _NAME.match(path.name)
        if found is None:
            raise FormatError(f"{path}: expected an {INDEX}, or names that begin with vehicle and camera, 0012_c003_...")
        crops.append(Crop(path, found["vehicle"], found["camera"]))
    if not crops:
        raise FormatError(f"{folder}: no pictures; looked for {', '.join(PICTURE_SUFFIXES)}")
    return tuple(crops)
