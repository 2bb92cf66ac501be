"""Non-maximum suppression: one box for each object."""

from __future__ import annotations

import numpy as np

from throughline.types import FloatArray, IntArray

__all__ = ["overlaps", "suppress"]


def overlaps(box: FloatArray, boxes: FloatArray) -> FloatArray:
    """Intersection over union of one box (4,) with each of ``boxes`` (N, 4), all x1, y1, x2, y2; (N,), 0 for empty boxes."""
    width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    union = (box[2] - box[0]) * (box[3] - box[1]) + area - shared
    result: FloatArray = np.where(union > 0, shared / np.where(union > 0, union, 1), 0).astype(np.float32)
    return result


def suppress(
    boxes: FloatArray, scores: FloatArray, classes: IntArray, iou: float, *, iou_across_classes: float | None = None
) -> IntArray:
    """Greedy, class-aware non-maximum suppression.

    Boxes are visited by falling score (equal scores: in the order given). One that is kept removes every later one of its
    class that overlaps it by more than ``iou``, and, where ``iou_across_classes`` is given, every later one of any class that
    overlaps it by more than that: a detector often calls one vehicle both car and truck.

    Args:
        boxes: (N, 4) x1, y1, x2, y2.
        scores: (N,).
        classes: (N,).
        iou: Largest overlap that two boxes of one class may have.
        iou_across_classes: Largest overlap that two boxes of different classes may have; None: any.

    Returns:
        Indices of the boxes kept, best score first.
    """
    waiting: IntArray = np.argsort(-scores, kind="stable").astype(np.int64)
    limit_across = np.inf if iou_across_classes is None else iou_across_classes
    kept: list[int] = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        limit = np.where(classes[waiting] == classes[best], min(iou, limit_across), limit_across)
        waiting = waiting[overlaps(boxes[best], boxes[waiting]) <= limit]
    return np.array(kept, np.int64)
