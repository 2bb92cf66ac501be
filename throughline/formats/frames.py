"""``<camera>.frames``: which frames of a camera were analysed and, where known, when they were taken and their size.

One line a frame: ``number[,seconds[,width,height[,cut]]]``. Numbers count from 1, and one that is not there is a frame that
was dropped. Seconds are those of the camera's clock, without the site file's offset, to the microsecond; without them a
frame's time follows from its number and the camera's frame rate. A cut of 1 says that the camera was away before the frame,
so that no track goes on in it. All lines have the same columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from throughline.formats._table import NumberTable, read_table
from throughline.settings import CameraSettings
from throughline.times import MICROSECONDS, Instant, to_instant
from throughline.types import IntArray

__all__ = ["AnalysedFrames", "frame_line", "read_frames"]

_EXPECTED: Final = "number[,seconds[,width,height[,cut]]]"
_LATEST: Final = 1e11
"""Seconds; a later time is one in other units."""
_LARGEST_SIDE: Final = 65_536
"""Pixels."""


@dataclass(frozen=True, slots=True)
class AnalysedFrames:
    """The analysed frames of one camera.

    Attributes:
        numbers: (F,) int64, increasing, from 1.
        clock: (F,) int64, microseconds of the camera's clock; None: they follow from the numbers.
        sizes: (F, 2) int64, width and height in pixels, where known.
        cuts: (F,) bool, no track goes on in this frame; None: all do.
    """

    numbers: IntArray
    clock: IntArray | None = None
    sizes: IntArray | None = None
    cuts: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def up_to(cls, last: int) -> AnalysedFrames:
        """Every frame from 1 to ``last``."""
        return cls(np.arange(1, last + 1))

    def times(self, camera: CameraSettings) -> IntArray:
        """Capture times (F,), int64, with the clock offset of ``camera`` added."""
        clock = self.clock
        if clock is None:
            seconds = (self.numbers - 1) / camera.frame_rate_of_recordings
            clock = np.rint(seconds * MICROSECONDS).astype(np.int64)
        return clock + to_instant(camera.clock.offset)


def read_frames(path: Path) -> AnalysedFrames:
    """The frames of a file, by number.

    Raises:
        FormatError: it cannot be read, or a line is wrong, or names a frame for the second time; names file and line.
    """
    nothing = float("nan")
    table = read_table(path, least=1, defaults=(*[nothing] * 4, 0.0), expected=_EXPECTED)
    numbers = table.whole(0, "the number of a frame", least=1)
    order = np.argsort(numbers, kind="stable")
    if len(repeated := np.flatnonzero(np.diff(numbers[order]) == 0)):
        row = int(order[repeated[0] + 1])
        raise table.error(row, f"frame {numbers[row]} stands there twice")
    clock = _clock(table)
    sizes = None
    if _given(table, 2):
        sides = [table.whole(column, name, least=1, most=_LARGEST_SIDE) for column, name in ((2, "width"), (3, "height"))]
        sizes = np.stack(sides, axis=1)[order]
    cuts = table.whole(4, "cut", least=0, most=1)[order].astype(np.bool_)
    return AnalysedFrames(numbers[order], None if clock is None else clock[order], sizes, cuts if cuts.any() else None)


def frame_line(number: int, clock: Instant, size: tuple[int, int], *, cut: bool) -> str:
    """The line of one frame.

    Args:
        number: From 1.
        clock: Time of the camera's clock, without the site file's offset.
        size: Width and height of the picture in pixels.
        cut: No track goes on in this frame.
    """
    return f"{number},{clock / MICROSECONDS:.6f},{size[0]},{size[1]},{cut:d}\n"


def _clock(table: NumberTable) -> IntArray | None:
    if not _given(table, 1):
        return None
    seconds = table.values[:, 1]
    wrong = ~(np.abs(seconds) <= _LATEST)
    if wrong.any():
        raise table.error(int(wrong.argmax()), f"expected a time in seconds, as on the other lines; {_EXPECTED}")
    return np.rint(seconds * MICROSECONDS).astype(np.int64)


def _given(table: NumberTable, column: int) -> bool:
    return bool(~np.isnan(table.values[:, column]).all()) if len(table) else False
