"""Identity measures: how much of what was seen carries the right identity.

Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking", ECCV workshops 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from evaluation.boxes import Boxes, Picture, pictures

__all__ = ["Boxes", "IdentityScore", "identity_score", "overlapping"]


@dataclass(frozen=True, slots=True)
class IdentityScore:
    """Counts of boxes under the best one-to-one assignment of identities, and what follows from them.

    Adding the scores of several cameras gives the score of all, with identities of each camera its own.

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

    def __add__(self, other: IdentityScore) -> IdentityScore:
        return IdentityScore(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def overlapping(
    truth: Boxes, result: Boxes, *, iou: float = 0.5, shown: Sequence[Picture] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices (K,) into ``truth`` and (K,) into ``result`` of all pairs in one picture that overlap by at least ``iou``."""
    pairs: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for picture in pictures(truth, result) if shown is None else shown:
        rows, columns = np.nonzero(picture.iou >= iou)
        pairs.append((picture.true[rows], picture.found[columns]))
    if not pairs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate([here for here, _ in pairs]), np.concatenate([there for _, there in pairs])


def identity_score(truth: Boxes, result: Boxes, *, iou: float = 0.5, shown: Sequence[Picture] | None = None) -> IdentityScore:
    """IDF1, IDP and IDR over all cameras together.

    Each identity of the truth is given at most one of the result and the other way round, so that as many boxes as
    possible agree: a box agrees where both have one in the same picture that overlap by at least ``iou``. Of an identity
    that has several boxes in one picture, one can agree there; the others count as false.

    Args:
        truth: What was there.
        result: What was found.
        iou: Least intersection over union of two boxes of one vehicle.
        shown: What `evaluation.boxes.pictures` gives of them, where that is known already.
    """
    true_ids, true_index = np.unique(truth.ids, return_inverse=True)
    found_ids, found_index = np.unique(result.ids, return_inverse=True)
    here, there = overlapping(truth, result, iou=iou, shown=shown)
    agreements = np.zeros((len(true_ids), len(found_ids)))
    cells = np.stack((truth.frames[here], true_index[here], found_index[there]))
    _, rows, columns = np.unique(cells, axis=1) if len(here) else cells
    np.add.at(agreements, (rows, columns), 1.0)
    rows, columns = linear_sum_assignment(agreements, maximize=True)
    agreeing = int(agreements[rows, columns].sum())
    return IdentityScore(agreeing, len(result) - agreeing, len(truth) - agreeing)
