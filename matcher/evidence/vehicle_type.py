"""Whether two sightings are of one type of vehicle."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from matcher.evidence.term import Comparison
from matcher.sightings import Sighting
from throughline.messages import Evidence

__all__ = ["VehicleTypeTerm"]

_UNKNOWN = "vehicle"
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
        self._seen: dict[str, float] = {}

    def observe(self, sighting: Sighting) -> None:
        """Counts a vehicle toward the site's shares."""
        for name, probability in sighting.types.items():
            if name != _UNKNOWN:
                self._seen[name] = self._seen.get(name, 0.0) + probability

    def weigh(self, comparison: Comparison) -> Evidence | None:
        """The evidence; None where a side has no type that is known."""
        if not (any(one.types for one in comparison.left) and any(one.types for one in comparison.right)):
            return None
        left, right = _mean(comparison.left), _mean(comparison.right)
        names = sorted({*left, *right, *self._seen} - {_UNKNOWN})
        if not names:
            return None
        shares = {name: self._seen.get(name, 0.0) + _STRENGTH for name in names}
        total = sum(shares.values())
        one, other = _likelihood(left, names), _likelihood(right, names)
        both = sum(shares[name] * one[name] * other[name] for name in names) * total
        apart = sum(shares[name] * one[name] for name in names) * sum(shares[name] * other[name] for name in names)
        raw = sum(one[name] * other[name] for name in names)
        return Evidence(self.name, math.log((1.0 - _TRUST) * both / apart + _TRUST), raw, "dot product")


def _mean(sightings: Iterable[Sighting]) -> dict[str, float]:
    known = [sighting.types for sighting in sightings if sighting.types]
    names = sorted({name for types in known for name in types})
    return {name: sum(types.get(name, 0.0) for types in known) / len(known) for name in names}


def _likelihood(types: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """What is not known of a type speaks for each alike."""
    known = sum(probability for name, probability in types.items() if name != _UNKNOWN)
    missing = max(0.0, 1.0 - known) / len(names)
    return {name: types.get(name, 0.0) + missing for name in names}
