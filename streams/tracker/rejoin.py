"""Fragments of one passage: a new track that begins where, and as, a lost one must be by now.

Between the last sighting of the lost track and the first of the new one the vehicle moved at a speed between those seen
before and after: the mean of both, if it braked or gained speed evenly. A fragment fits when that takes it to where the new
track began, within what both velocities and the measurements leave open, at about the same size, and looking alike where
looks are known. Where two fragments could continue one track, or one fragment two, nothing is joined.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.tracker import kalman
from streams.tracker.appearance import FeatureBank
from streams.tracker.table import SEEN, TrackTable
from throughline.settings import TrackingSettings
from throughline.times import MICROSECONDS
from throughline.types import IntArray

__all__ = ["fragments"]

_PLACE_NOISE = 0.15  # of the mean height: boxes at the edges of a gap are often cut by what hides the vehicle
_ACCELERATION = 0.4  # heights a second squared, of changes of speed that are not even
_SIZE_NOISE = 0.15  # of the logarithm of the height
_SIZE_GROWTH = 0.15  # of the same, a second


def fragments(
    table: TrackTable, new: IntArray, unseen: IntArray, features: FeatureBank, settings: TrackingSettings
) -> list[tuple[int, int]]:
    """Which of the tracks just confirmed go on where a lost one must be.

    Args:
        table: Tracks.
        new: (K,) rows of the tracks just confirmed.
        unseen: (U,) rows of the tracks that this frame does not show.
        features: How tracks have looked.
        settings: ``rejoin`` and ``appearance`` count.

    Returns:
        Pairs of rows: the new track, and the lost one.
    """
    if len(new) == 0 or len(unseen) == 0 or settings.rejoin_within == 0:
        return []
    lost = unseen[table.confirmed[unseen]]
    cost = np.stack([_deviations(table, int(row), lost, settings.rejoin_within) for row in new])
    cost[cost > settings.rejoin.max_deviation] = np.inf
    if settings.appearance.enabled:
        for index, row in enumerate(new.tolist()):
            distance = features.between(row, lost)
            other = distance > settings.appearance.max_distance
            if settings.rejoin.by_motion_alone:
                other &= np.isfinite(distance)  # else how they look is not known
            cost[index, other] = np.inf
    possible = np.isfinite(cost)
    certain = possible & (possible.sum(axis=0) == 1) & (possible.sum(axis=1) == 1)[:, None]
    return [(int(new[row]), int(lost[column])) for row, column in np.argwhere(certain)]


def _deviations(table: TrackTable, new: int, lost: IntArray, within: float) -> npt.NDArray[np.float64]:
    """How many standard deviations the new track's beginning is from each lost track's continuation; infinite: not at all."""
    gap = (table.started[new] - table.latest[SEEN, lost]) / MICROSECONDS
    state, mine = table.kalman[:, :2, lost], table.kalman[:, :2, new, None]
    x1, y1, x2, y2 = table.history[new, 0, :4]
    first = np.array([[x1 + x2], [y1 + y2]]) / 2
    height = (table.sighted[3, lost] + y2 - y1) / 2
    error = first - table.sighted[:2, lost] - gap * (state[kalman.VELOCITY] + mine[kalman.VELOCITY]) / 2
    variance = (_PLACE_NOISE * height) ** 2 + (_ACCELERATION * height * gap**2 / 2) ** 2
    variance = variance + gap**2 * (state[kalman.VELOCITY_VARIANCE] + mine[kalman.VELOCITY_VARIANCE]) / 4
    place = (np.square(error) / variance).sum(axis=0)
    size = np.square(np.log((y2 - y1) / table.sighted[3, lost])) / (_SIZE_NOISE + _SIZE_GROWTH * np.abs(gap)) ** 2
    fits = (gap > 0) & (gap <= within)
    return np.where(fits, np.sqrt(place + size), np.inf)
