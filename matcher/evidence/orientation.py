"""Which sides of a vehicle two cameras see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.types import ORIENTATIONS, IntArray

__all__ = ["OrientationTerm"]

_SIDES = len(ORIENTATIONS)
_STRENGTH = 8.0
"""How many vehicles, seen from each side alike, are assumed to have passed a camera before the first."""
_JOINS = 20.0
"""How many joins, for each side that the first camera sees, the assumption counts for that it does not matter to the second."""
_FORGETTING = 500.0
"""Vehicles, or joins, after which older ones begin to fade: cameras are turned."""


class OrientationTerm:
    """How likely the side that the second camera sees is, after the first one's, against what is usual at the second.

    Where a link says ``opposite_view``, its cameras cannot see the same side of a vehicle: what is usual at the second, without
    that side. Where it does not, what follows from the one side for the other is learned from joins, drawn toward what is usual,
    so that the term is silent until joins have shown something. With the first camera's posterior p over the sides a, what is
    expected e(b) = sum_a p(a) P(b | a), what is usual u(b), and the second's likelihoods q, the ratio is sum(e q) / sum(u q).

    Only pairs of which both sides are known with confidence are weighed: one that nobody knows speaks neither for nor against a
    join. A share of pairs, the doubt, is taken to say nothing at all.

    Args:
        topology: Links and cameras.
        doubt: That share.
        confidence: Least probability of the likeliest side, of each of the two.
    """

    name = "orientation"
    unit = "dot product"

    def __init__(self, topology: Topology, doubt: float, confidence: float) -> None:
        self._doubt, self._confidence = doubt, confidence
        self._opposite = np.array([link.opposite_view for link in topology.links], np.bool_)
        self._usual = np.full((len(topology.cameras), _SIDES), _STRENGTH / _SIDES)
        self._row = np.full(len(topology.links), -1, np.int64)
        self._joins = np.zeros((0, _SIDES, _SIDES))
        self._learned = 0

    def closed(self, table: SightingTable, slot: int) -> None:
        """Learns which sides a camera usually sees."""
        if not table.orientations.known[slot]:
            return
        usual = self._usual[table.camera[slot]]
        usual *= min(1.0, _FORGETTING / (float(usual.sum()) + 1.0))
        usual += table.orientations.values[slot]

    def joined(self, table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """Learns which side the second camera of a link sees after the first."""
        values = table.orientations.values
        for pair in self._sure(table, relations).tolist():
            link = int(relations.link[pair])
            if self._opposite[link]:
                continue
            place = self._place(link)
            together = self._joins[place]
            probability = float(probabilities[pair])
            together *= min(1.0, _FORGETTING / (float(together.sum()) + probability))
            together += probability * np.outer(values[relations.earlier[pair]], values[relations.later[pair]])

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where no two sides are known, or nothing is known of the link."""
        relations, table = batch.relations, batch.table
        pairs = self._sure(table, relations)
        links = relations.link[pairs]
        told = self._opposite[links] | (self._row[links] >= 0)
        pairs, links = pairs[told], links[told]
        if not len(pairs):
            return batch.silence
        one, other = relations.earlier[pairs], relations.later[pairs]
        first, second = table.orientations.values[one], table.orientations.values[other]
        before, usual = (self._shares(table.camera[slots]) for slots in (one, other))
        _, some, link = np.unique(links, return_index=True, return_inverse=True)
        follows = self._follows(links[some], usual[some])
        posterior = first * before
        posterior = posterior / posterior.sum(axis=1)[:, None]
        expected = np.zeros_like(usual)
        for side in range(_SIDES):
            expected += posterior[:, side, None] * follows[link, side]
        ratio = (expected * second).sum(axis=1) / (usual * second).sum(axis=1)
        weighed, ratios, alike = np.zeros(len(batch.group), np.bool_), np.zeros(len(batch.group)), np.zeros(len(batch.group))
        weighed[pairs] = True
        ratios[pairs] = np.log((1.0 - self._doubt) * ratio + self._doubt)
        alike[pairs] = (first * second).sum(axis=1)
        batch.memo[self.name] = batch.mean(alike, weighed)
        return batch.mean(ratios, weighed)

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Mean dot product of the two orientation vectors over the pairs that were weighed: near 1, the same side was seen."""
        return float(batch.memo[self.name][comparison])

    def _sure(self, table: SightingTable, relations: Relations) -> IntArray:
        """Pairs of two cameras that a link joins, with both sides known with confidence."""
        column = table.orientations
        if not column.users:
            return np.zeros(0, np.int64)
        one, other = relations.earlier, relations.later
        both = (relations.link >= 0) & column.known[one] & column.known[other] & (table.camera[one] != table.camera[other])
        pairs = np.flatnonzero(both)
        least = np.minimum(column.values[one[pairs]].max(axis=1), column.values[other[pairs]].max(axis=1))
        return np.asarray(pairs[least >= self._confidence])

    def _place(self, link: int) -> int:
        """Where the joins of a link are counted."""
        if self._row[link] < 0:
            if self._learned == len(self._joins):
                self._joins = np.concatenate([self._joins, np.zeros((max(8, self._learned), _SIDES, _SIDES))])
            self._row[link] = self._learned
            self._learned += 1
        return int(self._row[link])

    def _shares(self, cameras: IntArray) -> npt.NDArray[np.float64]:
        """(Q, 8) how often these cameras see each side."""
        usual = self._usual[cameras]
        return np.asarray(usual / usual.sum(axis=1)[:, None])

    def _follows(self, links: IntArray, usual: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(L, 8, 8) probability of the side that the second camera of a link sees (last) by that which the first one sees."""
        opposite = self._opposite[links]
        joins = np.where(opposite[:, None, None], 0.0, self._joins[self._row[links]] if self._learned else 0.0)
        follows = _JOINS * usual[:, None, :] + joins
        follows = np.where(opposite[:, None, None] & np.eye(_SIDES, dtype=np.bool_), 0.0, follows)
        return np.asarray(follows / follows.sum(axis=2)[:, :, None])
