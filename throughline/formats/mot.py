"""MOT rows: ``frame,id,x,y,width,height,confidence,-1,-1,-1``, frames counted from 1, boxes in pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from throughline.formats._rows import FormatError, read_rows, whole

__all__ = ["MotRow", "mot_line", "read_mot", "read_mot_tracks", "write_mot"]

_EXPECTED = "frame,id,x,y,width,height[,confidence[,class ...]]"


@dataclass(frozen=True, slots=True)
class MotRow:
    """One box in one frame.

    Attributes:
        frame: Frame number, from 1.
        id: Track id; -1 in files of detections.
        x: Left edge in pixels.
        y: Top edge in pixels.
        width: Pixels.
        height: Pixels.
        confidence: 0..1; 1 where the file says nothing.
        category: Seventh extra number of the format: class of the object; -1 where unknown.
    """

    frame: int
    id: int
    x: float
    y: float
    width: float
    height: float
    confidence: float = 1.0
    category: int = -1


def read_mot(path: Path) -> list[MotRow]:
    """All rows, in the order of the file.

    Raises:
        FormatError: a line is no MOT row; names file and line.
    """
    rows = []
    for number, values in read_rows(path, separator=",", least=6, expected=_EXPECTED):
        frame, track = whole(path, number, values[0], "frame"), whole(path, number, values[1], "id")
        if frame < 1:
            raise FormatError(f"{path}:{number}: frames are counted from 1, found {frame}")
        if values[4] <= 0.0 or values[5] <= 0.0:
            raise FormatError(f"{path}:{number}: a box must have a width and a height, found {values[4]:g} x {values[5]:g}")
        confidence = values[6] if len(values) > 6 else 1.0
        category = whole(path, number, values[7], "class") if len(values) > 7 else -1
        rows.append(MotRow(frame, track, values[2], values[3], values[4], values[5], confidence, category))
    return rows


def read_mot_tracks(path: Path) -> list[MotRow]:
    """As `read_mot`, of a file whose ids are those of tracks: each has at most one box in a frame.

    Raises:
        FormatError: a line is no MOT row, or a track has two boxes in one frame; names the file.
    """
    rows = read_mot(path)
    seen: set[tuple[int, int]] = set()
    for row in rows:
        if (row.id, row.frame) in seen:
            raise FormatError(f"{path}: track {row.id} has two boxes in one frame, {row.frame}")
        seen.add((row.id, row.frame))
    return rows


def write_mot(path: Path, rows: Iterable[MotRow]) -> None:
    """Writes rows as they are, boxes with two decimals."""
    path.write_text("".join(map(mot_line, rows)), encoding="utf-8")


def mot_line(row: MotRow) -> str:
    """The line of one row, boxes with two decimals."""
    return (
        f"{row.frame},{row.id},{row.x:.2f},{row.y:.2f},{row.width:.2f},{row.height:.2f},{row.confidence:g},{row.category},-1,-1\n"
    )
