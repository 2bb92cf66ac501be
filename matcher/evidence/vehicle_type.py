"""Whether two sightings are of one type of vehicle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from matcher.evidence.term import PairBatch, Ratios
from matcher.sightings import Sighting
from throughline.types import VEHICLE_TYPES, IntArray

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
    types the ratio is sum(s p q) / (sum(s p) sum(s q)): two trucks among cars say much, two cars little. A vehicle's type
    vector is the mean over its sightings.
    """

    name = "vehicle_type"
    unit = "dot product"

    def __init__(self) -> None:
        self._seen = np.full(len(_TYPES), _STRENGTH)

    def observe(self, sighting: Sighting) -> None:
        """Counts a vehicle toward the site's shares."""
        self._seen += [sighting.types.get(name, 0.0) for name in _TYPES]

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where a side says nothing of its type."""
        left, right = _means(batch, batch.lefts), _means(batch, batch.rights)
        both = one_side = other_side = np.zeros(len(batch))
        for place, share in enumerate(self._seen):
            both = both + share * left[place] * right[place]
            one_side = one_side + share * left[place]
            other_side = other_side + share * right[place]
        ratio = both * self._seen.sum() / (one_side * other_side)
        return np.asarray(np.log((1.0 - _TRUST) * ratio + _TRUST))

    def measured(self, batch: PairBatch) -> float:
        """Dot product of the two mean type vectors."""
        return float(sum(_means(batch, batch.lefts)[:, 0] * _means(batch, batch.rights)[:, 0]))


def _means(batch: PairBatch, sets: IntArray) -> npt.NDArray[np.float64]:
    """(types, G) mean over the sightings of known type; NaN where there are none."""
    total = np.zeros((len(_TYPES), len(sets)))
    count = np.zeros(len(sets))
    for column in sets.T:
        known = (column >= 0) & batch.table.typed[column]
        total += np.where(known, batch.table.types[column].T, 0.0)
        count += known
    return np.asarray(total / np.where(count > 0.0, count, np.nan))
