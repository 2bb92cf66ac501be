"""Which detections can be used at all, in an order that does not depend on how they came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streams.tracker.boxes import centred
from throughline.settings import TrackingSettings
from throughline.types import VEHICLE_TYPES, Detections, FloatArray, IntArray

__all__ = ["DetectionFilter"]

_LARGEST_COORDINATE = 1e6  # pixels; beyond it areas lose their meaning in float32


class DetectionFilter:
    """Sorts out what no track can use.

    Args:
        settings: ``min_confidence`` and ``min_confidence_by_type`` count.
        frame_size: Width and height in pixels, where known; boxes entirely outside are no vehicles.
    """

    def __init__(self, settings: TrackingSettings, frame_size: tuple[int, int] | None) -> None:
        by_type: Mapping[Any, float] = settings.min_confidence_by_type
        thresholds = [by_type.get(name, settings.min_confidence) for name in VEHICLE_TYPES]
        self._thresholds: Final = np.array(thresholds, np.float32)
        self._strictest: Final = float(self._thresholds.max())
        self._low: Final = -_LARGEST_COORDINATE if frame_size is None else 0.0
        limits = (_LARGEST_COORDINATE, _LARGEST_COORDINATE) if frame_size is None else frame_size
        self._limits: Final = np.array(limits, np.float32)[:, None]

    def usable(self, detections: Detections) -> tuple[IntArray, FloatArray, dict[str, int]]:
        """Indices of the rest, best score first with ties broken by place, so that permuting detections changes nothing.

        Returns:
            The indices; the rest's boxes as centre x, centre y, width, height (4, M); and how many detections were dropped,
            by reason.
        """
        dropped: dict[str, int] = {}
        boxes = detections.boxes.T.copy()
        order = _best_first(detections)
        if not self._all_good(boxes, detections, order):
            good = self._good(detections, dropped)
            order = good[_best_first(detections.select(good))]
        return order, centred(boxes.take(order, 1)), dropped

    def _all_good(self, boxes: FloatArray, detections: Detections, order: IntArray) -> bool:
        """The common case, found by a few looks at the whole: comparisons with NaN are false, and NaN sorts last."""
        if len(order) == 0:
            return True
        low, high = boxes[:2], boxes[2:]
        fine = low < high
        fine &= high > self._low
        fine &= low < self._limits
        fine &= low > -_LARGEST_COORDINATE
        fine &= high < _LARGEST_COORDINATE
        scores = detections.scores
        return bool(
            np.count_nonzero(fine) == fine.size
            and scores[order[-1]] >= self._strictest
            and scores[order[0]] < np.inf
            and detections.classes.view(np.uint64).max() < len(VEHICLE_TYPES)  # so that -1 is large
        )

    def _good(self, detections: Detections, dropped: dict[str, int]) -> IntArray:
        kept = np.flatnonzero(self._valid(detections))
        _count(dropped, "invalid", len(detections) - len(kept))
        sure = kept[detections.scores[kept] >= self._thresholds[detections.classes[kept]]]
        _count(dropped, "confidence", len(kept) - len(sure))
        return sure

    def _valid(self, detections: Detections) -> npt.NDArray[np.bool_]:
        boxes, scores, classes = detections.boxes, detections.scores, detections.classes
        valid = (np.abs(boxes) < _LARGEST_COORDINATE).all(axis=1)  # false for NaN
        valid &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        valid &= (boxes[:, 2:] > self._low).all(axis=1) & (boxes[:, :2] < self._limits[:, 0]).all(axis=1)
        valid &= np.isfinite(scores) & (classes >= 0) & (classes < len(VEHICLE_TYPES))
        return valid


def _best_first(detections: Detections) -> IntArray:
    order = (-detections.scores).argsort()
    scores = detections.scores[order]
    if np.count_nonzero(scores[1:] == scores[:-1]):
        x1, y1, x2, y2 = detections.boxes.T
        order = np.lexsort((detections.classes, y2, x2, y1, x1, -detections.scores))
    return order


def _count(dropped: dict[str, int], reason: str, number: int) -> None:
    if number:
        dropped[reason] = number
