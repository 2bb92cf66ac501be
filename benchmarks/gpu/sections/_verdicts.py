"""Whether an engine computes what the CPU computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from benchmarks._engine_parity import compare_detections
from throughline.types import Detections, FloatArray

__all__ = ["LIMITS", "Limits", "Precision", "Verdict", "found_share", "judge_detections", "judge_vectors", "least_cosine"]

Precision: TypeAlias = Literal["float32", "float16", "int8"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine must reach.

    Attributes:
        found: Share of sure vehicles that both find.
        cosine: Between the two vectors of each crop.
    """

    found: float
    cosine: float


LIMITS: Final[Mapping[Precision, Limits]] = {
    "float32": Limits(0.99, 0.9999),
    "float16": Limits(0.95, 0.995),
    "int8": Limits(0.8, 0.97),
}
"""Eight bits are held to the same 8-bit file on the CPU: what eight bits cost is no mistake of the engine."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a comparison.

    Attributes:
        figures: What was measured.
        reason: Why the engine is wrong; empty: it is right.
    """

    figures: dict[str, float | str]
    reason: str


def judge_detections(expected: Sequence[Detections], found: Sequence[Detections], precision: Precision) -> Verdict:
    """Compares what a detector finds in the same pictures."""
    share, count = found_share(expected, found)
    agreement = compare_detections(expected, found).agreement
    figures: dict[str, float | str] = {"sure vehicles": float(count), "found by both": share, "agreement": agreement}
    limit = LIMITS[precision].found
    return Verdict(figures, "" if share >= limit else f"{share:.3f} of the sure vehicles are found by both, {limit:g} must be")


def judge_vectors(expected: FloatArray, found: FloatArray, precision: Precision) -> Verdict:
    """Compares the vectors (N, D) of the same crops."""
    cosine, limit = least_cosine(expected, found), LIMITS[precision].cosine
    return Verdict({"least cosine": cosine}, "" if cosine >= limit else f"a cosine of {cosine:.4f}, and {limit:g} is the least")


def least_cosine(expected: FloatArray, found: FloatArray) -> float:
    """Of all rows; -1 where a value is no number."""
    if expected.shape != found.shape or not np.isfinite(found).all():
        return -1.0
    rows, others = (values.reshape(len(values), -1).astype(np.float64) for values in (expected, found))
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(others, axis=1)
    return float(((rows * others).sum(1) / np.maximum(lengths, 1e-12)).min())


def found_share(expected: Sequence[Detections], found: Sequence[Detections]) -> tuple[float, int]:
    """Share of the sure vehicles of one side that the other finds, of the side where it is less; and how many are sure there."""
    sides = compare_detections(expected, found), compare_detections(found, expected)
    return min(((side.found, side.vehicles) for side in sides if side.vehicles), default=(1.0, 0))
