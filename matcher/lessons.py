"""What is learned from what was seen and decided."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from matcher.gallery import Gallery
from matcher.gates import relate
from matcher.posterior import Posterior
from matcher.scoring import Scorer
from matcher.sightings import Looks, Sighting
from throughline.times import Instant, after

__all__ = ["Lessons"]

_LEAST_LESSON = 0.01
"""A join less probable than this teaches nothing."""
_REFRESH_SECONDS = 10.0
"""How often learned travel times come into force."""
_NEGATIVES = 8
"""Vehicles in view at the same time that one tracklet teaches the calibration, at most."""


class Lessons:
    """Teaches the terms of a scorer.

    Args:
        scorer: Its terms learn.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self._table = scorer, scorer.table
        self._refreshed: Instant = 0

    def refresh(self, now: Instant) -> None:
        """What was learned comes into force, from time to time."""
        if now >= after(self._refreshed, _REFRESH_SECONDS):
            self._refreshed = now
            self._scorer.travel_time.refresh()

    def closed(self, slot: int, sighting: Sighting, looks: Looks, gallery: Gallery) -> None:
        """A tracklet is complete; ``looks`` is how it was seen."""
        together = islice((other for other in gallery.together(slot) if not self._table.open[other]), _NEGATIVES)
        others = np.array(list(together), np.int64)
        if len(others):
            alike = self._scorer.appearance.similarities(self._table, others, np.full(len(others), slot, np.int64))
            self._scorer.appearance.known_different(alike)
        if looks:
            self._scorer.camera_bias.learn(sighting.camera, looks)
        self._scorer.vehicle_type.observe(sighting)

    def decided(self, found: Sequence[tuple[int, Posterior]]) -> None:
        """Joins teach in proportion to their probability, also those that were not chosen."""
        firsts: list[int] = []
        seconds: list[int] = []
        shares: list[float] = []
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
        if firsts:
            self._joined(np.array(firsts, np.int64), np.array(seconds, np.int64), np.array(shares))

    def _joined(
        self,
        first: np.ndarray[tuple[int], np.dtype[np.int64]],
        second: np.ndarray[tuple[int], np.dtype[np.int64]],
        shares: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> None:
        table = self._table
        elsewhere = table.camera[first] != table.camera[second]
        if elsewhere.any():
            alike = self._scorer.appearance.similarities(table, first[elsewhere], second[elsewhere])
            self._scorer.appearance.probably_same(alike, shares[elsewhere])
        relations = relate(table, self._scorer.topology, first, second)
        for pair in np.flatnonzero((relations.link >= 0) & (shares > 0.5) & ~table.open[relations.earlier]).tolist():
            self._scorer.travel_time.learn(int(relations.link[pair]), float(relations.travel[pair]), float(shares[pair]))
