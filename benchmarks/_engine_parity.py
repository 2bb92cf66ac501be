"""How far two engines are apart on the same pictures: vehicles found again, and cosines of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.nms import overlaps
from throughline.types import Detections, FloatArray

__all__ = ["DetectionParity", "EmbeddingParity", "compare_detections", "compare_embeddings"]

_SAME = 0.5
_SURE = 0.4
_COUNTED = 0.25


@dataclass(frozen=True, slots=True)
class DetectionParity:
    """What a detector finds, beside what the reference finds.

    Attributes:
        vehicles: Sure ones (score of 0.4 and more) of the reference.
        found: Share of them that the other one finds with any score, overlapping by half (IoU) or more.
        agreement: 2 x matches / (all of both), of detections with a score of 0.25 and more.
        overlap: Mean IoU of those found.
        score: Mean absolute difference of their scores.
    """

    vehicles: int
    found: float
    agreement: float
    overlap: float
    score: float


@dataclass(frozen=True, slots=True)
class EmbeddingParity:
    """An embedder's vectors, beside the reference's.

    Attributes:
        crops: Number of pictures.
        mean: Mean cosine of the two vectors of one picture.
        least: Least cosine.
        same_nearest: Share of pictures whose most alike other picture is the same one for both.
    """

    crops: int
    mean: float
    least: float
    same_nearest: float


def compare_detections(reference: Sequence[Detections], other: Sequence[Detections]) -> DetectionParity:
    """Compares what was found in the same frames, in their order."""
    sure = [frame.select(frame.scores >= _SURE) for frame in reference]
    pairs = [_matched(one, two) for one, two in zip(sure, other, strict=True)]
    counted = [
        (one.select(one.scores >= _COUNTED), two.select(two.scores >= _COUNTED))
        for one, two in zip(reference, other, strict=True)
    ]
    both = sum(len(_matched(one, two)) for one, two in counted)
    total = sum(len(one) + len(two) for one, two in counted)
    vehicles = sum(len(frame) for frame in sure)
    overlap = [iou for matches in pairs for _, _, iou in matches]
    scores = [
        abs(float(one.scores[i] - two.scores[j]))
        for matches, one, two in zip(pairs, sure, other, strict=True)
        for i, j, _ in matches
    ]
    return DetectionParity(
        vehicles,
        len(overlap) / vehicles if vehicles else float("nan"),
        2 * both / total if total else float("nan"),
        float(np.mean(overlap)) if overlap else float("nan"),
        float(np.mean(scores)) if scores else float("nan"),
    )


def compare_embeddings(reference: FloatArray, other: FloatArray) -> EmbeddingParity:
    """Compares unit vectors (N, D) of the same pictures."""
    cosines = (reference * other).sum(axis=1)
    same = _nearest(reference) == _nearest(other)
    return EmbeddingParity(len(reference), float(cosines.mean()), float(cosines.min()), float(same.mean()))


def _nearest(vectors: FloatArray) -> FloatArray:
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -np.inf)
    nearest: FloatArray = alike.argmax(axis=1).astype(np.float32)
    return nearest


def _matched(one: Detections, two: Detections) -> list[tuple[int, int, float]]:
    """Pairs of one frame, best of the first one first, each detection in one pair at most: both indices and the IoU."""
    free = np.ones(len(two), bool)
    pairs = []
    for i in np.argsort(-one.scores, kind="stable").tolist():
        if not free.any():
            break
        iou = np.where(free, overlaps(one.boxes[i], two.boxes), 0)
        j = int(iou.argmax())
        if iou[j] >= _SAME:
            free[j] = False
            pairs.append((i, j, float(iou[j])))
    return pairs
