"""HOTA, higher order tracking accuracy: detection and association weighed alike.

Luiten et al., "HOTA: A higher order metric for evaluating multi-object tracking", International Journal of Computer
Vision 129, 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from evaluation.boxes import EPSILON, Boxes, Picture, dense, pictures, require_one_box_a_frame

__all__ = ["ALPHAS", "HotaScore", "hota_score"]

_Curve = npt.NDArray[np.float64]

ALPHAS: _Curve = np.arange(0.05, 0.99, 0.05)
"""(19,) the least overlaps of a match, 0.05 to 0.95; HOTA is the mean over them."""


@dataclass(frozen=True, slots=True, eq=False)
class HotaScore:
    """Counts and sums over matched boxes for each of `ALPHAS`, all (19,), and the measures that follow from them.

    Adding the scores of several sequences gives the score of all together.

    Attributes:
        true_positives: Matched pairs of boxes.
        false_negatives: True boxes without a match.
        false_positives: Found boxes without a match.
        association: Sum over matches of A(c), the overlap in time of the two tracks.
        association_recall: Sum over matches of the share of the true track that the same found track covers.
        association_precision: Sum over matches of the share of the found track that the same true track covers.
        localisation: Sum of the matches' overlaps.
    """

    true_positives: _Curve
    false_negatives: _Curve
    false_positives: _Curve
    association: _Curve
    association_recall: _Curve
    association_precision: _Curve
    localisation: _Curve

    def __add__(self, other: HotaScore) -> HotaScore:
        return HotaScore(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def hota(self) -> _Curve:
        """(19,) geometric mean of `det_a` and `ass_a`."""
        return np.sqrt(self.det_a * self.ass_a)

    @property
    def det_a(self) -> _Curve:
        """(19,) DetA: matches among all boxes, true and found; 0 without any."""
        return _share(self.true_positives, self.true_positives + self.false_negatives + self.false_positives)

    @property
    def det_re(self) -> _Curve:
        """(19,) DetRe: matches among the true boxes; 0 without any."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def det_pr(self) -> _Curve:
        """(19,) DetPr: matches among the found boxes; 0 without any."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def ass_a(self) -> _Curve:
        """(19,) AssA: mean over matches of the overlap in time of the two tracks; 0 without any."""
        return _share(self.association, self.true_positives)

    @property
    def ass_re(self) -> _Curve:
        """(19,) AssRe: mean over matches of the share of the true track covered; 0 without any."""
        return _share(self.association_recall, self.true_positives)

    @property
    def ass_pr(self) -> _Curve:
        """(19,) AssPr: mean over matches of the share of the found track that is right; 0 without any."""
        return _share(self.association_precision, self.true_positives)

    @property
    def loc_a(self) -> _Curve:
        """(19,) LocA: mean overlap of the matches; 1 without any."""
        return np.where(self.true_positives > 0, _share(self.localisation, self.true_positives), 1.0)

    @property
    def mean_hota(self) -> float:
        """HOTA, the one figure that is published: mean of `hota`."""
        return float(self.hota.mean())

    @property
    def mean_det_a(self) -> float:
        """Mean of `det_a`."""
        return float(self.det_a.mean())

    @property
    def mean_det_re(self) -> float:
        """Mean of `det_re`."""
        return float(self.det_re.mean())

    @property
    def mean_det_pr(self) -> float:
        """Mean of `det_pr`."""
        return float(self.det_pr.mean())

    @property
    def mean_ass_a(self) -> float:
        """Mean of `ass_a`."""
        return float(self.ass_a.mean())

    @property
    def mean_ass_re(self) -> float:
        """Mean of `ass_re`."""
        return float(self.ass_re.mean())

    @property
    def mean_ass_pr(self) -> float:
        """Mean of `ass_pr`."""
        return float(self.ass_pr.mean())

    @property
    def mean_loc_a(self) -> float:
        """Mean of `loc_a`."""
        return float(self.loc_a.mean())


def hota_score(truth: Boxes, result: Boxes, shown: Sequence[Picture] | None = None) -> HotaScore:
    """HOTA of one sequence.

    In each picture boxes are matched one to one so that the sum of overlap times global alignment of the two tracks is
    greatest (the alignment stands in for the outcome that is not known yet); for each of `ALPHAS` those matches count that
    overlap by at least so much.

    Args:
        truth: What was there.
        result: What was found.
        shown: What `evaluation.boxes.pictures` gives of them, where that is known already.

    Raises:
        ValueError: an id has two boxes in one frame.
    """
    shown = tuple(pictures(truth, result)) if shown is None else shown
    require_one_box_a_frame(truth, "truth")
    require_one_box_a_frame(result, "result")
    true_track, true_lengths = dense(truth.ids)
    found_track, found_lengths = dense(result.ids)
    alignment = _alignment(truth, result, shown)
    # Of each match the two tracks, as one number, and the overlap.
    pairs, overlaps = [np.zeros(0, np.int64)], [np.zeros(0)]
    for picture in shown:
        here, there = true_track[picture.true], found_track[picture.found]
        rows, columns = linear_sum_assignment(alignment[np.ix_(here, there)] * picture.iou, maximize=True)
        pairs.append(here[rows] * len(found_lengths) + there[columns])
        overlaps.append(picture.iou[rows, columns])
    pair, pair_of = np.unique(np.concatenate(pairs), return_inverse=True)
    of_true, of_found = true_lengths[pair // len(found_lengths)], found_lengths[pair % len(found_lengths)]
    overlap = np.concatenate(overlaps)
    matched = overlap >= ALPHAS[:, None] - EPSILON
    common = np.stack([np.bincount(pair_of[accepted], minlength=len(pair)) for accepted in matched])
    matches = matched.sum(1, dtype=np.float64)
    return HotaScore(
        true_positives=matches,
        false_negatives=len(truth) - matches,
        false_positives=len(result) - matches,
        association=np.sum(common**2 / (of_true + of_found - common), axis=1),
        association_recall=np.sum(common**2 / of_true, axis=1),
        association_precision=np.sum(common**2 / of_found, axis=1),
        localisation=matched @ overlap,
    )


def _alignment(truth: Boxes, result: Boxes, shown: Sequence[Picture]) -> _Curve:
    """(T, F) how well each two tracks go together over the whole sequence, before any box is matched.

    It is the Jaccard index of the two tracks where a picture counts as common by the share that this pair's overlap has
    in all overlaps of either box.
    """
    true_track, true_lengths = dense(truth.ids)
    found_track, found_lengths = dense(result.ids)
    common = np.zeros((len(true_lengths), len(found_lengths)))
    for picture in shown:
        iou = picture.iou
        either = iou.sum(0)[None] + iou.sum(1)[:, None] - iou
        share = np.divide(iou, either, out=np.zeros_like(iou), where=either > EPSILON)
        common[np.ix_(true_track[picture.true], found_track[picture.found])] += share
    return np.asarray(common / (true_lengths[:, None] + found_lengths[None] - common))


def _share(part: _Curve, whole: _Curve) -> _Curve:
    return np.asarray(part / np.maximum(whole, 1.0))
