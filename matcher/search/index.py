"""The seam to vector indexes: who is most alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from matcher.search.rows import BoolArray
from throughline.types import FloatArray, IntArray

__all__ = ["Nearest", "VectorIndex", "nearest"]


@dataclass(frozen=True, slots=True)
class Nearest:
    """The rows most alike, best first; equals by row.

    Attributes:
        rows: (N,) int64.
        similarities: (N,) float32 cosines, computed from the vectors themselves.
        exact: Whether none can be missing.
    """

    rows: IntArray
    similarities: FloatArray
    exact: bool


class VectorIndex(Protocol):
    """Finds the rows of a `matcher.search.rows.VectorRows` that are most alike to a vector.

    It reads the rows themselves, so that what was put, replaced or freed counts from the next search on.
    """

    def search(self, query: FloatArray, count: int, allowed: BoolArray) -> Nearest:
        """The ``count`` most alike rows, or as many as are allowed.

        Args:
            query: (D,) of unit length.
            count: How many.
            allowed: (capacity,), which rows to choose from; all of them are in use.
        """
        ...

    def maintain(self) -> None:
        """Called now and then by the thread that writes: starts what keeps the index fast, and returns at once."""
        ...

    def close(self) -> None:
        """Ends what runs in the background; safe to call twice."""
        ...


def nearest(rows: IntArray, similarities: FloatArray, count: int, *, exact: bool) -> Nearest:
    """The best ``count`` of some rows."""
    if count < len(rows):
        kept = np.argpartition(-similarities, count - 1)[:count]
        # All that equal the last one are candidates, so that the choice among equals does not depend on the partition.
        kept = np.flatnonzero(similarities >= similarities[kept].min())
        rows, similarities = rows[kept], similarities[kept]
    order = np.lexsort((rows, -similarities))[:count]
    return Nearest(rows[order], similarities[order], exact)
