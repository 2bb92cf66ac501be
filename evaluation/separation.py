"""How far the similarities of one vehicle's views lie from those of different vehicles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = ["Separation", "separation"]


@dataclass(frozen=True, slots=True)
class Separation:
    """Two kinds of similarities; NaN for a kind without pairs.

    Attributes:
        same: Mean similarity of two views of one vehicle.
        same_deviation: Its standard deviation.
        different: Mean similarity of views of different vehicles.
        different_deviation: Its standard deviation.
        area: Probability that two views of one vehicle are more alike than two of different ones: the area under the ROC curve.
        pairs: Pairs of one vehicle, and of different ones.
    """

    same: float
    same_deviation: float
    different: float
    different_deviation: float
    area: float
    pairs: tuple[int, int]

    def to_json(self) -> dict[str, object]:
        """Plain numbers, None where they are not known."""
        values = {
            "same_mean": self.same,
            "same_deviation": self.same_deviation,
            "different_mean": self.different,
            "different_deviation": self.different_deviation,
            "area_under_roc": self.area,
        }
        plain = {name: None if np.isnan(value) else value for name, value in values.items()}
        return {**plain, "same_pairs": self.pairs[0], "different_pairs": self.pairs[1]}


def separation(similarities: npt.ArrayLike, same: npt.ArrayLike) -> Separation:
    """Compares pairs of one vehicle with pairs of different ones.

    Args:
        similarities: (P,) of each pair; pairs without one, NaN, are left out.
        same: (P,) whether each pair shows one vehicle.

    Raises:
        ValueError: shapes do not agree.
    """
    values, truth = np.asarray(similarities, np.float64), np.asarray(same, np.bool_)
    if values.ndim != 1 or values.shape != truth.shape:
        raise ValueError(f"expected (P,) and (P,), found {values.shape} and {truth.shape}")
    known = np.isfinite(values)
    values, truth = values[known], truth[known]
    alike, others = values[truth], values[~truth]
    area = float("nan")
    if len(alike) and len(others):
        # Mann and Whitney's U statistic; ties count one half.
        ranks = rankdata(values)[truth].sum() - len(alike) * (len(alike) + 1) / 2
        area = float(ranks / (len(alike) * len(others)))
    return Separation(*_moments(alike), *_moments(others), area, (len(alike), len(others)))


def _moments(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (float("nan"), float("nan"))
