"""How well a tracker followed the vehicles of several sequences, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks._tracking_sets import TrackingSequence
from evaluation.boxes import Boxes
from evaluation.sct import SctTruth, evaluate_sct

__all__ = ["TrackingScore", "mean_score", "score"]


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """Shares of 1, and a count.

    Attributes:
        hota: Higher order tracking accuracy.
        detection: Its part for boxes (DetA).
        association: Its part for identities (AssA).
        idf1: Boxes with the right identity.
        mota: Multi-object tracking accuracy.
        switches: Changes of identity (IDSW).
    """

    hota: float
    detection: float
    association: float
    idf1: float
    mota: float
    switches: float


def score(sequences: Sequence[TrackingSequence], results: Sequence[Boxes]) -> TrackingScore:
    """Boxes and tracks of all sequences of one seed count alike; then the mean over seeds.

    Args:
        sequences: What there was to see; each name once for each seed.
        results: What a tracker made of each.
    """
    truths: dict[int, dict[str, SctTruth]] = {}
    found: dict[int, dict[str, Boxes]] = {}
    for sequence, result in zip(sequences, results, strict=True):
        low = sequence.truth.boxes[:, 3] < sequence.least_height
        truths.setdefault(sequence.seed, {})[sequence.name] = SctTruth(sequence.truth, low)
        found.setdefault(sequence.seed, {})[sequence.name] = result
    least_height = max(sequence.least_height for sequence in sequences)
    if any(sequence.least_height != least_height for sequence in sequences):
        raise ValueError("sequences with different least heights are scored apart")
    return mean_score([_combined(truths[seed], found[seed], least_height) for seed in truths])


def mean_score(scores: Sequence[TrackingScore]) -> TrackingScore:
    """Each number's mean."""
    rows = np.array([list(asdict(one).values()) for one in scores])
    return TrackingScore(*rows.mean(axis=0).tolist())


def _combined(truth: dict[str, SctTruth], result: dict[str, Boxes], least_height: float) -> TrackingScore:
    total = evaluate_sct(truth, result, least_height=least_height).combined
    return TrackingScore(
        total.hota.mean_hota,
        total.hota.mean_det_a,
        total.hota.mean_ass_a,
        total.identity.f1,
        total.clear.mota,
        total.clear.id_switches,
    )
