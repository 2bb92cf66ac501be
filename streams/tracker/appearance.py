"""How the vehicles of one camera have looked lately: the newest feature vectors of each track, in ring buffers."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray, IntArray

__all__ = ["FeatureBank"]

_CHUNK = 1 << 18
"""Numbers gathered at a time: a megabyte."""


class FeatureBank:
    """Feature vectors of tracks, row by row as in the table of tracks.

    Args:
        budget: Vectors kept of each track; the newest replaces the oldest.
    """

    def __init__(self, budget: int) -> None:
        self._budget: Final = budget
        self._features = np.zeros((0, budget, 0), np.float32)
        self._counts = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._counts)

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        """Forgets the tracks where ``mask`` is false."""
        self._features, self._counts = self._features[mask], self._counts[mask]

    def append(self, count: int) -> None:
        """Adds ``count`` tracks that have not been looked at."""
        shape = (count, self._budget, self._features.shape[2])
        self._features = np.concatenate((self._features, np.zeros(shape, np.float32)))
        self._counts = np.concatenate((self._counts, np.zeros(count, np.int64)))

    def add(self, rows: IntArray, vectors: FloatArray) -> None:
        """Stores a look at each of some tracks.

        Args:
            rows: (K,) tracks, each once.
            vectors: (K, D) float32, unit rows; what is not finite is passed over. When D is another than before, the network
                has changed, and all that was stored is forgotten.
        """
        if vectors.shape[1] != self._features.shape[2]:
            self._features = np.zeros((len(self), self._budget, vectors.shape[1]), np.float32)
            self._counts[:] = 0
        fine = np.isfinite(vectors).all(axis=1)
        rows = rows[fine]
        self._features[rows, self._counts[rows] % self._budget] = vectors[fine]
        self._counts[rows] += 1

    def pair_distances(self, rows: IntArray, vectors: FloatArray) -> FloatArray:
        """Cosine distance of each pair of a track and a vector: to the most alike look of the track.

        Args:
            rows: (K,) tracks.
            vectors: (K, D) float32, unit rows.

        Returns:
            (K,) float32; infinite for tracks without a look, and for vectors that are not finite.
        """
        if vectors.shape[1] != self._features.shape[2] or len(rows) == 0:
            return np.full(len(rows), np.inf, np.float32)
        filled = max(int(min(self._counts[rows].max(), self._budget)), 1)
        similarity = np.empty((len(rows), filled), np.float32)
        step = _CHUNK // (filled * vectors.shape[1]) + 1  # pairs at a time, so that the looks of all are never gathered at once
        known = np.nan_to_num(vectors)
        for low in range(0, len(rows), step):
            chunk = slice(low, low + step)
            similarity[chunk] = np.matmul(self._features[rows[chunk], :filled], known[chunk, :, None])[:, :, 0]
        similarity[np.arange(filled) >= self._counts[rows, None]] = -np.inf
        distance: FloatArray = 1 - similarity.max(axis=1)
        distance[~np.isfinite(vectors).all(axis=1)] = np.inf
        return distance

    def distances(self, rows: IntArray, vectors: FloatArray) -> FloatArray:
        """The same of all tracks (K,) with all vectors (M, D): (K, M)."""
        every = self.pair_distances(np.repeat(rows, len(vectors)), np.tile(vectors, (len(rows), 1)))
        return every.reshape(len(rows), len(vectors))

    def between(self, row: int, others: IntArray) -> FloatArray:
        """Cosine distance between the two most alike looks of one track and of each other: (K,), infinite without any."""
        own = self._features[row, : min(int(self._counts[row]), self._budget)]
        if len(own) == 0 or len(others) == 0:
            return np.full(len(others), np.inf, np.float32)
        nearest: FloatArray = self.distances(others, own).min(axis=1)
        return nearest
