"""`throughline import veri`: crops in VeRi's layout as folders with an ``index.csv``."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from throughline.formats import FormatError
from throughline.formats.crop_index import INDEX, Crop
from throughline.formats.reid_folder import read_reid_part

__all__ = ["import_crops"]

_PARTS = {"image_train": "train", "image_query": "query", "image_test": "gallery"}


def import_crops(source: Path, out: Path) -> list[str]:
    """Writes an index for each part that is there; pictures stay where they are, and indexes name them from there.

    Args:
        source: Holds ``image_train``, ``image_query`` and ``image_test``, or some of them.
        out: Where to.

    Returns:
        What was done, for people.

    Raises:
        FormatError: there is no part, or what a picture shows is not told.
        OSError: a file cannot be written.
    """
    there = {source / folder: part for folder, part in _PARTS.items() if (source / folder).is_dir()}
    if not there:
        raise FormatError(f"{source}: expected {'/, '.join(_PARTS)}/, or some of them")
    parts = {part: read_reid_part(folder) for folder, part in there.items()}
    told = []
    for part, crops in parts.items():
        (out / part).mkdir(parents=True, exist_ok=True)
        _write_index(out / part, crops)
        vehicles = len({crop.vehicle for crop in crops})
        told.append(f"{out / part / INDEX}: {len(crops)} pictures of {vehicles} vehicles")
    return told


def _write_index(folder: Path, crops: Sequence[Crop]) -> None:
    with (folder / INDEX).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "vehicle_id", "cam", "class", "colour"))
        for crop in crops:
            path = os.path.relpath(crop.path.resolve(), folder.resolve())
            writer.writerow((path, crop.vehicle, crop.camera, crop.kind, crop.columns.get("colour", "")))
