"""How vehicles looked to one model, and when and where that was."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from matcher.search.index import Nearest, VectorIndex
from matcher.search.rows import BoolArray, VectorRows
from matcher.search.selection import Selection
from throughline.times import Instant
from throughline.types import FloatArray, IntArray

__all__ = ["ModelVectors"]


class ModelVectors:
    """The vectors of one model, each with the number, camera and times of the tracklet that it belongs to.

    Args:
        dimension: Length of a vector.
        make_index: Makes the index over the rows.
    """

    def __init__(self, dimension: int, make_index: Callable[[VectorRows], VectorIndex]) -> None:
        self.rows = VectorRows(dimension)
        self.index = make_index(self.rows)
        self._owner = np.zeros(0, np.int64)
        self._camera = np.zeros(0, np.int64)
        self._start = np.zeros(0, np.int64)
        self._end = np.zeros(0, np.int64)
        self._cameras: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def replace(self, former: Sequence[int], vectors: FloatArray, owner: int) -> tuple[int, ...]:
        """Puts ``vectors`` (N, D) in place of those at ``former``; returns their rows."""
        for row in former[len(vectors) :]:
            self.rows.free(row)
        placed = [self.rows.put(vector, row) for vector, row in zip(vectors, former, strict=False)]
        placed += [self.rows.put(vector) for vector in vectors[len(former) :]]
        self._grow()
        self._owner[placed] = owner
        return tuple(placed)

    def describe(self, rows: Sequence[int], camera: str, start: Instant, end: Instant) -> None:
        """Says when and where the vehicle with these rows was seen."""
        index = list(rows)
        self._camera[index] = self._cameras.setdefault(camera, len(self._cameras))
        self._start[index], self._end[index] = start, end

    def free(self, rows: Sequence[int]) -> None:
        """Forgets the vectors at ``rows``."""
        for row in rows:
            self.rows.free(row)

    def owners(self, rows: IntArray) -> IntArray:
        """Numbers of the tracklets that ``rows`` belong to."""
        return self._owner[rows]

    def allowed(self, selection: Selection) -> BoolArray:
        """(capacity,), which rows ``selection`` includes."""
        mask = self.rows.used.copy()
        if selection.cameras is not None:
            numbers = [self._cameras[camera] for camera in selection.cameras if camera in self._cameras]
            mask &= np.isin(self._camera, numbers)
        if selection.since is not None:
            mask &= self._end >= selection.since
        if selection.until is not None:
            mask &= self._start <= selection.until
        return mask

    def search(self, query: FloatArray, count: int, allowed: BoolArray) -> Nearest:
        """See `matcher.search.index.VectorIndex.search`."""
        return self.index.search(query, count, allowed)

    def _grow(self) -> None:
        more = self.rows.capacity - len(self._owner)
        if more:
            empty = np.zeros(more, np.int64)
            self._owner = np.concatenate([self._owner, empty])
            self._camera = np.concatenate([self._camera, empty])
            self._start = np.concatenate([self._start, empty])
            self._end = np.concatenate([self._end, empty])
