"""Whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughline.messages import MatchEvent

__all__ = ["CalibrationBin", "CalibrationReport", "JudgedJoins", "calibration_report", "judge_joins"]


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
        brier: Mean squared difference between probability and outcome, 0 or 1 (Brier, "Verification of forecasts expressed in
            terms of probability", Monthly Weather Review 78, 1950); 0 without decisions.
    """

    error: float
    count: int
    coverage: float
    bins: tuple[CalibrationBin, ...]
    brier: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Plain values, for one JSON object."""
        return {
            "error": self.error,
            "brier": self.brier,
            "count": self.count,
            "coverage": self.coverage,
            "bins": [{"count": part.count, "probability": part.probability, "right": part.right} for part in self.bins],
        }

    def to_markdown(self) -> str:
        """The reliability table."""
        lines = ["| decisions | mean probability | right |", "|---|---|---|"]
        lines += [f"| {part.count} | {part.probability:.3f} | {part.right:.3f} |" for part in self.bins]
        told = f"Expected calibration error {self.error:.4f}, Brier score {self.brier:.4f}"
        lines += ["", f"{told}: {self.count} decisions, {self.coverage:.1%} of all."]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class JudgedJoins:
    """Joins at their first ``confirmed``, with the truth.

    Attributes:
        probabilities: Of each join.
        right: Whether each is of two tracklets of one vehicle.
        tracklets: First final decisions, joins and new vehicles together: how many joins there could have been.
    """

    probabilities: tuple[float, ...]
    right: tuple[bool, ...]
    tracklets: int

    @classmethod
    def pooled(cls, parts: Sequence[JudgedJoins]) -> JudgedJoins:
        """Several runs as one."""
        return cls(
            tuple(probability for part in parts for probability in part.probabilities),
            tuple(right for part in parts for right in part.right),
            sum(part.tracklets for part in parts),
        )

    def report(self, bins: int = 10) -> CalibrationReport:
        """How far probabilities can be trusted."""
        return calibration_report(self.probabilities, self.right, possible=self.tracklets, bins=bins)


def judge_joins(events: Iterable[MatchEvent], vehicle_of: Mapping[str, Hashable]) -> JudgedJoins:
    """Compares each tracklet's first final decision with the truth, where that is a join.

    Args:
        events: Of a run, in order.
        vehicle_of: True vehicle by tracklet id; a tracklet that is not there shows none, and joining it is wrong.
    """
    probabilities: list[float] = []
    right: list[bool] = []
    decided: set[str] = set()
    for event in events:
        tracklet = event.tracklet.tracklet
        if event.kind not in ("confirmed", "new") or tracklet in decided:
            continue
        decided.add(tracklet)
        if event.joined is not None:
            vehicle = vehicle_of.get(tracklet)
            probabilities.append(event.probability or 0.0)
            right.append(vehicle is not None and vehicle == vehicle_of.get(event.joined.tracklet))
    return JudgedJoins(tuple(probabilities), tuple(right), len(decided))


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
    return CalibrationReport(error, len(p), len(p) / total, found, float(np.mean((p - r) ** 2)))
