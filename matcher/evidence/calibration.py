"""From a similarity to a log-likelihood ratio, refined on site without labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matcher.evidence.term import Ratios
from throughline.types import IntArray

__all__ = ["DEFAULTS", "UNKNOWN", "Calibration", "CalibrationPrior"]

_STRENGTH_DIFFERENT = 30.0
_STRENGTH_SAME = 30.0
"""How many pairs the shipped default counts for."""
_STRENGTH_SITE = 150.0
"""How many pairs what the whole site shows counts for on one link."""
_LEAST_GAP = 0.5
"""Deviations between the two means, at least."""
_LEAST_TRACKS = 20.0
"""Tracks from which on their own views bound how alike one vehicle looks."""
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
    "vehicle-embedder": CalibrationPrior(0.13, 0.70, 0.19),  # held out: of two cameras, far and near of one, rendered sides
}
"""By the name that the embedder's vectors carry."""


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


class _LinkMeans:
    """Weighted means by link, as far as they are known; those of links without pairs of their own are the site's."""

    def __init__(self, links: int) -> None:
        self._weight = np.zeros(links)
        self._total = np.zeros(links)

    def add(self, links: IntArray, values: Ratios, weights: Ratios) -> None:
        """Pairs by links from 0; fading."""
        for link, value, weight in zip(links.tolist(), values.tolist(), weights.tolist(), strict=True):
            if self._weight[link] > _FORGETTING:
                self._total[link] *= _FORGETTING / self._weight[link]
                self._weight[link] = _FORGETTING
            self._weight[link] += weight
            self._total[link] += weight * value

    def means(self, site: float) -> Ratios:
        """(L + 1,) the mean on each link, drawn toward the site's, and behind them that of the site."""
        means = (_STRENGTH_SITE * site + self._total) / (_STRENGTH_SITE + self._weight)
        return np.concatenate([means, [site]])


class Calibration:
    """Two normal distributions of one width: similarities of one vehicle, and of different ones.

    Known to be different are vehicles that one camera sees at once, and so are a vehicle that a road takes to another camera
    and those that were beside it there. Taken as the same are candidates in proportion to the probability with which they
    were decided, so that weak matches teach little. Both start from a default that counts for a few dozen pairs, and the gap
    between the two means starts at the default's gap in deviations. Views of one track, which share light, angle and
    background, only say how alike one vehicle can look at most.

    Means are learned for each link too, drawn toward the site's as the site's are toward the default: what two cameras show
    of a vehicle may be its front and its rear.

    For the mean of several pairs of one vehicle's and another's views the noise shrinks, but not to nothing: a share of
    it, the one that makes views of one vehicle alike, is common to all pairs. With a centred embedding made of identity
    (share *r* of the variance) and noise, the variance of the mean over *m* x *n* pairs of different vehicles is
    (r + (1-r)/m)(r + (1-r)/n) of that of one pair, and r = (same - different) / (1 - different).

    Args:
        prior: Where it starts.
        links: How many links there are.
    """

    def __init__(self, prior: CalibrationPrior = UNKNOWN, links: int = 0) -> None:
        self._prior = prior
        self._different = _Moments()
        self._same = _Moments()
        self._track = _Moments()
        self._different_by_link = _LinkMeans(links)
        self._same_by_link = _LinkMeans(links)
        self._by_link: tuple[Ratios, Ratios] | None = None
        self._refresh()

    def known_different(self, similarities: Sequence[float], links: Sequence[int] = ()) -> None:
        """Pairs of vehicles that cannot be one, and the links between their sightings where they are known."""
        for similarity in similarities:
            self._different.add(similarity, 1.0)
        if links:
            self._different_by_link.add(np.array(links), np.array(similarities), np.ones(len(links)))
        self._refresh()

    def probably_same(self, similarities: Sequence[float], probabilities: Sequence[float], links: Sequence[int] = ()) -> None:
        """Similarities of sightings, with the probabilities with which they were found to be one vehicle; -1: no link."""
        for similarity, probability in zip(similarities, probabilities, strict=True):
            self._same.add(similarity, probability)
        if links:
            linked = np.array(links) >= 0
            values, weights = np.array(similarities)[linked], np.array(probabilities)[linked]
            self._same_by_link.add(np.array(links)[linked], values, weights)
        self._refresh()

    def one_track(self, similarity: float) -> None:
        """Two views of one track."""
        self._track.add(similarity, 1.0)
        self._refresh()

    def _refresh(self) -> None:
        self._by_link = None
        prior = self._prior
        self.different = self._different.posterior_mean(prior.different, _STRENGTH_DIFFERENT)
        strength = _STRENGTH_DIFFERENT + self._different.weight
        scatter = _STRENGTH_DIFFERENT * prior.deviation**2 + self._different.scatter(self.different)
        self.deviation = math.sqrt(scatter / strength)
        gap = (prior.same - prior.different) / prior.deviation * self.deviation
        self.same = self._same.posterior_mean(self.different + gap, _STRENGTH_SAME)
        if self._track.weight >= _LEAST_TRACKS:
            self.same = min(self.same, self._track.total / self._track.weight)
        self.same = max(self.same, self.different + _LEAST_GAP * self.deviation)

    @property
    def identity_share(self) -> float:
        """The share *r* of the class's description, 0..1."""
        return min(0.95, max(0.05, (self.same - self.different) / max(1e-6, 1.0 - self.different)))

    def means(self, links: IntArray) -> tuple[Ratios, Ratios]:
        """Mean similarity of different vehicles (P,) and of one vehicle (P,) on each of these links; -1: on any."""
        if self._by_link is None:
            different = self._different_by_link.means(self.different)
            same = np.maximum(self._same_by_link.means(self.same), different + _LEAST_GAP * self.deviation)
            self._by_link = different, same
        return self._by_link[0][links], self._by_link[1][links]  # -1: the last, the site's

    def ratio(self, similarity: float, left: int = 1, right: int = 1, link: int = -1) -> float:
        """Log-likelihood ratio of the mean similarity over all pairs of ``left`` and ``right`` views."""
        different, same = self.means(np.array([link]))
        return float(self.ratios(np.array([similarity]), different, same, np.array([float(left)]), np.array([float(right)]))[0])

    def ratios(self, similarities: Ratios, different: Ratios, same: Ratios, left: Ratios, right: Ratios) -> Ratios:
        """`ratio` of many, all of one shape, with the means that hold for each (see `means`)."""
        share = self.identity_share
        variance = self.deviation**2 * (share + (1.0 - share) / left) * (share + (1.0 - share) / right)
        return _bounded((same - different) / variance * (similarities - 0.5 * (same + different)))


def _bounded(ratio: Ratios) -> Ratios:
    """Allows for a share of pairs of which the model knows nothing: log((e^x + t) / (1 + t e^x))."""
    small = np.exp(-np.abs(ratio))
    return np.asarray(np.copysign(np.log((1.0 + _TRUST * small) / (small + _TRUST)), ratio))
