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


class PriorTerm:
    """Log-odds of a join against a new vehicle, before the evidence.

    A vehicle that left one view comes to the next with probability 1 - n at some time in the window W; new vehicles come
    at the rate n * v, where v is the rate at which the camera sees vehicles and n the share of new ones. So the odds are
    (1 - n) / (n v W): the busier the road and the wider the window, the more evidence a join needs.

    Args:
        new_vehicle_share: n.
    """

    name = "prior"

    def __init__(self, new_vehicle_share: float) -> None:
        self._odds = math.log((1.0 - new_vehicle_share) / new_vehicle_share)
        self._counts: dict[str, int] = {}
        self._first: Instant | None = None
        self._now: Instant = 0

    def observe(self, camera: str, start: Instant) -> None:
        """Counts a tracklet of a camera."""
        self._counts[camera] = self._counts.get(camera, 0) + 1
        self._first = start if self._first is None else min(self._first, start)
        self._now = max(self._now, start)

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
                total += link.log_prior - math.log(self.rate(relation.later.camera) * link.window)
        return Evidence(self.name, self._odds + total / len(comparison.linked))
