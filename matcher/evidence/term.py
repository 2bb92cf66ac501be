"""The seam between evidence and decisions: what a term is asked, and what it answers.

A *comparison* asks whether two sets of sightings, each of one vehicle, are the same vehicle. A batch holds many comparisons
as arrays, and a term answers all of them at once: a log-likelihood ratio for each, NaN where it has nothing to say. A new term
is one class with `Term`'s four members in a module of its own, plus a line in `matcher.scoring.Scorer`. It finds the sightings'
columns in ``batch.table`` by slot, takes means over pairs with `PairBatch.mean`, and is asked for the measured value behind its
ratio only for joins that are published.

Sums run in the order of pairs, and pairs stand in an order that depends on the comparison alone: so a comparison has the same
ratio, to the last bit, in whatever batch it is. Keep it so: no reductions across comparisons, and matrix products only of
numbers on a grid (see `matcher.table`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from matcher.gates import Relations
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.types import IntArray

__all__ = ["PairBatch", "Ratios", "Term"]

Ratios: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairBatch:
    """G comparisons and all P pairs of a sighting of the one and a sighting of the other side; none is impossible.

    Attributes:
        table: The sightings, by slot.
        topology: The roads.
        lefts: (G, M) slots of the one vehicle's sightings by start, -1 beyond the last.
        rights: (G, N) slots of the other's, likewise.
        group: (P,) comparison of each pair, rising.
        left: (P,) slot of the pair's sighting of the one vehicle.
        right: (P,) slot of its sighting of the other.
        relations: What time and roads say about each pair.
    """

    table: SightingTable
    topology: Topology
    lefts: IntArray
    rights: IntArray
    group: IntArray
    left: IntArray
    right: IntArray
    relations: Relations

    def __len__(self) -> int:
        return len(self.lefts)

    @cached_property
    def linked(self) -> npt.NDArray[np.bool_]:
        """(P,) pairs between which a road leads straight; each comparison has one at least."""
        return self.relations.link >= 0

    def sizes(self, sets: IntArray) -> IntArray:
        """(G,) how many sightings there are in each row of `lefts` or `rights`."""
        return np.asarray((sets >= 0).sum(axis=1))

    def sum(self, values: Ratios, where: npt.NDArray[np.bool_] | None = None) -> Ratios:
        """(G,) sum over each comparison's pairs, or over those of them that ``where`` (P,) names."""
        group = self.group if where is None else self.group[where]
        values = values if where is None else values[where]
        return np.asarray(np.bincount(group, values, len(self)), np.float64)

    def count(self, where: npt.NDArray[np.bool_]) -> Ratios:
        """(G,) number of each comparison's pairs that ``where`` (P,) names."""
        return np.bincount(self.group[where], minlength=len(self)).astype(np.float64)

    def mean(self, values: Ratios, where: npt.NDArray[np.bool_]) -> Ratios:
        """(G,) mean over the pairs that ``where`` (P,) names; NaN where there are none."""
        count = self.count(where)
        return np.asarray(np.divide(self.sum(values, where), count, out=np.full(len(self), np.nan), where=count > 0))

    def only(self, comparison: int) -> PairBatch:
        """One of the comparisons."""
        which = self.group == comparison
        return PairBatch(
            self.table,
            self.topology,
            self.lefts[comparison : comparison + 1],
            self.rights[comparison : comparison + 1],
            np.zeros(np.count_nonzero(which), np.int64),
            self.left[which],
            self.right[which],
            self.relations.only(which),
        )


class Term(Protocol):
    """One kind of evidence."""

    @property
    def name(self) -> str:
        """As events print it."""
        ...

    @property
    def unit(self) -> str:
        """Of the measured value."""
        ...

    def weigh(self, batch: PairBatch) -> Ratios:
        """(G,) log-likelihood ratio of each comparison; NaN: no evidence of this kind."""
        ...

    def measured(self, batch: PairBatch) -> float | None:
        """The value behind the ratio, for a batch of one comparison, as events print it."""
        ...
