"""Looks judged by the company they keep: the optional second look at candidates inside a decision window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from matcher.evidence.neighbours import reciprocal_encodings, shared
from matcher.evidence.term import Ratios
from matcher.evidence.weights import weight_of
from matcher.gallery import Gallery
from matcher.gates import PASSED, relate
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.settings.reranking import RerankingSettings
from throughline.times import after
from throughline.types import IntArray

__all__ = ["Reranking"]

_SAME = 0.7
"""Share of neighbours that sightings of one vehicle have in common, typically."""
_LEAST = 4
"""Sightings among which there is something to be learned of neighbours, at least."""


class _Shared(NamedTuple):
    """What a sighting shares with its candidates.

    Attributes:
        weight: How much it counts beside how alike they look.
        values: By candidate's slot; 0 for strangers, 1 for views of one vehicle.
    """

    weight: float
    values: dict[int, float]


_NOTHING = _Shared(0.0, {})


class Reranking:
    """How much of their neighbourhood a sighting and its candidates share.

    The neighbourhood of a pair is that of its later sighting: the sightings that could have come straight before it (all gates
    passed), the nearest in event time first, and those that its own camera began to see within the decision window, which
    compete for them. Among these, two that cannot be one vehicle are never neighbours: so constraints count before, as they do
    after, when gates and terms weigh the pair. It all follows from what stands in the gallery, never from what else is asked for.

    Args:
        settings: Neighbours, weights and bounds.
        weights: Weight by network's name; see `weight_of`.
        window: Seconds of event time within which sightings of a camera compete.
        topology: The roads.
        table: The sightings.
    """

    def __init__(
        self, settings: RerankingSettings, weights: Mapping[str, float], window: float, topology: Topology, table: SightingTable
    ) -> None:
        self._settings, self._weights, self._window = settings, weights, window
        self._topology, self._table = topology, table
        self._gallery: Gallery | None = None
        self._known: dict[int, _Shared] = {}

    def among(self, gallery: Gallery) -> None:
        """Looks for neighbours in this gallery, as it stands now."""
        self._gallery = gallery
        self._known.clear()

    def judged(self, values: Ratios, different: Ratios, same: Ratios, earlier: IntArray, later: IntArray) -> Ratios:
        """How alike P pairs are, once it is seen what they share.

        What is shared is brought to the scale of similarities, between what is usual of different vehicles and of one, so that
        calibrations hold for the result as well.

        Args:
            values: (P,) how alike they themselves look.
            different: (P,) mean similarity of different vehicles.
            same: (P,) mean similarity of views of one.
            earlier: (P,) slots of the sightings that started first.
            later: (P,) slots of the others.

        Returns:
            (P,), ``values`` for those that are not among the candidates of ``later``.
        """
        result = values.copy()
        for place, (first, second) in enumerate(zip(earlier.tolist(), later.tolist(), strict=True)):
            found = self._of(second)
            part = found.values.get(first)
            if part is not None:
                as_similarity = different[place] + (same[place] - different[place]) * part
                result[place] += found.weight * (as_similarity - values[place])
        return result

    def _of(self, slot: int) -> _Shared:
        known = self._known.get(slot)
        if known is None:
            known = self._known[slot] = self._encode(slot)
        return known

    def _encode(self, slot: int) -> _Shared:
        gallery = self._gallery
        if gallery is None or not self._table.seen_by[slot] or gallery.slot(self._table.at(slot).id) != slot:
            return _NOTHING
        candidates = self._candidates(gallery, slot)
        among = self._in_order({slot, *candidates, *self._rivals(gallery, slot)})
        if len(candidates) < 2 or len(among) < _LEAST:
            return _NOTHING
        k1 = min(self._settings.k1, 1 + round(math.sqrt(len(among))))
        k2 = max(1, round(k1 * self._settings.k2 / self._settings.k1))
        distances = self._distances(np.array(among, np.int64), int(self._table.seen_by[slot]))
        encodings = reciprocal_encodings(distances, k1, k2)
        places = {other: place for place, other in enumerate(among)}
        values = shared(encodings, places[slot], np.array([places[other] for other in candidates], np.int64))
        weight = (1.0 - self._settings.lambda_) * k1 / self._settings.k1
        return _Shared(weight, dict(zip(candidates, _standardised(values).tolist(), strict=True)))

    def _candidates(self, gallery: Gallery, slot: int) -> list[int]:
        """Sightings by other cameras, by the same networks, that could have come straight before; the nearest in time first."""
        table, networks = self._table, self._table.seen_by[slot]
        near = np.array(sorted(set(gallery.before(slot))), np.int64)
        near = near[(table.camera[near] != table.camera[slot]) & (table.seen_by[near] & networks == networks)]
        if not len(near):
            return []
        relations = relate(table, self._topology, near, np.full(len(near), slot, np.int64))
        passed = near[(relations.rejected == PASSED) & (relations.later == slot)]
        nearest = sorted(passed.tolist(), key=lambda other: (abs(table.end[other] - table.start[slot]), table.at(other).order))
        return nearest[: self._settings.candidates]

    def _rivals(self, gallery: Gallery, slot: int) -> list[int]:
        """Sightings of the same camera and about the same time."""
        table = self._table
        sighting = table.at(slot)
        first, last = after(sighting.start, -self._window), after(sighting.start, self._window)
        found = [
            other
            for other in gallery.started(sighting.camera, first, last)
            if other != slot and table.seen_by[other] & table.seen_by[slot] == table.seen_by[slot]
        ]
        found.sort(key=lambda other: (abs(table.start[other] - sighting.start), table.at(other).order))
        return found[: self._settings.candidates]

    def _in_order(self, slots: set[int]) -> list[int]:
        return sorted(slots, key=lambda slot: self._table.at(slot).order)

    def _distances(self, slots: IntArray, networks: int) -> Ratios:
        """(N, N) distances of looks, in units of the largest; infinite between two that cannot be one vehicle."""
        table, count = self._table, len(slots)
        total, weights = np.zeros((count, count)), 0.0
        for column in sorted((c for c in table.columns.values() if networks & c.bit), key=lambda c: c.key):
            weight = weight_of(self._weights, column.key[0])
            means = column.vectors(slots, 0)
            total += weight * (means @ means.T)
            weights += weight
        distances = np.maximum(0.0, 2.0 - 2.0 * total / weights)
        distances /= np.maximum(distances.max(axis=1, keepdims=True), 1e-9)
        first, second = (grid.reshape(-1) for grid in np.meshgrid(slots, slots, indexing="ij"))
        impossible = relate(table, self._topology, first, second).impossible | (table.camera[first] == table.camera[second])
        distances[impossible.reshape(count, count)] = np.inf
        np.fill_diagonal(distances, 0.0)
        return np.asarray(distances)


def _standardised(values: Ratios) -> Ratios:
    """What strangers share becomes 0 (the mean of all but the best), what views of one vehicle share becomes 1."""
    strangers = (values.sum() - values.max()) / (len(values) - 1)
    return np.asarray((values - strangers) / max(0.2, _SAME - strangers))
