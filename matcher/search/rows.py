"""Vectors of one model in memory, at places that are used again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray, IntArray

__all__ = ["BoolArray", "VectorRows"]

BoolArray = npt.NDArray[np.bool_]

_BLOCK = 4096


class VectorRows:
    """Unit vectors, each at a row that it keeps until it is freed.

    They lie in blocks, so growing copies nothing. One thread writes; others may read meanwhile: a row with a ``stamp`` after
    they began may have changed under their eyes, all others have not.

    Args:
        dimension: Length of a vector.

    Attributes:
        dimension: Length of a vector.
        clock: Counts changes.
        used: (capacity,), whether a row holds a vector.
        stamps: (capacity,) int64, `clock` at the row's latest change.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.clock = 0
        self.used: BoolArray = np.zeros(0, np.bool_)
        self.stamps: IntArray = np.zeros(0, np.int64)
        self._blocks: list[FloatArray] = []
        self._free: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def capacity(self) -> int:
        """Rows there are, used or not."""
        return len(self._blocks) * _BLOCK

    def put(self, vector: FloatArray, row: int | None = None) -> int:
        """Stores ``vector`` (D,) at a free row, or in place of what stands at ``row``; returns the row."""
        if row is None:
            if not self._free:
                self._grow()
            row = self._free.pop()
            self._count += 1
        self._touch(row, used=True)
        self._blocks[row // _BLOCK][row % _BLOCK] = vector
        return row

    def free(self, row: int) -> None:
        """Gives a row back."""
        self._touch(row, used=False)
        self._free.append(row)
        self._count -= 1

    def take(self, rows: IntArray) -> FloatArray:
        """The vectors at ``rows``, (N, D), as a copy."""
        taken = np.empty((len(rows), self.dimension), np.float32)
        for number in np.unique(rows // _BLOCK).tolist():
            here = rows // _BLOCK == number
            taken[here] = self._blocks[number][rows[here] % _BLOCK]
        return taken

    def blocks(self) -> Iterator[tuple[int, FloatArray]]:
        """The first row of each block, and its vectors, (4096, D); those of unused rows mean nothing."""
        for number, block in enumerate(tuple(self._blocks)):
            yield number * _BLOCK, block

    def _touch(self, row: int, *, used: bool) -> None:
        """Comes before the change, so that whoever reads meanwhile sees the stamp at the latest when it is through."""
        self.clock += 1
        self.stamps[row] = self.clock
        self.used[row] = used

    def _grow(self) -> None:
        first = self.capacity
        self.used = np.concatenate([self.used, np.zeros(_BLOCK, np.bool_)])
        self.stamps = np.concatenate([self.stamps, np.zeros(_BLOCK, np.int64)])
        self._blocks.append(np.zeros((_BLOCK, self.dimension), np.float32))
        self._free += range(first + _BLOCK - 1, first - 1, -1)
