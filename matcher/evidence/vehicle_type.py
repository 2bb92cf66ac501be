"""Whether two sightings are of one type of vehicle."""

from __future__ import annotations

import math
from functools import lru_cache

from matcher.evidence.term import Comparison
from matcher.sightings import Sighting
from throughline.messages import Evidence
from throughline.types import VEHICLE_TYPES

__all__ = ["VehicleTypeTerm"]

_UNKNOWN = "vehicle"
_TYPES = tuple(name for name in VEHICLE_TYPES if name != _UNKNOWN)
_TRUST = 0.05
"""Share of sightings whose type vector is wrong altogether."""
_STRENGTH = 5.0
"""How many vehicles of each type are assumed to have been seen before the first."""


class VehicleTypeTerm:
    """Agreement of the two type vectors, worth more for rare types.

    Type vectors p and q are posteriors under flat priors, hence likelihoods up to scale; with the site's shares s of the
    types the ratio is sum(s p q) / (sum(s p) sum(s q)): two trucks among cars say much, two cars little.
    """

    name = "vehicle_type"

    def __init__(self) -> None:
        self._seen = [_STRENGTH] * len(_TYPES)

    def observe(self, sighting: Sighting) -> None:
        """Counts a vehicle toward the site's shares."""
        for place, name in enumerate(_TYPES):
            self._seen[place] += sighting.types.get(name, 0.0)

    def weigh(self, comparison: Comparison) -> Evidence | None:
        """The evidence; None where a side says nothing of its type."""
        left, right = _likelihood(comparison.left), _likelihood(comparison.right)
        if left is None or right is None:
            return None
        both = one_side = other_side = raw = 0.0
        for share, one, other in zip(self._seen, left, right, strict=True):
            both += share * one * other
            one_side += share * one
            other_side += share * other
            raw += one * other
        ratio = both * sum(self._seen) / (one_side * other_side)
        return Evidence(self.name, math.log((1.0 - _TRUST) * ratio + _TRUST), raw, "dot product")


@lru_cache(maxsize=8192)
def _likelihood(sightings: tuple[Sighting, ...]) -> tuple[float, ...] | None:
    """Mean type vector; what is not known of a type speaks for each alike. None where nothing is said."""
    known = [sighting.types for sighting in sightings if sighting.types]
    if not known:
        return None
    mean = [sum(types.get(name, 0.0) for types in known) / len(known) for name in _TYPES]
    missing = max(0.0, 1.0 - sum(mean)) / len(_TYPES)
    return tuple(value + missing for value in mean)
