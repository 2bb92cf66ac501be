"""Identity measures: how much of what was seen carries the right identity.

Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking", ECCV workshops 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

__all__ = ["Boxes", "IdentityScore", "identity_score", "overlapping", "pairwise_iou"]


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of one or several cameras.

    Attributes:
        frames: (N,) int64, equal for boxes of one picture: different cameras need different numbers.
        ids: (N,) int64.
        boxes: (N, 4) float64, x, y, width, height in pixels.
    """

    frames: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        count = len(self.frames)
        if self.frames.shape != (count,) or self.ids.shape != (count,) or self.boxes.shape != (count, 4):
            raise ValueError(f"expected (N,), (N,) and (N, 4), found {self.frames.shape}, {self.ids.shape}, {self.boxes.shape}")

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class IdentityScore:
    """Counts of boxes under the best one-to-one assignment of identities, and what follows from them.

    Attributes:
        true_positives: Boxes with the right identity (IDTP).
        false_positives: Boxes of the result without (IDFP).
        false_negatives: Boxes of the truth without (IDFN).
    """

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """IDP: IDTP / (IDTP + IDFP); 0 without boxes in the result."""
        total = self.true_positives + self.false_positives
        return self.true_positives / total if total else 0.0

    @property
    def recall(self) -> float:
        """IDR: IDTP / (IDTP + IDFN); 0 without boxes in the truth."""
        total = self.true_positives + self.false_negatives
        return self.true_positives / total if total else 0.0

    @property
    def f1(self) -> float:
        """IDF1: 2 IDTP / (2 IDTP + IDFP + IDFN); 0 without any boxes."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else 0.0


def pairwise_iou(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4), each x, y, width, height."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, :2] + first[:, None, 2:], second[None, :, :2] + second[None, :, 2:])
    intersection = np.prod(np.maximum(high - low, 0.0), axis=2)
    union = np.prod(first[:, 2:], axis=1)[:, None] + np.prod(second[:, 2:], axis=1)[None, :] - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0.0))


def overlapping(truth: Boxes, result: Boxes, *, iou: float = 0.5) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices (K,) into ``truth`` and (K,) into ``result`` of all pairs in one picture that overlap by at least ``iou``."""
    true_order, found_order = np.argsort(truth.frames, kind="stable"), np.argsort(result.frames, kind="stable")
    true_frames, found_frames = truth.frames[true_order], result.frames[found_order]
    frames = np.intersect1d(true_frames, found_frames)
    true_edges = np.searchsorted(true_frames, frames), np.searchsorted(true_frames, frames, side="right")
    found_edges = np.searchsorted(found_frames, frames), np.searchsorted(found_frames, frames, side="right")
    pairs: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for low, high, first, last in zip(*true_edges, *found_edges, strict=True):
        here, there = true_order[low:high], found_order[first:last]
        rows, columns = np.nonzero(pairwise_iou(truth.boxes[here], result.boxes[there]) >= iou)
        pairs.append((here[rows], there[columns]))
    if not pairs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate([here for here, _ in pairs]), np.concatenate([there for _, there in pairs])


def identity_score(truth: Boxes, result: Boxes, *, iou: float = 0.5) -> IdentityScore:
    """IDF1, IDP and IDR over all cameras together.

    Each identity of the truth is given at most one of the result and the other way round, so that as many boxes as
    possible agree: a box agrees where both have one in the same picture that overlap by at least ``iou``. Within one
    picture an identity has one box.

    Args:
        truth: What was there.
        result: What was found.
        iou: Least intersection over union of two boxes of one vehicle.
    """
    true_ids, true_index = np.unique(truth.ids, return_inverse=True)
    found_ids, found_index = np.unique(result.ids, return_inverse=True)
    here, there = overlapping(truth, result, iou=iou)
    agreements = np.zeros((len(true_ids), len(found_ids)))
    cells = np.stack((truth.frames[here], true_index[here], found_index[there]))
    _, rows, columns = np.unique(cells, axis=1) if len(here) else cells
    np.add.at(agreements, (rows, columns), 1.0)
    rows, columns = linear_sum_assignment(agreements, maximize=True)
    agreeing = int(agreements[rows, columns].sum())
    return IdentityScore(agreeing, len(result) - agreeing, len(truth) - agreeing)
