"""Several appearance networks as one: their cosines added with weights, or their vectors put behind each other.

Both are the same number. With unit vectors v_i of members i, weights w_i and W the sum of the weights, put the blocks
sqrt(w_i) v_i behind each other: the inner product of two such vectors is W times the weighted mean c of the members' cosines,
and their squared Euclidean distance is

    d = sum_i w_i (2 - 2 cos_i) = 2 W (1 - c).

So a squared distance on the bare concatenation of n networks, the scale on which systems of the AI City Challenge state
their thresholds, is d = 2 n (1 - c): with seven networks 2.5 is a mean cosine of 0.821, and one unit of cosine is 14 of d.

A member that is missing on either side of a pair, because it failed or was not asked, is done without: its weight is taken out
of W for that pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray

__all__ = ["Concatenation", "Ensemble", "mean_cosine", "squared_distance"]


def squared_distance(cosine: npt.ArrayLike, total_weight: float) -> npt.NDArray[np.float64]:
    """Squared Euclidean distance of concatenations for a weighted mean cosine.

    Args:
        cosine: Weighted mean of the members' cosines, any shape.
        total_weight: Sum of the members' weights; their number where vectors are put behind each other as they are.
    """
    return 2.0 * total_weight * (1.0 - np.asarray(cosine, np.float64))


def mean_cosine(distance: npt.ArrayLike, total_weight: float) -> npt.NDArray[np.float64]:
    """Weighted mean cosine for a squared distance of concatenations: the inverse of `squared_distance`."""
    return 1.0 - np.asarray(distance, np.float64) / (2.0 * total_weight)


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Vectors of all members of an ensemble put behind each other.

    Attributes:
        vectors: (N, D) float32, D the sum of the members' dimensions: each member's unit vectors times the root of its weight,
            zero where the member is missing.
        weights: (N, M) float64, weight of each member, zero where it is missing.
    """

    vectors: FloatArray
    weights: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Concatenation:
        """Those in these rows."""
        return Concatenation(self.vectors[rows], self.weights[rows])

    def similarity(self, other: Concatenation) -> FloatArray:
        """Weighted mean cosines over the members that both have, (N, N') float32; NaN where they have none in common.

        Raises:
            ValueError: the other is of another ensemble.
        """
        if self.vectors.shape[1] != other.vectors.shape[1] or self.weights.shape[1] != other.weights.shape[1]:
            raise ValueError(
                f"concatenations of {self.weights.shape[1]} and {other.weights.shape[1]} members, {self.vectors.shape[1]} and "
                f"{other.vectors.shape[1]} numbers long, cannot be compared"
            )
        common = self.weights @ (other.weights > 0.0).T.astype(np.float64)
        total = self.vectors @ other.vectors.T
        mean = np.divide(total, common, out=np.full(total.shape, np.nan), where=common > 0.0)
        return np.asarray(mean, np.float32)


class Ensemble:
    """Appearance networks with weights.

    Args:
        weights: Weight by the member's name, above 0; only their ratios matter.

    Raises:
        ValueError: there is no member, or a weight is not above 0.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        if not weights:
            raise ValueError("an ensemble has at least one member")
        for name, weight in weights.items():
            if not 0.0 < weight < np.inf:
                raise ValueError(f"the weight of {name} must be above 0, found {weight:g}")
        self._weights = dict(weights)

    @property
    def weights(self) -> Mapping[str, float]:
        """Weight by the member's name."""
        return self._weights

    def without(self, name: str) -> Ensemble:
        """The other members.

        Raises:
            ValueError: nobody would be left, or there is no such member.
        """
        self._check(name)
        return Ensemble({other: weight for other, weight in self._weights.items() if other != name})

    def only(self, name: str) -> Ensemble:
        """One member alone.

        Raises:
            ValueError: there is no such member.
        """
        self._check(name)
        return Ensemble({name: self._weights[name]})

    def concatenate(self, vectors: Mapping[str, FloatArray]) -> Concatenation:
        """Puts the members' vectors behind each other.

        Args:
            vectors: (N, D_i) unit rows by the member's name; a row that is not finite is missing. A member that is not here is
                missing for all and has no place in the result, so that results compare only when they come from the same
                members. Names that are no members are passed over.

        Raises:
            ValueError: no member is here, or members have different numbers of rows.
        """
        here = [name for name in self._weights if name in vectors]
        counts = {len(vectors[name]) for name in here}
        if len(counts) != 1:
            found = ", ".join(f"{len(vectors[name])} of {name}" for name in here) or "none"
            raise ValueError(f"expected equally many vectors of some of {', '.join(self._weights)}, found {found}")
        blocks, present = [], []
        for name in here:
            known = np.asarray(np.isfinite(vectors[name]).all(axis=1))
            scale = np.float32(np.sqrt(self._weights[name]))
            blocks.append(np.where(known[:, None], vectors[name] * scale, np.float32(0.0)).astype(np.float32))
            present.append(known * self._weights[name])
        return Concatenation(np.concatenate(blocks, axis=1), np.stack(present, axis=1).astype(np.float64))

    def similarity(self, first: Mapping[str, FloatArray], second: Mapping[str, FloatArray]) -> FloatArray:
        """The weighted sum of the members' cosines, over those that both have: (N, N') float32, NaN where there is none.

        Args:
            first: (N, D_i) unit rows by the member's name, not finite where missing.
            second: (N', D_i) likewise.

        Raises:
            ValueError: no member is in both.
        """
        names = [name for name in self._weights if name in first and name in second]
        if not names:
            raise ValueError(f"none of {', '.join(self._weights)} is on both sides")
        return self.concatenate({name: first[name] for name in names}).similarity(
            self.concatenate({name: second[name] for name in names})
        )

    def _check(self, name: str) -> None:
        if name not in self._weights:
            raise ValueError(f"{name} is no member; there are {', '.join(self._weights)}")
