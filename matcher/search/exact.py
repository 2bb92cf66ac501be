"""Search that compares with every vector."""

from __future__ import annotations

import numpy as np

from matcher.search.index import Nearest, nearest
from matcher.search.rows import BoolArray, VectorRows
from throughline.types import FloatArray

__all__ = ["ExactIndex"]

_GATHERED_BELOW = 0.25
"""Share of a block up to which only the allowed rows are multiplied."""


class ExactIndex:
    """`matcher.search.index.VectorIndex` by matrix products, block by block.

    Args:
        rows: What is searched.
    """

    def __init__(self, rows: VectorRows) -> None:
        self._rows = rows

    def search(self, query: FloatArray, count: int, allowed: BoolArray) -> Nearest:
        """See `matcher.search.index.VectorIndex.search`."""
        found = np.flatnonzero(allowed)
        similarities = np.empty(len(found), np.float32)
        filled = 0
        for first, block in self._rows.blocks():
            here = np.flatnonzero(allowed[first : first + len(block)])
            if not len(here):
                continue
            part = block[here] @ query if len(here) < _GATHERED_BELOW * len(block) else (block @ query)[here]
            similarities[filled : filled + len(here)] = part
            filled += len(here)
        return nearest(found, similarities, count, exact=True)

    def maintain(self) -> None:
        """Nothing needs to be kept up."""

    def close(self) -> None:
        """Nothing runs in the background."""
