"""Average precision of detectors, as COCO counts it, with vehicles of unknown type and parts of pictures nobody has labelled.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the rules of its evaluation server: in each picture
detections, best score first, take the free true box that they overlap most; precision is read off at 101 recalls.

A vehicle of unknown type counts like all others where types do not matter, and neither way where they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from evaluation.boxes import corner_overlaps
from throughline.types import VEHICLE_TYPES, Detections, IntArray

__all__ = [
    "HEIGHTS",
    "OVERLAPS",
    "RECALLS",
    "DetectionScore",
    "JudgedPicture",
    "LabelledBoxes",
    "judge_picture",
    "score_detections",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Truths: TypeAlias = npt.NDArray[np.bool_]

OVERLAPS: Final[tuple[float, ...]] = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Intersection over union from which a detection counts as right, 0.5 to 0.95."""

HEIGHTS: Final = ((0.0, 16.0), (16.0, 32.0), (32.0, np.inf))
"""Heights of true boxes in pixels of the picture, from ... to below, for scores by size."""

_UNKNOWN: Final = VEHICLE_TYPES.index("vehicle")
_MOST: Final = 100
RECALLS: Final = np.linspace(0.0, 1.0, 101)
"""At which precision is read off."""

_ROUNDING: Final = 1e-10


@dataclass(frozen=True, slots=True)
class LabelledBoxes:
    """What one picture shows.

    Attributes:
        boxes: (N, 4) x1, y1, x2, y2 in pixels.
        classes: (N,) int64, index into `VEHICLE_TYPES`; ``vehicle``: of unknown type.
        ignored: (M, 4) parts of the picture; what is found mostly inside one counts neither way.
    """

    boxes: Floats
    classes: IntArray
    ignored: Floats

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.classes), 4) or self.ignored.ndim != 2 or self.ignored.shape[1] != 4:
            raise ValueError(
                f"expected boxes (N, 4), classes (N,) and ignored (M, 4), found {self.boxes.shape}, {self.classes.shape} and "
                f"{self.ignored.shape}"
            )


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """How well vehicles were found.

    All shares are NaN where there is no true box.

    Attributes:
        true_boxes: How many had to be found.
        precisions: (10,) average precision at each of `OVERLAPS`.
        recall: Share found at the least overlap, with whatever score.
        confidence: Score from which detections give the best F1 at the least overlap.
        best_precision: Precision with that.
        best_recall: Recall with that.
        curves: (10, 101) best precision with at least a recall of `RECALLS`, at each of `OVERLAPS`; 0 where that is not reached.
    """

    true_boxes: int
    precisions: Floats
    recall: float
    confidence: float
    best_precision: float
    best_recall: float
    curves: Floats = field(default_factory=lambda: np.full((len(OVERLAPS), len(RECALLS)), np.nan))

    @property
    def ap50(self) -> float:
        """Average precision at an overlap of one half."""
        return float(self.precisions[0])

    @property
    def ap75(self) -> float:
        """Average precision at an overlap of three quarters."""
        return float(self.precisions[OVERLAPS.index(0.75)])

    @property
    def ap(self) -> float:
        """Mean over all `OVERLAPS`: COCO's AP50-95."""
        return float(self.precisions.mean())

    @property
    def best_f1(self) -> float:
        """Harmonic mean of precision and recall at ``confidence``."""
        total = self.best_precision + self.best_recall
        return 2 * self.best_precision * self.best_recall / total if total != 0 else 0.0

    def to_json(self) -> dict[str, float | int | None]:
        """Plain numbers; shares in 0..1, None where there is no true box."""
        values: dict[str, float] = {
            "ap50": self.ap50,
            "ap75": self.ap75,
            "ap50_95": self.ap,
            "recall": self.recall,
            "best_f1": self.best_f1,
            "precision_at_best_f1": self.best_precision,
            "recall_at_best_f1": self.best_recall,
            "confidence_at_best_f1": self.confidence,
        }
        return {"true_boxes": self.true_boxes, **{name: None if np.isnan(one) else one for name, one in values.items()}}


def score_detections(
    truth: Sequence[LabelledBoxes],
    found: Sequence[Detections],
    *,
    kind: int | None = None,
    heights: tuple[float, float] = (0.0, np.inf),
    most: int = _MOST,
) -> DetectionScore:
    """Scores what was found in some pictures.

    Args:
        truth: What each picture shows.
        found: What was found in each, in the same order.
        kind: Type of vehicle, index into `VEHICLE_TYPES`; None: all of them, whatever they were taken for.
        heights: True boxes that are not from the one to below the other high, in pixels, count neither way, nor do found
            boxes of other heights that match no true one.
        most: Detections looked at in one picture, best first, as COCO does.

    Raises:
        ValueError: there are not as many results as pictures.
    """
    if len(truth) != len(found):
        raise ValueError(f"expected what was found in each of {len(truth)} pictures, found {len(found)}")
    scores: list[Floats] = []
    matched: list[Truths] = []
    ignored: list[Truths] = []
    true_boxes = 0
    for there, seen in zip(truth, found, strict=True):
        boxes, passed = _wanted(there, kind, heights)
        kept = np.arange(len(seen)) if kind is None else np.flatnonzero(seen.classes == kind)
        kept = kept[np.argsort(-seen.scores[kept], kind="stable")][:most]
        candidates = seen.boxes[kept].astype(np.float64)
        right, neither, _ = _match(candidates, boxes, passed, there.ignored)
        size = candidates[:, 3] - candidates[:, 1]
        outside = (size < heights[0]) | (size >= heights[1])
        scores.append(seen.scores[kept].astype(np.float64))
        matched.append(right)
        ignored.append(neither | (~right & outside))
        true_boxes += int((~passed).sum())
    if not scores:
        return _score(np.zeros(0), np.zeros((len(OVERLAPS), 0), np.bool_), np.zeros((len(OVERLAPS), 0), np.bool_), 0)
    return _score(np.concatenate(scores), np.concatenate(matched, axis=1), np.concatenate(ignored, axis=1), true_boxes)


