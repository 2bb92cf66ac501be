"""Which way a vehicle left one view and came into the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
from matcher.paths import Paths
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.types import IntArray

__all__ = ["DirectionTerm"]

_SECTORS = 8
_STRENGTH = 8.0
"""How many vehicles, in each direction alike, are assumed to have passed a camera before the first."""
_JOINS = 10.0
"""How many joins the assumption counts for, on each link, that its vehicles go in all directions as others do."""
_DOUBT = 0.05
"""Share of pairs whose directions say nothing at all."""
_FORGETTING = 500.0
"""Vehicles, or joins, after which older ones begin to fade: cameras are turned."""
_LEAST_METRES = 6.0
"""A vehicle that moved less than this on the ground has no direction."""


class DirectionTerm:
    """How usual the directions are among those who take this road, against all who leave the one view and come into the other.

    Of the vehicles at a camera that sees both carriageways of a street, those that drive east can be seen next by the camera in
    the east only. Which directions (eighths of the circle, on the ground) those have who take a link is learned from joins,
    drawn toward what is usual at the camera, so that the term is silent until joins have shown something. With the share g of
    the link's vehicles that leave as the one did, u of all at its camera, and the same for how the other one came, the ratio is
    g / u times g' / u'.

    A share of pairs, the doubt, is taken to say nothing at all.

    Args:
        topology: Links and cameras.
    """

    name = "direction"
    unit = "degrees"

    def __init__(self, topology: Topology) -> None:
        cameras, links = len(topology.cameras), len(topology.links)
        self._usual = np.full((2, cameras, _SECTORS), _STRENGTH / _SECTORS)
        """(2, cameras, 8) how vehicles leave, and how they come."""
        self._joined = np.zeros((2, links, _SECTORS))

    def closed(self, table: SightingTable, slot: int) -> None:
        """Learns which directions are usual at a camera."""
        for end in (0, 1):
            sector = int(_sectors(table.paths, table.camera, np.array([slot]), end)[0])
            if sector >= 0:
                usual = self._usual[end, table.camera[slot]]
                usual *= min(1.0, _FORGETTING / (float(usual.sum()) + 1.0))
                usual[sector] += 1.0

    def joined(self, table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """Learns the directions of those who take a link."""
        pairs = np.flatnonzero(self._between(table, relations))
        for end, slots in enumerate((relations.earlier[pairs], relations.later[pairs])):
            sectors = _sectors(table.paths, table.camera, slots, end)
            for pair, sector in zip(pairs.tolist(), sectors.tolist(), strict=True):
                if sector >= 0:
                    counts, probability = self._joined[end, relations.link[pair]], float(probabilities[pair])
                    counts *= min(1.0, _FORGETTING / (float(counts.sum()) + probability))
                    counts[sector] += probability

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where neither has a direction."""
        table, relations = batch.table, batch.relations
        pairs = np.flatnonzero(self._between(table, relations))
        if not len(pairs):
            return batch.silence
        links = relations.link[pairs]
        ratios, known = np.zeros(len(batch.group)), np.zeros(len(batch.group), np.bool_)
        turns = np.zeros(len(batch.group))
        for end, slots in enumerate((relations.earlier[pairs], relations.later[pairs])):
            sectors = _sectors(table.paths, table.camera, slots, end)
            usual = self._usual[end, table.camera[slots]]
            usual = usual / usual.sum(axis=1)[:, None]
            counts = self._joined[end, links]
            taken = (_JOINS * usual + counts) / (_JOINS + counts.sum(axis=1))[:, None]
            row = np.arange(len(pairs))
            ratio = np.where(sectors >= 0, taken[row, sectors] / usual[row, sectors], 1.0)
            ratios[pairs] += np.log((1.0 - _DOUBT) * ratio + _DOUBT)
            known[pairs] |= sectors >= 0
            turns[pairs] += np.where(sectors >= 0, (2 * end - 1) * sectors, 0)
        batch.memo[self.name] = batch.mean((turns * 45.0 + 180.0) % 360.0 - 180.0, known)
        return batch.mean(ratios, known)

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Degrees, in eighths of the circle, that a vehicle has turned between the two views; mean over the pairs."""
        return float(batch.memo[self.name][comparison])

    @staticmethod
    def _between(table: SightingTable, relations: Relations) -> npt.NDArray[np.bool_]:
        return np.asarray((relations.link >= 0) & (table.camera[relations.earlier] != table.camera[relations.later]))


def _sectors(paths: Paths | None, cameras: IntArray, slots: IntArray, end: int) -> IntArray:
    """(P,) direction in the last half of these sightings' paths (``end`` 0) or the first (1); -1: not known."""
    if paths is None:
        return np.full(len(slots), -1, np.int64)
    last = np.maximum(paths.count[slots] - 1, 0)
    middle = last // 2
    one, other = (middle, last) if end == 0 else (np.zeros_like(last), last - middle)
    degrees = paths.degrees[cameras[slots]]
    moved = paths.metres(paths.places[slots, one][:, None], paths.places[slots, other][:, None], degrees)[:, 0]
    sector = np.floor(np.arctan2(moved[:, 1], moved[:, 0]) / (2.0 * np.pi / _SECTORS) + 0.5).astype(np.int64) % _SECTORS
    known = (paths.count[slots] > 1) & (np.hypot(moved[:, 0], moved[:, 1]) >= _LEAST_METRES)
    return np.asarray(np.where(known, sector, -1))
