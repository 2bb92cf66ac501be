"""A folder of pictures of single vehicles with an ``index.csv`` that says whose they are.

The first line names the columns: ``file`` (path inside the folder), ``vehicle_id``, ``cam`` and, optionally, ``class``; others
are passed over. Sets that tell vehicles or views by other columns can name those instead.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from throughline.formats._rows import FormatError, read_text

__all__ = ["INDEX", "Crop", "natural_order", "read_crop_index"]

INDEX = "index.csv"


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of one vehicle.

    Attributes:
        path: The file.
        vehicle: Which vehicle; where several columns tell it, their values with ``/`` between.
        camera: Which camera took it.
        kind: Type of the vehicle, as the index calls it; empty: not said.
        columns: All that the index says of it, by column.
    """

    path: Path
    vehicle: str
    camera: str
    kind: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def read_crop_index(folder: Path, *, vehicle: Sequence[str] = ("vehicle_id",), camera: str = "cam") -> list[Crop]:
    """The pictures of a folder, in the order of its index.

    Args:
        folder: Holds ``index.csv`` and the pictures.
        vehicle: Columns that together tell vehicles apart.
        camera: Column that tells cameras apart.

    Raises:
        FormatError: there is no such folder or index, a column is missing, a value is empty, or a picture is not there or is
            named twice.
    """
    path = folder / INDEX
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    lines = csv.reader(read_text(path).splitlines())
    columns = next(lines, [])
    wanted = ["file", *vehicle, camera]
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise FormatError(f"{path}:1: expected columns {', '.join(wanted)}; missing: {', '.join(missing)}")
    crops: list[Crop] = []
    named: set[str] = set()
    for values in lines:
        if not values:
            continue
        where = f"{path}:{lines.line_num}"
        if len(values) != len(columns):
            raise FormatError(f"{where}: expected {len(columns)} values, found {len(values)}")
        row = dict(zip(columns, (value.strip() for value in values), strict=True))
        empty = [name for name in wanted if not row[name]]
        if empty:
            raise FormatError(f"{where}: {', '.join(empty)} is empty")
        file = folder / row["file"]
        if row["file"] in named:
            raise FormatError(f"{where}: {row['file']} is named twice")
        if not file.is_file():
            raise FormatError(f"{where}: {file}: no such file")
        named.add(row["file"])
        crops.append(Crop(file, "/".join(row[name] for name in vehicle), row[camera], row.get("class", ""), row))
    if not crops:
        raise FormatError(f"{path}: names no pictures")
    return crops


def natural_order(text: str) -> list[tuple[bool, int, str]]:
    """Sorting key that counts: ``c2`` before ``c10``."""
    parts = re.split(r"(\d+)", text)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part]
