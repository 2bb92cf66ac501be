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
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from matcher.gates import Relations
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.types import IntArray

__all__ = ["Learner", "PairBatch", "Ratios", "Term"]

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

    @cached_property
    def silence(self) -> Ratios:
        """(G,) NaN: what a term returns that has nothing to say of any comparison; it costs nothing then."""
        return np.full(len(self), np.nan)

    @cached_property
    def memo(self) -> dict[str, Any]:
        """What a term has found while weighing and is asked for again, by its name."""
        return {}

    def pairs(self, comparison: int) -> IntArray:
        """Places of one comparison's pairs."""
        return np.flatnonzero(self.group == comparison)

    def sum(self, values: Ratios) -> Ratios:
        """(G,) sum over each comparison's pairs."""
        return np.asarray(np.bincount(self.group, values, len(self)), np.float64)

    def mean(self, values: Ratios, where: npt.NDArray[np.bool_]) -> Ratios:
        """(G,) mean over the pairs that ``where`` (P,) names; NaN where there are none."""
        return self.sum(np.where(where, values, 0.0)) / _or_nan(self.sum(where.astype(np.float64)))


def _or_nan(counts: Ratios) -> Ratios:
    """Counts to divide by: zeros become NaN."""
    return np.where(counts > 0.0, counts, np.nan)


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
        """(G,) log-likelihood ratio of each comparison; NaN: no evidence of this kind (see `PairBatch.silence`)."""
        ...

    def measured(self, batch: PairBatch, comparison: int) -> float | None:
        """The value behind one comparison's ratio, as events print it, after the batch was weighed."""
        ...


@runtime_checkable
class Learner(Protocol):
    """A term that learns from what was seen and decided."""

    def closed(self, table: SightingTable, slot: int) -> None:
        """A tracklet is complete."""
        ...

    def joined(self, table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """P pairs of sightings were found to be one vehicle each, with these probabilities (P,)."""
        ...
