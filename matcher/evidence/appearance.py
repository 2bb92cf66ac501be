"""How alike two vehicles look to an ensemble of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from matcher.evidence.calibration import DEFAULTS, UNKNOWN, Calibration, CalibrationPrior
from matcher.evidence.term import Comparison, Similarity
from matcher.sightings import ModelKey, Sighting
from throughline.messages import Evidence

__all__ = ["AppearanceTerm"]

_Basis: TypeAlias = tuple[tuple[ModelKey, ...], bool]
_EXEMPLAR_SHARE = 0.5
"""Weight of the best pair of single views beside that of the means."""


class AppearanceTerm:
    """Weighted cosines of the networks that both sightings have, mapped to a ratio by a calibration learned on site.

    Networks are told apart by name and hash, and a missing one is done without. The similarity is the mean of that of the
    two mean vectors and, where both sides have single views, of the two single views that are most alike.

    Args:
        weights: Weight by network's name; 1 for others.
    """

    name = "appearance"

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._calibrations: dict[_Basis, Calibration] = {}

    def similarity(self, first: Sighting, second: Sighting) -> Similarity | None:
        """How alike two sightings look; None where no network saw both."""
        basis = tuple(sorted(first.looks.keys() & second.looks.keys()))
        if not basis:
            return None
        exemplars = all(len(sighting.looks[key].exemplars) for key in basis for sighting in (first, second))
        total = weights = 0.0
        for key in basis:
            one, other = first.looks[key], second.looks[key]
            if one.mean.shape != other.mean.shape:
                continue
            cosine = float(one.mean @ other.mean)
            if exemplars:
                best = float((one.exemplars @ other.exemplars.T).max())
                cosine = (1.0 - _EXEMPLAR_SHARE) * cosine + _EXEMPLAR_SHARE * best
            weight = self._weights.get(key[0], 1.0)
            total += weight * cosine
            weights += weight
        return Similarity(total / weights, basis, exemplars) if weights else None

    def calibration(self, similarity: Similarity) -> Calibration:
        """The map from similarity to ratio that holds on this basis."""
        basis = similarity.basis, similarity.exemplars
        if basis not in self._calibrations:
            self._calibrations[basis] = Calibration(self._prior(similarity.basis))
        return self._calibrations[basis]

    def _prior(self, basis: tuple[ModelKey, ...]) -> CalibrationPrior:
        priors = [DEFAULTS.get(name, UNKNOWN) for name, _ in basis]
        weights = [self._weights.get(name, 1.0) for name, _ in basis]
        total = sum(weights)
        return CalibrationPrior(
            sum(weight * prior.different for weight, prior in zip(weights, priors, strict=True)) / total,
            sum(weight * prior.same for weight, prior in zip(weights, priors, strict=True)) / total,
            sum(weight * prior.deviation for weight, prior in zip(weights, priors, strict=True)) / total,
        )

    def weigh(self, comparison: Comparison) -> Evidence | None:
        """The mean similarity over all pairs, judged with the number of views on either side."""
        groups: dict[_Basis, list[Similarity]] = {}
        for pair in comparison.pairs:
            if pair.similarity is not None:
                groups.setdefault((pair.similarity.basis, pair.similarity.exemplars), []).append(pair.similarity)
        if not groups:
            return None
        known = sum(len(group) for group in groups.values())
        ratio = raw = 0.0
        for group in groups.values():
            mean = sum(similarity.value for similarity in group) / len(group)
            left = min(len(comparison.left), len(group))
            right = max(1, min(len(comparison.right), len(group) // left))
            ratio += len(group) / known * self.calibration(group[0]).ratio(mean, left, right)
            raw += len(group) / known * mean
        return Evidence(self.name, ratio, raw, "cosine")

    def known_different(self, similarity: Similarity) -> None:
        """Learns from two vehicles that cannot be one."""
        self.calibration(similarity).known_different(similarity.value)

    def probably_same(self, similarity: Similarity, probability: float) -> None:
        """Learns from a join that was decided with this probability."""
        self.calibration(similarity).probably_same(similarity.value, probability)
