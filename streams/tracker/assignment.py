"""One-to-one choices among pairs: exact, and solved only where pairs compete."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from throughline.types import IntArray

__all__ = ["Matching", "assign"]

_SMALL = 4096
"""Of fewer cells than this the whole matrix is solved at once: finding what competes with what would take longer."""

_Gains = npt.NDArray[np.float64]


class Matching:
    """A matching that grows stage by stage: what is taken stays taken.

    Args:
        tracks: (N,) which tracks may be taken.
        detections: (M,) which detections may be taken.
    """

    def __init__(self, tracks: npt.NDArray[np.bool_], detections: npt.NDArray[np.bool_]) -> None:
        self._tracks, self._detections = tracks.copy(), detections.copy()
        self._everything = np.count_nonzero(tracks) + np.count_nonzero(detections) == len(tracks) + len(detections)
        self._taken: list[tuple[IntArray, IntArray]] = []

    def add(self, tracks: IntArray, detections: IntArray, gains: _Gains, ages: IntArray | None = None) -> None:
        """Takes the best of some pairs of which both are free.

        Args:
            tracks: (K,) row of the track of each pair.
            detections: (K,) row of the detection of each pair.
            gains: (K,) as for `assign`.
            ages: (N,) of each track; younger ones choose first (the matching cascade of Wojke et al., ICIP 2017). None: all
                are weighed together.
        """
        if ages is None:
            self._add(tracks, detections, gains)
            return
        for age in np.unique(ages[tracks]).tolist():
            level = ages[tracks] == age
            self._add(tracks[level], detections[level], gains[level])

    def _add(self, tracks: IntArray, detections: IntArray, gains: _Gains) -> None:
        if self._taken or not self._everything:
            free = self._tracks[tracks] & self._detections[detections]
            tracks, detections, gains = tracks[free], detections[free], gains[free]
        if len(tracks) == 0:
            return
        rows, columns = assign(tracks, detections, gains, (len(self._tracks), len(self._detections)))
        self._tracks[rows] = False
        self._detections[columns] = False
        self._taken.append((rows, columns))

    def result(self) -> tuple[IntArray, IntArray]:
        """Tracks and detections taken, (L,) each, in the order of tracks."""
        if not self._taken:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        if len(self._taken) == 1:
            rows, columns = self._taken[0]
        else:
            rows, columns = (np.concatenate(parts) for parts in zip(*self._taken, strict=True))
        order = rows.argsort()
        return rows[order], columns[order]


def assign(tracks: IntArray, detections: IntArray, gains: _Gains, shape: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """The one-to-one choice of pairs with the largest sum of gains; leaving both out gains nothing.

    Args:
        tracks: (K,) row of the track of each pair.
        detections: (K,) row of the detection of each pair; no pair is given twice.
        gains: (K,) above zero.
        shape: Number of tracks and of detections.

    Returns:
        Rows of tracks and of detections, (L,) each.
    """
    if shape[0] * shape[1] < _SMALL:
        return _solve(tracks, detections, gains, shape)
    per_track, per_detection = np.bincount(tracks), np.bincount(detections)
    alone = (per_track[tracks] == 1) & (per_detection[detections] == 1)
    contested = np.flatnonzero(~alone)
    if len(contested) == 0:
        return tracks, detections
    rows, row = np.unique(tracks[contested], return_inverse=True)
    columns, column = np.unique(detections[contested], return_inverse=True)
    chosen_row, chosen_column = _solve(row, column, gains[contested], (len(rows), len(columns)))
    return (
        np.concatenate((tracks[alone], rows[chosen_row])),
        np.concatenate((detections[alone], columns[chosen_column])),
    )


def _solve(rows: IntArray, columns: IntArray, gains: _Gains, shape: tuple[int, int]) -> tuple[IntArray, IntArray]:
    matrix = np.zeros(shape)
    matrix[rows, columns] = gains
    chosen_rows, chosen_columns = linear_sum_assignment(matrix, maximize=True)
    real = matrix[chosen_rows, chosen_columns] > 0
    return chosen_rows[real], chosen_columns[real]
