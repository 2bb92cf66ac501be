"""Which detections can be used at all, in an order that does not depend on how they came."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streams.tracker.boxes import pairwise_iou
from throughline.settings import TrackingSettings
from throughline.types import VEHICLE_TYPES, Detections, FloatArray, IntArray

__all__ = ["usable"]

_LARGEST_COORDINATE = 1e6  # pixels; beyond it areas lose their meaning in float32
_SAME_OBJECT = 0.8  # two boxes of different types that overlap more than this are one vehicle that got two types


def usable(
    detections: Detections, settings: TrackingSettings, frame_size: tuple[int, int] | None
) -> tuple[IntArray, dict[str, int]]:
    """Sorts out what no track can use.

    Args:
        detections: As the detector gave them.
        settings: ``min_confidence`` and ``nms_iou`` count.
        frame_size: Width and height in pixels; boxes entirely outside are no vehicles.

    Returns:
        Indices of the rest, best score first with ties broken by place, so that permuting detections changes nothing; and
        how many were dropped, by reason.
    """
    dropped: dict[str, int] = {}
    valid = _valid(detections, frame_size)
    kept = np.flatnonzero(valid)
    _count(dropped, "invalid", len(valid) - len(kept))
    sure = kept[detections.scores[kept] >= np.float32(settings.min_confidence)]
    _count(dropped, "confidence", len(kept) - len(sure))
    x1, y1, x2, y2 = detections.boxes[sure].T
    order = sure[np.lexsort((detections.classes[sure], y2, x2, y1, x1, -detections.scores[sure]))]
    single = _single(detections.boxes[order], detections.classes[order], settings.nms_iou)
    _count(dropped, "overlap", len(order) - int(single.sum()))
    return order[single], dropped


def _count(dropped: dict[str, int], reason: str, number: int) -> None:
    if number:
        dropped[reason] = number


def _valid(detections: Detections, frame_size: tuple[int, int] | None) -> npt.NDArray[np.bool_]:
    boxes, scores, classes = detections.boxes, detections.scores, detections.classes
    valid = (np.abs(boxes) < _LARGEST_COORDINATE).all(axis=1)  # false for NaN
    valid &= (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    valid &= np.isfinite(scores) & (classes >= 0) & (classes < len(VEHICLE_TYPES))
    if frame_size is not None:
        width, height = frame_size
        valid &= (boxes[:, 2] > 0) & (boxes[:, 3] > 0) & (boxes[:, 0] < width) & (boxes[:, 1] < height)
    return valid


def _single(boxes: FloatArray, classes: IntArray, nms_iou: float) -> npt.NDArray[np.bool_]:
    """Greedy non-maximum suppression, best first: of one type at ``nms_iou``, of two types when clearly one object."""
    overlap = pairwise_iou(boxes, boxes)
    same_type = classes[:, None] == classes
    clash = overlap > np.where(same_type, np.float32(nms_iou), np.float32(max(nms_iou, _SAME_OBJECT)))
    np.fill_diagonal(clash, val=False)
    keep = np.ones(len(boxes), np.bool_)
    for index in np.flatnonzero(clash.any(axis=1)):
        if keep[index]:
            keep[index + 1 :] &= ~clash[index, index + 1 :]
    return keep
