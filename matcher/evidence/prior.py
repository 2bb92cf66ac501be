"""What is likely before anything is known of two vehicles: how many pass, and how many are new."""

from __future__ import annotations

import numpy as np

from matcher.evidence.term import PairBatch, Ratios
from matcher.gates import Relations
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
_LISTED_STRENGTH = 60.0
"""How many vehicles it counts for that a road is listed: as if all took it that stay on the site."""
_LEAST_BRIDGED = 0.002
_LEAST_TAKES, _MOST_TAKES = 0.01, 0.98
"""A road that nobody has taken so far may still be taken."""


class PriorTerm:
    """Log-odds of a join against a new vehicle, before the evidence.

    A vehicle that left one view comes to the next with probability t at some time in the window W; new vehicles come
    at the rate n * v, where v is the rate at which the camera sees vehicles and n the share of new ones. So the odds are
    t / (n v W): the fewer take the road, the busier it is and the wider the window, the more evidence a join needs. A vehicle
    that k linked sightings are known of may come by each of their roads, so its chances add up: the geometric mean of the k odds,
    times k. The share n starts at the configured one and follows what is decided at each camera.

    The probability t is the share of vehicles that were found to take this road: joins by it, each in proportion to its
    probability, of all vehicles that were seen at its start. A listed road starts as if all vehicles took it that are not new at
    its end, t = 1 - n: where a junction has three ways out, that a way is rarely taken is learned within some minutes. A bridge
    starts as if those took it whom the camera in between has missed.

    Args:
        new_vehicle_share: n, at the start.
        topology: Cameras and links.
        missed_share: t of a bridge, at the start.
    """

    name = "prior"
    unit = ""

    def __init__(self, new_vehicle_share: float, topology: Topology, missed_share: float = 0.0) -> None:
        cameras = len(topology.cameras)
        self._share, self._missed = new_vehicle_share, missed_share
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

    def joined(self, relations: Relations, probabilities: Ratios) -> None:
        """Learns which roads vehicles take, from P pairs of sightings that are one vehicle with these probabilities (P,)."""
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
        link = relations.link
        unlisted = self._topology.unlisted[link]
        bridge = self._topology.bridge[link]
        strength = np.where(unlisted & ~bridge, _TAKES_STRENGTH, _LISTED_STRENGTH)
        takes = strength * np.where(bridge, self._missed, np.where(unlisted, _TAKES, 1.0 - new)) + self._joins[link]
        takes /= strength + self._decided[self._topology.from_[link]]
        road = batch.linked & (link < self._topology.between)  # not a broken track's continuation
        learns = road & (self._topology.learned[link] | bridge | ~unlisted)
        least = np.where(bridge, _LEAST_BRIDGED, _LEAST_TAKES)
        comes = np.where(learns, np.clip(takes, least, _MOST_TAKES), 1.0 - new)
        ways = batch.sum(batch.linked.astype(np.float64))
        return batch.mean(self._links[link] + np.log(comes / (new * rate)), batch.linked) + np.log(ways)

    def measured(self, batch: PairBatch, comparison: int) -> None:
        """Nothing is measured."""
