"""What is likely before anything is known of two vehicles: how many pass, and how many are new."""

from __future__ import annotations

import math

from matcher.evidence.term import Comparison
from throughline.messages import Evidence
from throughline.times import Instant, seconds_between

__all__ = ["PriorTerm"]

_VEHICLES = 5.0
_SECONDS = 60.0
"""The rate before any vehicle has come: so many in this time."""
_STRENGTH = 20.0
"""How many decisions the configured share of new vehicles counts for."""
_FORGETTING = 1000.0
"""Decisions after which older ones begin to fade."""


class PriorTerm:
    """Log-odds of a join against a new vehicle, before the evidence.

    A vehicle that left one view comes to the next with probability 1 - n at some time in the window W; new vehicles come
    at the rate n * v, where v is the rate at which the camera sees vehicles and n the share of new ones. So the odds are
    (1 - n) / (n v W): the busier the road and the wider the window, the more evidence a join needs. The share n starts
    at the configured one and follows what is decided at each camera.

    Args:
        new_vehicle_share: n, at the start.
    """

    name = "prior"

    def __init__(self, new_vehicle_share: float) -> None:
        self._share = new_vehicle_share
        self._decided: dict[str, tuple[float, float]] = {}
        self._counts: dict[str, int] = {}
        self._first: Instant | None = None
        self._now: Instant = 0

    def observe(self, camera: str, start: Instant) -> None:
        """Counts a tracklet of a camera."""
        self._counts[camera] = self._counts.get(camera, 0) + 1
        self._first = start if self._first is None else min(self._first, start)
        self._now = max(self._now, start)

    def decided(self, camera: str, new: float) -> None:
        """A tracklet of a camera was decided to be a new vehicle with this probability."""
        total, count = self._decided.get(camera, (0.0, 0.0))
        keep = min(1.0, _FORGETTING / (count + 1.0))
        self._decided[camera] = (keep * total + new, keep * count + 1.0)

    def new_share(self, camera: str) -> float:
        """The share n of a camera."""
        total, count = self._decided.get(camera, (0.0, 0.0))
        return (_STRENGTH * self._share + total) / (_STRENGTH + count)

    def rate(self, camera: str) -> float:
        """Vehicles a second at a camera."""
        seconds = 0.0 if self._first is None else seconds_between(self._first, self._now)
        return (self._counts.get(camera, 0) + _VEHICLES) / (seconds + _SECONDS)

    def weigh(self, comparison: Comparison) -> Evidence:
        """The mean over the links that join the two vehicles' sightings."""
        total = 0.0
        for relation in comparison.linked:
            link = relation.link
            if link is not None:
                camera = relation.later.camera
                new = self.new_share(camera)
                total += link.log_prior + math.log((1.0 - new) / (new * self.rate(camera) * link.window))
        return Evidence(self.name, total / len(comparison.linked))
