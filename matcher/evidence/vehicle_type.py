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
        weighted = left * self._seen
        both = (weighted * right).sum(axis=1)
        ratio = both * self._seen.sum() / (weighted.sum(axis=1) * (right * self._seen).sum(axis=1))
        batch.memo[self.name] = left, right
        return np.asarray(np.log((1.0 - _TRUST) * ratio + _TRUST))

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Dot product of the two mean type vectors."""
        left, right = batch.memo[self.name]
        return float(sum(left[comparison] * right[comparison]))


def _means(batch: PairBatch, sets: IntArray) -> npt.NDArray[np.float64]:
    """(G, types) mean over the sightings of known type; NaN where there are none. The sums are exact: types are on a grid."""
    known = (sets >= 0) & batch.table.typed[sets]
    total = np.where(known[:, :, None], batch.table.types[sets], 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.asarray(total / np.where(count > 0, count, np.nan)[:, None])