@dataclass(frozen=True, slots=True)
class JudgedPicture:
    """What became of the boxes of one picture at the least overlap, whatever their types.

    Attributes:
        right: (D, 4) found boxes that are right.
        wrong: (E, 4) found boxes that are not.
        neither: (F, 4) found boxes that count neither way.
        missed: (M, 4) true boxes that were not found.
    """

    right: Floats
    wrong: Floats
    neither: Floats
    missed: Floats


def judge_picture(truth: LabelledBoxes, found: Detections, confidence: float) -> JudgedPicture:
    """Compares detections of at least ``confidence`` with what one picture shows."""
    kept = np.flatnonzero(found.scores >= confidence)
    boxes = found.boxes[kept[np.argsort(-found.scores[kept], kind="stable")]].astype(np.float64)
    levels = _match(boxes, truth.boxes, np.zeros(len(truth.boxes), np.bool_), truth.ignored)
    right, neither, free = (level[0] for level in levels)
    return JudgedPicture(boxes[right], boxes[~right & ~neither], boxes[neither], truth.boxes[free])


def _wanted(truth: LabelledBoxes, kind: int | None, heights: tuple[float, float]) -> tuple[Floats, Truths]:
    """True boxes that matter, and which of them count neither way."""
    height = truth.boxes[:, 3] - truth.boxes[:, 1]
    passed = (height < heights[0]) | (height >= heights[1])
    if kind is None:
        return truth.boxes, passed
    related = (truth.classes == kind) | (truth.classes == _UNKNOWN)
    unknown = (truth.classes == _UNKNOWN) & (kind != _UNKNOWN)
    return truth.boxes[related], (passed | unknown)[related]


def _match(found: Floats, true: Floats, passed: Truths, regions: Floats) -> tuple[Truths, Truths, Truths]:
    """Which of the found boxes (D, 4), best first, are right, which count neither way, and which true ones are free.

    The first two are (overlaps, D), the last is (overlaps, N).
    A box that can match a true one that counts does; only others match one that does not, or lie in an ignored region.
    """
    limits = np.array(OVERLAPS) - _ROUNDING
    shape = (len(limits), len(found))
    right, neither = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    overlap = corner_overlaps(found, true)
    inside = corner_overlaps(found, regions, of_first=True).max(axis=1, initial=0.0)
    free = np.ones((len(limits), len(true)), np.bool_)
    levels = np.arange(len(limits))
    for index in range(len(found)):
        fits = free & (overlap[index] >= limits[:, None])
        for counts in (~passed, passed):
            worth = np.where(fits & counts, overlap[index], -1.0)
            if worth.shape[1] == 0:
                continue
            best = worth.argmax(axis=1)
            taken = (worth[levels, best] >= 0.0) & ~(right[:, index] | neither[:, index])
            free[levels[taken], best[taken]] = False
            (neither if counts is passed else right)[taken, index] = True
    neither |= ~right & (inside >= limits[:, None])
    return right, neither, free


def _score(scores: Floats, right: Truths, neither: Truths, true_boxes: int) -> DetectionScore:
    nothing = float("nan")
    if true_boxes == 0:
        return DetectionScore(0, np.full(len(OVERLAPS), nothing), nothing, nothing, nothing, nothing)
    order = np.argsort(-scores, kind="stable")
    right, neither, scores = right[:, order], neither[:, order], scores[order]
    curves = np.zeros((len(OVERLAPS), len(RECALLS)))
    recall = confidence = best_precision = best_recall = 0.0
    for level in range(len(OVERLAPS)):
        counted = ~neither[level]
        hits = right[level][counted].cumsum()
        if len(hits) == 0:
            continue
        precision, recalls = hits / np.arange(1, len(hits) + 1), hits / true_boxes
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(recalls, RECALLS, side="left")
        curves[level] = np.where(places < len(hits), envelope[np.minimum(places, len(hits) - 1)], 0.0)
        if level == 0:
            recall = float(recalls[-1])
            best = int(np.argmax(2 * hits / (np.arange(1, len(hits) + 1) + true_boxes)))
            best_precision, best_recall = float(precision[best]), float(recalls[best])
            confidence = float(scores[counted][best])
    return DetectionScore(true_boxes, curves.mean(axis=1), recall, confidence, best_precision, best_recall, curves)
