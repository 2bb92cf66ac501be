"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CalibrationBin", "CalibrationReport", "calibration_report"]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Decisions with similar probabilities.

    Attributes:
        count: How many.
        probability: Mean of their probabilities.
        right: Share of them that was right.
    """

    count: int
    probability: float
    right: float


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """Reliability of probabilities.

    Attributes:
        error: Expected calibration error: mean over decisions of the gap between probability and share of right ones in
            their bin.
        count: Decisions judged.
        coverage: Share of all decisions that could have been made which these are.
        bins: By rising probability.
    """

    error: float
    count: int
    coverage: float
    bins: tuple[CalibrationBin, ...]


def calibration_report(
    probabilities: npt.ArrayLike, right: npt.ArrayLike, *, possible: int | None = None, bins: int = 10
) -> CalibrationReport:
    """Expected calibration error over bins of equal mass.

    Args:
        probabilities: (N,) in 0..1.
        right: (N,) whether each decision was right.
        possible: How many decisions could have been made; default: N.
        bins: How many bins; fewer decisions than bins make one each.

    Raises:
        ValueError: shapes do not agree, a probability is outside 0..1, or fewer than N decisions were possible.
    """
    p, r = np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
    if p.ndim != 1 or p.shape != r.shape:
        raise ValueError(f"expected (N,) and (N,), found {p.shape} and {r.shape}")
    if len(p) and not (p.min() >= 0.0 and p.max() <= 1.0):
        raise ValueError(f"probabilities must lie in 0..1, found {p.min():g} to {p.max():g}")
    total = len(p) if possible is None else possible
    if total < len(p):
        raise ValueError(f"{len(p)} decisions, but only {total} were possible")
    if len(p) == 0:
        return CalibrationReport(0.0, 0, 0.0 if total else 1.0, ())
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    found = tuple(CalibrationBin(len(part), float(p[part].mean()), float(r[part].mean())) for part in parts)
    error = sum(part.count * abs(part.probability - part.right) for part in found) / len(p)
    return CalibrationReport(error, len(p), len(p) / total, found)
