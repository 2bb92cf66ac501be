"""What is likely before anything is known of two vehicles: how many pass, and how many are new."""

from __future__ import annotations

import numpy as np

from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.times import Instant, seconds_between

__all__ = ["PriorTerm"]

_VEHICLES = 5.0
_SECONDS = 60.0
"""The rate before any vehicle has come: so many in this time."""
_STRENGTH = 20.0
"""How many decisions the configured share of new vehicles counts for."""
_FORGETTING = 1000.0
"""Decisions after which older ones begin to fade."""
_TAKES, _TAKES_STRENGTH = 0.5, 10.0
"""Share of vehicles that take a road nobody has listed, and how many vehicles that counts for."""
_LEAST_TAKES, _MOST_TAKES = 0.01, 0.98
"""A road that nobody has taken so far may still be taken."""


class PriorTerm:
    """Log-odds of a join against a new vehicle, before the evidence.

    A vehicle that left one view comes to the next with probability 1 - n at some time in the window W; new vehicles come
    at the rate n * v, where v is the rate at which the camera sees vehicles and n the share of new ones. So the odds are
    (1 - n) / (n v W): the busier the road and the wider the window, the more evidence a join needs. A vehicle that k linked
    sightings are known of may come by each of their roads, so its chances add up: the geometric mean of the k odds, times k.
    The share n starts at the configured one and follows what is decided at each camera.

    By a road that is learned, vehicles come with the probability that they were found to, in place of 1 - n: joins by this
    road, each in proportion to its probability, of all vehicles that were seen at its start.

    Args:
        new_vehicle_share: n, at the start.
        topology: Cameras and links.
    """

    name = "prior"
    unit = ""

    def __init__(self, new_vehicle_share: float, topology: Topology) -> None:
        cameras = len(topology.cameras)
        self._share = new_vehicle_share
        self._topology = topology
        self._links = topology.log_prior - np.log(topology.maximum - topology.minimum)
        self._new = np.zeros(cameras)
        self._decided = np.zeros(cameras)
        self._counts = np.zeros(cameras)
        self._joins = np.zeros(len(topology.links))
        self._first: Instant | None = None
        self._now: Instant = 0

    def observe(self, camera: str, start: Instant) -> None:
        """Counts a tracklet of a camera."""
        self._counts[self._topology.number(camera)] += 1
        self._first = start if self._first is None else min(self._first, start)
        self._now = max(self._now, start)

    def decided(self, camera: str, new: float) -> None:
        """A tracklet of a camera was decided to be a new vehicle with this probability."""
        place = self._topology.number(camera)
        count = float(self._decided[place])
        keep = min(1.0, _FORGETTING / (count + 1.0))
        self._new[place] = keep * self._new[place] + new
        self._decided[place] = keep * count + 1.0
        if keep < 1.0:
            self._joins[self._topology.from_ == place] *= keep

    def closed(self, table: SightingTable, slot: int) -> None:
        """Nothing is learned from a single tracklet."""

    def joined(self, _table: SightingTable, relations: Relations, probabilities: Ratios) -> None:
        """Learns which roads vehicles take."""
        linked = relations.link >= 0
        np.add.at(self._joins, relations.link[linked], probabilities[linked])

    def new_share(self, camera: str) -> float:
        """The share n of a camera."""
        place = self._topology.number(camera)
        return float((_STRENGTH * self._share + self._new[place]) / (_STRENGTH + self._decided[place]))

    def weigh(self, batch: PairBatch) -> Ratios:
        """By the camera that a vehicle comes to, and the link."""
        relations = batch.relations
        seconds = 0.0 if self._first is None else seconds_between(self._first, self._now)
        to = batch.table.camera[relations.later]
        new = (_STRENGTH * self._share + self._new[to]) / (_STRENGTH + self._decided[to])
        rate = (self._counts[to] + _VEHICLES) / (seconds + _SECONDS)
        comes = 1.0 - new
        link = relations.link
        learned = self._topology.learned[link] & batch.linked
        if learned.any():
            takes = _TAKES_STRENGTH * _TAKES + self._joins[link]
            takes /= _TAKES_STRENGTH + self._decided[self._topology.from_[link]]
            comes = np.where(learned, np.clip(takes, _LEAST_TAKES, _MOST_TAKES), comes)
        ways = batch.sum(batch.linked.astype(np.float64))
        return batch.mean(self._links[link] + np.log(comes / (new * rate)), batch.linked) + np.log(ways)

    def measured(self, batch: PairBatch, comparison: int) -> None:
        """Nothing is measured."""
