"""CLEAR MOT: errors frame by frame, and how completely each track was followed.

Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT metrics", EURASIP Journal on
Image and Video Processing, 2008; mostly tracked, mostly lost and fragmentations after Li, Huang and Nevatia, "Learning
to associate: HybridBoosted multi-target tracker for crowded scene", CVPR 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from evaluation.boxes import EPSILON, Boxes, Picture, dense, pictures, require_one_box_a_frame

__all__ = ["ClearScore", "clear_score"]

_CONTINUED = 1000.0
"""What continuing a match is worth: more than any sum of overlaps in one picture that it could cost."""
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class ClearScore:
    """Counts of one or several sequences, and the measures that follow from them.

    Adding the scores of several sequences gives the score of all together.

    Attributes:
        true_positives: Matched pairs of boxes.
        false_positives: Found boxes without a match (FP).
        false_negatives: True boxes without a match (FN).
        id_switches: Times that a true track was matched to another found track than at its last match (IDSW).
        fragmentations: Times that a true track was matched again after it was not, be it missed or not there (Frag).
        mostly_tracked: True tracks matched in more than 80 % of their boxes (MT).
        partly_tracked: True tracks in between (PT).
        mostly_lost: True tracks matched in less than 20 % of their boxes (ML).
        overlap: Sum of the matches' intersections over union.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    id_switches: int
    fragmentations: int
    mostly_tracked: int
    partly_tracked: int
    mostly_lost: int
    overlap: float

    def __add__(self, other: ClearScore) -> ClearScore:
        return ClearScore(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def mota(self) -> float:
        """MOTA: (matches - FP - IDSW) / true boxes, at most 1, below 0 when errors prevail; 0 without true boxes."""
        right = self.true_positives - self.false_positives - self.id_switches
        return right / self._true_boxes if self._true_boxes else 0.0

    @property
    def motp(self) -> float:
        """MOTP: mean overlap of the matches; 0 without any."""
        return self.overlap / max(1, self.true_positives)

    @property
    def recall(self) -> float:
        """Matches among the true boxes; 0 without any."""
        return self.true_positives / max(1, self._true_boxes)

    @property
    def precision(self) -> float:
        """Matches among the found boxes; 0 without any."""
        return self.true_positives / max(1, self.true_positives + self.false_positives)

    @property
    def _true_boxes(self) -> int:
        return self.true_positives + self.false_negatives


def clear_score(truth: Boxes, result: Boxes, *, iou: float = 0.5, shown: Sequence[Picture] | None = None) -> ClearScore:
    """CLEAR MOT of one sequence.

    In each picture boxes that overlap by at least ``iou`` are matched one to one so that as many matches as possible
    continue those of the picture before, and then so that the sum of overlaps is greatest. The picture before is the
    last in which both truth and result have a box: one that either leaves empty interrupts no match and no track.

    Args:
        truth: What was there.
        result: What was found.
        iou: Least intersection over union of a match.
        shown: What `evaluation.boxes.pictures` gives of them, where that is known already.

    Raises:
        ValueError: an id has two boxes in one frame.
    """
    require_one_box_a_frame(truth, "truth")
    require_one_box_a_frame(result, "result")
    true_track, lengths = dense(truth.ids)
    found_track, _ = dense(result.ids)
    before = np.full(len(lengths), _NOBODY)  # found track matched in the picture before
    last = np.full(len(lengths), _NOBODY)  # found track of the last match
    matched, begun = np.zeros(len(lengths), np.int64), np.zeros(len(lengths), np.int64)
    switches, overlap = 0, 0.0
    for picture in pictures(truth, result) if shown is None else shown:
        rows, columns = _match(picture.iou, found_track[picture.found] == before[true_track[picture.true], None], iou)
        tracks, found = true_track[picture.true[rows]], found_track[picture.found[columns]]
        switches += int(np.sum((last[tracks] != _NOBODY) & (last[tracks] != found)))
        begun[tracks] += before[tracks] == _NOBODY
        matched[tracks] += 1
        last[tracks] = found
        before[:] = _NOBODY
        before[tracks] = found
        overlap += float(picture.iou[rows, columns].sum())
    total, share = int(matched.sum()), matched / lengths
    mostly, lost = int(np.sum(share > 0.8)), int(np.sum(share < 0.2))
    return ClearScore(
        true_positives=total,
        false_positives=len(result) - total,
        false_negatives=len(truth) - total,
        id_switches=switches,
        fragmentations=int((begun[begun > 0] - 1).sum()),
        mostly_tracked=mostly,
        partly_tracked=len(lengths) - mostly - lost,
        mostly_lost=lost,
        overlap=overlap,
    )


def _match(
    iou: npt.NDArray[np.float64], continued: npt.NDArray[np.bool_], least: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of the matches among (n, m) overlaps, those ``continued`` first."""
    worth = np.where(iou >= least - EPSILON, iou + _CONTINUED * continued, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    matched = worth[rows, columns] > EPSILON
    return rows[matched], columns[matched]
