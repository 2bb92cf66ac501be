"""What is learned from what was seen and decided."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt

from matcher.gallery import Gallery
from matcher.gates import relate, straight
from matcher.posterior import Posterior
from matcher.scoring import Scorer
from matcher.sightings import Looks, Sighting
from throughline.times import Instant, after
from throughline.types import IntArray

__all__ = ["Lessons"]

_LEAST_LESSON = 0.01
"""A join less probable than this teaches nothing."""
_REFRESH_SECONDS = 10.0
"""How often learned travel times come into force."""
_NEGATIVES = 8
"""Vehicles in view at the same time that one tracklet teaches the calibration, at most."""
_NEGATIVES_BESIDE = 2
"""Vehicles beside one that went to another camera that this teaches the calibration of the link, at most."""
_CERTAIN = 0.95
"""Probability from which on a join says what the others are not."""


class Lessons:
    """Teaches the terms of a scorer.

    Args:
        scorer: Its terms learn.
        gallery: Says which sightings were in view together.
    """

    def __init__(self, scorer: Scorer, gallery: Gallery) -> None:
        self._scorer, self._table, self._gallery = scorer, scorer.table, gallery
        self._refreshed: Instant = 0

    def refresh(self, now: Instant) -> None:
        """What was learned comes into force, from time to time."""
        if now >= after(self._refreshed, _REFRESH_SECONDS):
            self._refreshed = now
            self._scorer.travel_time.refresh()

    def closed(self, slot: int, sighting: Sighting, looks: Looks) -> None:
        """A tracklet is complete; ``looks`` is how it was seen."""
        others = self._together(slot, _NEGATIVES)
        if others:
            own = self._scorer.topology.find(self._table.camera[[slot]], self._table.camera[[slot]])
            self._different(others, [slot] * len(others), own.tolist() * len(others))
        if looks:
            self._scorer.camera_bias.learn(sighting.camera, looks)
            self._scorer.appearance.one_track(self._table, slot)
        for learner in self._scorer.learners:
            learner.closed(self._table, slot)

    def decided(self, found: Sequence[tuple[int, Posterior]]) -> None:
        """Joins teach in proportion to their probability, also those that were not chosen."""
        firsts: list[int] = []
        seconds: list[int] = []
        shares: list[float] = []
        groups: list[int] = []
        for slot, weighed in found:
            one = self._table.at(slot)
            self._scorer.prior.decided(one.camera, weighed.new)
            for vehicle, share in weighed.shares.items():
                if share >= _LEAST_LESSON:
                    # Pairs with later ones will be learned when those are decided.
                    members = [member for member in vehicle if member != slot and self._table.at(member).order <= one.order]
                    firsts += members
                    seconds += [slot] * len(members)
                    shares += [share] * len(members)
                    groups += [groups[-1] + 1 if groups else 0] * len(members)
        if firsts:
            self._joined(np.array(firsts, np.int64), np.array(seconds, np.int64), np.array(shares), np.array(groups, np.int64))

    def _joined(
        self,
        first: IntArray,
        second: IntArray,
        shares: npt.NDArray[np.float64],
        group: IntArray,
    ) -> None:
        table, topology = self._table, self._scorer.topology
        relations = relate(table, topology, first, second)
        elsewhere = table.camera[first] != table.camera[second]
        if elsewhere.any():
            alike = self._scorer.appearance.similarities(table, first[elsewhere], second[elsewhere])
            self._scorer.appearance.probably_same(alike, shares[elsewhere], relations.link[elsewhere])
        self._beside(first, second, relations.link, (shares > _CERTAIN) & elsewhere)
        self._scorer.prior.joined(straight(relations, group, topology), shares)
        for learner in self._scorer.learners:
            learner.joined(table, relations, shares)
        for pair in np.flatnonzero((relations.link >= 0) & (shares > 0.5) & ~table.open[relations.earlier]).tolist():
            self._scorer.travel_time.learn(int(relations.link[pair]), float(relations.travel[pair]), float(shares[pair]))

    def _beside(self, first: IntArray, second: IntArray, links: IntArray, certain: npt.NDArray[np.bool_]) -> None:
        """Where a vehicle went to another camera for certain, none of those beside it in the first is the one in the second."""
        lefts: list[int] = []
        rights: list[int] = []
        by: list[int] = []
        for pair in np.flatnonzero(certain & (links >= 0)).tolist():
            beside = self._together(int(first[pair]), _NEGATIVES_BESIDE)
            lefts += beside
            rights += [int(second[pair])] * len(beside)
            by += [int(links[pair])] * len(beside)
        if lefts:
            self._different(lefts, rights, by)

    def _together(self, slot: int, most: int) -> list[int]:
        """Closed sightings that were in view beside this one."""
        return list(islice((other for other in self._gallery.together(slot) if not self._table.open[other]), most))

    def _different(self, lefts: Sequence[int], rights: Sequence[int], links: Sequence[int]) -> None:
        first, second = np.array(lefts, np.int64), np.array(rights, np.int64)
        alike = self._scorer.appearance.similarities(self._table, first, second)
        self._scorer.appearance.known_different(alike, np.array(links, np.int64))
