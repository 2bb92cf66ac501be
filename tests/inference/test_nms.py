"""Suppression, against the definition written out in loops."""

from __future__ import annotations

import numpy as np
import pytest

from inference.nms import overlaps, suppress
from tests.support.detection_reference import reference_iou, reference_suppression
from throughline.types import FloatArray, IntArray


def _random(seed: int, count: int) -> tuple[FloatArray, FloatArray, IntArray]:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 60, (count, 2))], axis=1).astype(np.float32)
    scores = (rng.integers(0, 12, count) / 12).astype(np.float32)  # many ties
    return boxes, scores, rng.integers(0, 3, count)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("across", [None, 0.8, 0.4])
def test_it_keeps_what_the_definition_keeps(seed: int, across: float | None) -> None:
    boxes, scores, classes = _random(seed, 60)
    kept = suppress(boxes, scores, classes, 0.5, iou_across_classes=across)
    assert kept.tolist() == reference_suppression(boxes, scores, classes, 0.5, across)
    assert 0 < len(kept) < 60


def test_overlaps_are_intersection_over_union_and_never_fail() -> None:
    boxes, _, _ = _random(0, 30)
    boxes = np.concatenate([boxes, np.array([[5, 5, 5, 5]], np.float32)])  # an empty box
    for box in boxes:
        np.testing.assert_allclose(overlaps(box, boxes), [reference_iou(box, other) for other in boxes], atol=1e-6)


def test_what_was_removed_removes_nothing() -> None:
    # The second is removed by the first; the third overlaps the second only, so it stays.
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    kept = suppress(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int64), 0.3)
    assert kept.tolist() == [0, 2]


def test_one_vehicle_called_car_and_truck_is_one_vehicle() -> None:
    boxes = np.array([[0, 0, 100, 50], [1, 0, 100, 50]], np.float32)
    scores, classes = np.array([0.6, 0.7], np.float32), np.array([0, 3])
    assert suppress(boxes, scores, classes, 0.65, iou_across_classes=0.8).tolist() == [1]
    assert suppress(boxes, scores, classes, 0.65).tolist() == [1, 0]


def test_nothing_stays_nothing() -> None:
    kept = suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), 0.5)
    assert kept.shape == (0,)
    assert kept.dtype == np.int64
