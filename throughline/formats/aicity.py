"""AI City rows: ``camera_number id frame x y width height -1 -1``, frames counted from 1, boxes in pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from throughline.formats._rows import read_rows, whole

__all__ = ["AiCityRow", "read_aicity", "write_aicity"]

_EXPECTED = "camera id frame x y width height -1 -1, with blanks between"


@dataclass(frozen=True, slots=True)
class AiCityRow:
    """One box of one vehicle.

    Attributes:
        camera: Camera number.
        id: Vehicle id, the same in all cameras.
        frame: Frame number of that camera, from 1.
        x: Left edge in pixels.
        y: Top edge in pixels.
        width: Pixels.
        height: Pixels.
    """

    camera: int
    id: int
    frame: int
    x: float
    y: float
    width: float
    height: float


def read_aicity(path: Path) -> list[AiCityRow]:
    """All rows, in the order of the file.

    Raises:
        FormatError: a line is no such row; names file and line.
    """
    rows = []
    for number, values in read_rows(path, separator=None, least=7, expected=_EXPECTED):
        camera, vehicle, frame = (
            whole(path, number, value, name) for value, name in zip(values, ("camera", "id", "frame"), strict=False)
        )
        rows.append(AiCityRow(camera, vehicle, frame, *values[3:7]))
    return rows


def write_aicity(path: Path, rows: Iterable[AiCityRow]) -> None:
    """Writes rows as they are, boxes with two decimals."""
    lines = (
        f"{row.camera} {row.id} {row.frame} {row.x:.2f} {row.y:.2f} {row.width:.2f} {row.height:.2f} -1 -1\n" for row in rows
    )
    path.write_text("".join(lines), encoding="utf-8")
