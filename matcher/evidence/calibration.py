"""From a similarity to a log-likelihood ratio, refined on site without labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["DEFAULTS", "UNKNOWN", "Calibration", "CalibrationPrior"]

_STRENGTH_DIFFERENT = 30.0
_STRENGTH_SAME = 30.0
"""How many pairs the shipped default counts for."""
_TRUST = 1e-3
"""Share of pairs of which the model may be wrong altogether; bounds the ratio at about 7 in either direction."""
_FORGETTING = 5000.0
"""Pairs after which older ones begin to fade."""


@dataclass(frozen=True, slots=True)
class CalibrationPrior:
    """Where a calibration starts.

    Attributes:
        different: Mean similarity of different vehicles.
        same: Mean similarity of views of one vehicle.
        deviation: Standard deviation of the similarity of different vehicles, taken for both.
    """

    different: float
    same: float
    deviation: float


UNKNOWN = CalibrationPrior(0.0, 0.21, 0.09)
"""For networks we know nothing of: the two kinds are 2.3 deviations apart, an area under the ROC curve of 0.95."""

DEFAULTS: dict[str, CalibrationPrior] = {
    "colour-histogram": CalibrationPrior(0.38, 0.83, 0.20),  # 405 vehicles, one crop in each of two cameras
}
"""By the embedder's name in the site file."""


class _Moments:
    """Weighted mean and variance, with fading memory."""

    __slots__ = ("squares", "total", "weight")

    def __init__(self) -> None:
        self.weight = self.total = self.squares = 0.0

    def add(self, value: float, weight: float) -> None:
        if self.weight > _FORGETTING:
            keep = _FORGETTING / self.weight
            self.weight, self.total, self.squares = self.weight * keep, self.total * keep, self.squares * keep
        self.weight += weight
        self.total += weight * value
        self.squares += weight * value * value

    def posterior_mean(self, prior: float, strength: float) -> float:
        return (strength * prior + self.total) / (strength + self.weight)

    def scatter(self, centre: float) -> float:
        """Sum of weighted squared distances from ``centre``."""
        return max(0.0, self.squares - 2.0 * centre * self.total + centre * centre * self.weight)


class Calibration:
    """Two normal distributions of one width: similarities of one vehicle, and of different ones.

    Known to be different are vehicles that one camera sees at once. Taken as the same are candidates in proportion to the
    probability with which they were decided, so that weak matches teach little. Both start from a default that counts
    for a few dozen pairs, and the gap between the two means starts at the default's gap in deviations.

    For the mean of several pairs of one vehicle's and another's views the noise shrinks, but not to nothing: a share of
    it, the one that makes views of one vehicle alike, is common to all pairs. With a centred embedding made of identity
    (share *r* of the variance) and noise, the variance of the mean over *m* x *n* pairs of different vehicles is
    (r + (1-r)/m)(r + (1-r)/n) of that of one pair, and r = (same - different) / (1 - different).
    """

    def __init__(self, prior: CalibrationPrior = UNKNOWN) -> None:
        self._prior = prior
        self._different = _Moments()
        self._same = _Moments()
        self._refresh()

    def known_different(self, *similarities: float) -> None:
        """Pairs of vehicles that cannot be one."""
        for similarity in similarities:
            self._different.add(similarity, 1.0)
        self._refresh()

    def probably_same(self, *joins: tuple[float, float]) -> None:
        """Similarity of two sightings, and the probability with which they were found to be one vehicle."""
        for similarity, probability in joins:
            self._same.add(similarity, probability)
        self._refresh()

    def _refresh(self) -> None:
        prior = self._prior
        self.different = self._different.posterior_mean(prior.different, _STRENGTH_DIFFERENT)
        strength = _STRENGTH_DIFFERENT + self._different.weight
        scatter = _STRENGTH_DIFFERENT * prior.deviation**2 + self._different.scatter(self.different)
        self.deviation = math.sqrt(scatter / strength)
        gap = (prior.same - prior.different) / prior.deviation * self.deviation
        self.same = self._same.posterior_mean(self.different + gap, _STRENGTH_SAME)
        self.same = max(self.same, self.different + 0.5 * self.deviation)

    @property
    def identity_share(self) -> float:
        """The share *r* of the class's description, 0..1."""
        return min(0.95, max(0.05, (self.same - self.different) / max(1e-6, 1.0 - self.different)))

    def ratio(self, similarity: float, left: int = 1, right: int = 1) -> float:
        """Log-likelihood ratio of the mean similarity over all pairs of ``left`` and ``right`` views."""
        return float(self.ratios(np.array([similarity]), np.array([float(left)]), np.array([float(right)]))[0])

    def ratios(
        self, similarities: npt.NDArray[np.float64], left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """`ratio` of many, all of one shape."""
        share = self.identity_share
        variance = self.deviation**2 * (share + (1.0 - share) / left) * (share + (1.0 - share) / right)
        gap = self.same - self.different
        return _bounded(gap / variance * (similarities - 0.5 * (self.same + self.different)))


def _bounded(ratio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Allows for a share of pairs of which the model knows nothing: log((e^x + t) / (1 + t e^x))."""
    small = np.exp(-np.abs(ratio))
    return np.asarray(np.copysign(np.log((1.0 + _TRUST * small) / (small + _TRUST)), ratio))
