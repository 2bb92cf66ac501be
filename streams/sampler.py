"""Which decoded frames are analysed."""

from __future__ import annotations

from typing import Final

from throughline.times import Instant, seconds_between

__all__ = ["Sampler", "Thinner"]

_ENOUGH: Final = 0.55
"""Share of a period that must be due. Half a period absorbs jitter; the bit more keeps 20 -> 10 and the like off the edge."""
_MOST: Final = 2.0
"""Periods that may be owed: after a gap no more than this is caught up."""


class Sampler:
    """Thins frames to a rate by capture time, without drift.

    Time earns credit, an analysed frame costs one. A frame that comes early is taken on credit, so a source whose rate is
    the wanted one loses nothing to jitter, and over any long span no more than ``fps`` frames a second are taken.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._credit = 1.0
        self._last: Instant | None = None

    def wants(self, captured: Instant) -> bool:
        """Whether to analyse the frame captured then; to be asked once for each frame, in order of time."""
        if self._last is not None:
            self._credit = min(_MOST, self._credit + seconds_between(self._last, captured) * self._fps)
        self._last = captured
        if self._credit < _ENOUGH:
            return False
        self._credit -= 1.0
        return True


class Thinner:
    """Leaves out an even share of frames."""

    def __init__(self) -> None:
        self._credit = 0.0

    def keeps(self, share: float) -> bool:
        """Whether to keep the next frame, where a ``share`` in 0..1 of them is kept."""
        self._credit += share
        if self._credit < 1.0 - 1e-9:
            return False
        self._credit -= 1.0
        return True
