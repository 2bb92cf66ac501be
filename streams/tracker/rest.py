"""Which vehicles rest: the filter cannot tell, since its velocity is that of the last few boxes, noise and all.

Each track has an anchor that follows where the vehicle is seen slowly, and moves to it at once when it has been elsewhere for a
while. A vehicle that has stayed about its anchor for some time rests. One box that is far off, as of a false alarm next to it,
does not move the anchor.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.tracker.table import SEEN, TrackTable
from throughline.times import MICROSECONDS, Instant
from throughline.types import IntArray

__all__ = ["anchor", "resting"]

_ABOUT = 0.25  # heights of the box around the anchor
_ELSEWHERE: Final = round(0.5 * MICROSECONDS)  # after so long the anchor moves
_RESTED: Final = round(1.5 * MICROSECONDS)  # after so long a vehicle rests
_FOLLOWING = 0.2  # share of the way to a sighting that the anchor goes


def anchor(table: TrackTable, since: Instant) -> None:
    """Takes in the latest sightings, of those tracks that were seen after ``since``."""
    seen = table.latest[SEEN]
    off = table.sighted[:2] - table.anchor
    about = off[0] ** 2 + off[1] ** 2 < (_ABOUT * table.sighted[3]) ** 2
    fresh = seen > since
    stays = about & fresh
    table.anchor += np.where(stays, _FOLLOWING, 0.0) * off
    np.copyto(table.anchored[1], seen, where=stays)
    moves = fresh & ~about & (seen - table.anchored[1] > _ELSEWHERE)
    np.copyto(table.anchor, table.sighted[:2], where=moves)
    np.copyto(table.anchored, seen, where=moves)


def resting(table: TrackTable, rows: IntArray) -> IntArray:
    """Those of some tracks that rested when they were last seen."""
    first, last = table.anchored.take(rows, 1)
    still: IntArray = rows[last - first >= _RESTED]
    return still
