"""Sightings in a table, and comparisons of them, for tests of gates and evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matcher.evidence.term import PairBatch
from matcher.gates import Relations, relate
from matcher.options import sets
from matcher.readings import Readings
from matcher.sightings import Looks, look, unpack
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.messages import Tracklet
from throughline.settings import Site

__all__ = ["Scene"]


class Scene:
    """A site's topology and how its cameras are read, and a table that tracklets are put into."""

    def __init__(self, site: Site) -> None:
        self.topology = Topology(site)
        self.table = SightingTable(self.topology, Readings.of(site))

    def add(self, tracklet: Tracklet, looks: Looks | None = None) -> int:
        """Puts a tracklet in and returns its slot."""
        slot = self.table.add(look(tracklet))
        self.table.set_looks(slot, unpack(tracklet.embeddings) if looks is None else looks)
        return slot

    def relate(self, first: int, second: int) -> Relations:
        """What time and roads say about one pair."""
        return relate(self.table, self.topology, np.array([first]), np.array([second]))

    def compare(self, *comparisons: tuple[Sequence[int], Sequence[int]]) -> PairBatch:
        """Asks whether the sightings in the slots of either side are one vehicle."""
        lefts, rights = (sets([one[side] for one in comparisons]) for side in (0, 1))
        group, of_right, of_left = np.nonzero((lefts >= 0)[:, None, :] & (rights >= 0)[:, :, None])
        left, right = lefts[group, of_left], rights[group, of_right]
        relations = relate(self.table, self.topology, left, right)
        return PairBatch(self.table, self.topology, lefts, rights, group, left, right, relations)
