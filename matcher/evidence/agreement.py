"""Agreement of what two vehicles are said to be: the arithmetic that types and colours share."""

from __future__ import annotations

import numpy as np

from matcher.evidence.term import PairBatch, Ratios
from matcher.readings import LikelihoodColumn

__all__ = ["Agreement"]

_STRENGTH = 5.0
"""How many vehicles of each class are assumed to have been seen before the first."""


class Agreement:
    """Likelihood ratio of two vectors over C classes, worth more for rare classes.

    The vectors p and q are posteriors under flat priors, hence likelihoods up to scale; with the site's shares s of the classes
    the ratio is sum(s p q) / (sum(s p) sum(s q)): two trucks among cars say much, two cars little. A vector that knows nothing is
    flat and gives a ratio of 1, so only what is known on both sides speaks against a join. A share of pairs, the doubt, is taken
    to say nothing at all, which bounds that.

    Args:
        classes: C.
        doubt: That share.
    """

    def __init__(self, classes: int, doubt: float) -> None:
        self._seen = np.full(classes, _STRENGTH)
        self._doubt = doubt

    def count(self, told: list[float]) -> None:
        """Counts a vehicle toward the site's shares, by what was told of it (C,)."""
        self._seen += told

    def ratios(self, batch: PairBatch, column: LikelihoodColumn) -> tuple[Ratios, Ratios]:
        """(G,) log-likelihood ratios and (G,) dot products of the two mean vectors; NaN where a side says nothing."""
        left, right = column.means(batch.lefts), column.means(batch.rights)
        weighted = left * self._seen
        both = (weighted * right).sum(axis=1)
        ratio = both * self._seen.sum() / (weighted.sum(axis=1) * (right * self._seen).sum(axis=1))
        return np.log((1.0 - self._doubt) * ratio + self._doubt), (left * right).sum(axis=1)
