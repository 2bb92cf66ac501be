"""How alike two vehicles look to an ensemble of networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from matcher.evidence.calibration import DEFAULTS, UNKNOWN, Calibration, CalibrationPrior
from matcher.evidence.reranking import Reranking
from matcher.evidence.term import PairBatch, Ratios
from matcher.evidence.weights import weight_of
from matcher.sightings import ModelKey
from matcher.table import STEP, LookColumn, SightingTable
from throughline.types import IntArray

__all__ = ["AppearanceTerm", "Similarities"]

_Basis: TypeAlias = tuple[tuple[ModelKey, ...], bool]
_PAIRS = "similarities"
_LEAST_SINGLES = 2
"""Single views of a track that two can be compared of."""
_PRODUCTS_AT_ONCE = 2**18
"""Multiplications that OpenBLAS still does in the calling thread: waking others takes longer than such a product."""


@dataclass(frozen=True, slots=True)
class Similarities:
    """How alike P pairs of sightings look.

    Attributes:
        values: (P,) weighted cosine over the networks that both have; NaN where there is none.
        basis: (P,) place in `bases` of those networks; similarities compare only on the same basis. -1: none.
        bases: The networks, and whether single views were compared beside the means.
    """

    values: npt.NDArray[np.float64]
    basis: IntArray
    bases: tuple[_Basis, ...]


class AppearanceTerm:
    """Weighted cosines of the networks that both sightings have, mapped to a ratio by a calibration learned on site.

    Networks are told apart by name and hash, and a missing one is done without. The similarity is the mean of that of the
    two mean vectors and, where both sides have single views, of the two single views that are most alike. That of two
    vehicles is the mean over all pairs of their sightings, judged with the number of views on either side.

    With n networks of equal weight, the squared Euclidean distance d of the unit vectors put behind each other is 2 n (1 - c),
    where c is the similarity of the means.

    Args:
        weights: Weight by network's name; see `weight_of`.
        links: How many links there are.
        exemplars: Weight of the best pair of single views beside that of the means, 0..1; 0: they are not looked at.
        reranking: Looks at shared neighbours too; None: it is off.
        priors: Where the calibration of a network begins, by its name; unknown ones begin cautiously.
    """

    name = "appearance"
    unit = "cosine"

    def __init__(
        self,
        weights: Mapping[str, float],
        links: int,
        exemplars: float = 0.5,
        reranking: Reranking | None = None,
        priors: Mapping[str, CalibrationPrior] = DEFAULTS,
    ) -> None:
        self._weights, self._links, self._exemplars, self._priors = weights, links, exemplars, priors
        self._reranking = reranking
        self._calibrations: dict[_Basis, Calibration] = {}

    def similarities(self, table: SightingTable, left: IntArray, right: IntArray) -> Similarities:
        """How alike the sightings in slots ``left`` (P,) look to those in ``right`` (P,).

        Pairs with the same ``right`` are computed together where they follow each other.
        """
        both = table.seen_by[left] & table.seen_by[right]
        if (both == both[0]).all():
            return self._alike(table, left, right, int(both[0]))
        kinds = np.unique(both)
        values, basis = np.full(len(left), np.nan), np.full(len(left), -1, np.int64)
        bases: list[_Basis] = []
        for kind in kinds.tolist():
            which = both == kind
            part = self._alike(table, left[which], right[which], kind)
            values[which] = part.values
            basis[which] = np.where(part.basis < 0, -1, part.basis + len(bases))
            bases += part.bases
        return Similarities(values, basis, tuple(bases))

    def _alike(self, table: SightingTable, left: IntArray, right: IntArray, kind: int) -> Similarities:
        """Pairs that have the same networks in common."""
        columns = sorted((column for column in table.columns.values() if kind & column.bit), key=lambda column: column.key)
        if not columns:
            return Similarities(np.full(len(left), np.nan), np.full(len(left), -1, np.int64), ())
        keys = tuple(column.key for column in columns)
        share = self._exemplars
        exemplars = np.full(len(left), share > 0.0)
        for column in columns:
            exemplars &= (column.singles[left] > 0) & (column.singles[right] > 0)
        total, weights = np.zeros(len(left)), 0.0
        for column in columns:
            mean, best = _cosines(column, left, right, single=share > 0.0)
            weight = weight_of(self._weights, column.key[0])
            total += weight * np.where(exemplars, (1.0 - share) * mean + share * best, mean)
            weights += weight
        return Similarities(total / weights, exemplars.astype(np.int64), ((keys, False), (keys, True)))

    @property
    def calibrations(self) -> Mapping[_Basis, Calibration]:
        """The maps from similarity to ratio in use, by basis."""
        return self._calibrations

    def calibration(self, basis: _Basis) -> Calibration:
        """The map from similarity to ratio that holds on this basis."""
        if basis not in self._calibrations:
            self._calibrations[basis] = Calibration(self._prior(basis[0]), self._links)
        return self._calibrations[basis]

    def _prior(self, keys: tuple[ModelKey, ...]) -> CalibrationPrior:
        priors = [self._priors.get(name, UNKNOWN) for name, _ in keys]
        weights = [weight_of(self._weights, name) for name, _ in keys]
        total = sum(weights)
        return CalibrationPrior(
            sum(weight * prior.different for weight, prior in zip(weights, priors, strict=True)) / total,
            sum(weight * prior.same for weight, prior in zip(weights, priors, strict=True)) / total,
            sum(weight * prior.deviation for weight, prior in zip(weights, priors, strict=True)) / total,
        )

    def judged(self, batch: PairBatch, pairs: IntArray) -> tuple[Ratios, Ratios]:
        """Similarities of some pairs of a batch, and the log-likelihood ratio of each by itself; NaN: not known.

        Args:
            batch: The batch.
            pairs: (Q,) places of these pairs.
        """
        found = self._found(batch)
        basis, ratios = found.basis[pairs], np.full(len(pairs), np.nan)
        links = batch.topology.find(
            batch.table.camera[batch.relations.earlier[pairs]], batch.table.camera[batch.relations.later[pairs]]
        )
        for place, key in enumerate(found.bases):
            which = basis == place
            if which.any():
                calibration = self.calibration(key)
                one = np.ones(int(which.sum()))
                ratios[which] = calibration.ratios(found.values[pairs[which]], *calibration.means(links[which]), one, one)
        return found.values[pairs], ratios

    def _found(self, batch: PairBatch) -> Similarities:
        """How alike all pairs of a batch look, computed once."""
        found: Similarities | None = batch.memo.get(_PAIRS)
        if found is None:
            found = batch.memo[_PAIRS] = self.similarities(batch.table, batch.left, batch.right)
        return found

    def weigh(self, batch: PairBatch) -> Ratios:
        """NaN where no network saw both sides."""
        found = self._found(batch)
        left, right = (batch.lefts >= 0).sum(axis=1), (batch.rights >= 0).sum(axis=1)
        total, raw, known = np.zeros(len(batch)), np.zeros(len(batch)), np.zeros(len(batch))
        for place, basis in enumerate(found.bases):
            which = found.basis == place
            if which.any():
                calibration = self.calibration(basis)
                count = batch.sum(which.astype(np.float64))
                some = np.maximum(count, 1.0)
                mean = judged = batch.sum(np.where(which, found.values, 0.0)) / some
                views = np.minimum(left, some)
                others = np.maximum(1.0, np.minimum(right, count // views))
                means = calibration.means(batch.relations.link)
                if self._reranking is not None:
                    values = self._reranking.judged(found.values, *means, batch.relations.earlier, batch.relations.later)
                    judged = batch.sum(np.where(which, values, 0.0)) / some
                different, same = (batch.sum(np.where(which, part, 0.0)) / some for part in means)
                ratios = calibration.ratios(judged, different, same, views, others)
                total, raw, known = total + count * ratios, raw + count * mean, known + count
        known = np.where(known > 0.0, known, np.nan)
        batch.memo[self.name] = raw / known
        return np.asarray(total / known)

    def measured(self, batch: PairBatch, comparison: int) -> float:
        """Mean similarity over all pairs that a network saw."""
        return float(batch.memo[self.name][comparison])

    def known_different(self, similarities: Similarities, links: IntArray) -> None:
        """Learns from pairs of vehicles that cannot be one, by links (P,)."""
        for place, basis in enumerate(similarities.bases):
            which = similarities.basis == place
            if which.any():
                self.calibration(basis).known_different(similarities.values[which].tolist(), links[which].tolist())

    def probably_same(self, similarities: Similarities, probabilities: Ratios, links: IntArray) -> None:
        """Learns from pairs that were joined, each with its probability, by links (P,), -1 where no road leads straight."""
        for place, basis in enumerate(similarities.bases):
            which = similarities.basis == place
            if which.any():
                values, shares, roads = similarities.values[which], probabilities[which], links[which]
                self.calibration(basis).probably_same(values.tolist(), shares.tolist(), roads.tolist())

    def one_track(self, table: SightingTable, slot: int) -> None:
        """Learns from a closed track how alike its first and its last single view look."""
        columns = sorted((column for column in table.columns.values() if table.seen_by[slot] & column.bit), key=lambda c: c.key)
        if not columns or any(column.singles[slot] < _LEAST_SINGLES for column in columns):
            return
        weights = [weight_of(self._weights, column.key[0]) for column in columns]
        alike = [float(column.vectors(slot, 1) @ column.vectors(slot, int(column.singles[slot]))) for column in columns]
        mean = sum(weight * value for weight, value in zip(weights, alike, strict=True)) / sum(weights)
        self.calibration((tuple(column.key for column in columns), True)).one_track(mean)


def _cosines(column: LookColumn, left: IntArray, right: IntArray, *, single: bool) -> tuple[Ratios, Ratios]:
    """Cosine of the two means and, if asked for, the largest of all pairs of single views; exact (see `matcher.table`)."""
    views = column.views if single else column.views[:, :1]
    rows, dimension = views.shape[1:]
    products = np.empty((len(left), rows, rows), np.float32)
    borders = [0, *(np.flatnonzero(right[1:] != right[:-1]) + 1).tolist(), len(right)]
    at_once = max(1, _PRODUCTS_AT_ONCE // (rows * rows * dimension))
    for low, high in ((at, min(at + at_once, end)) for start, end in pairwise(borders) for at in range(start, end, at_once)):
        # In steps: whole numbers below 2^24, which float32 holds exactly.
        ours = views[left[low:high]].reshape(-1, dimension).astype(np.float32)
        np.matmul(ours, views[right[low]].T.astype(np.float32), out=products[low:high].reshape(-1, rows))
    products *= STEP * STEP
    mean, best = products[:, 0, 0].astype(np.float64), np.zeros(len(left))
    if rows > 1:
        # Entry by entry: maxima along axes so short take several times as long.
        singles = [products[:, row, other] for row in range(1, rows) for other in range(1, rows)]
        best = np.asarray(reduce(np.maximum, singles), np.float64)
    return mean, best
