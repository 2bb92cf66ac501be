from __future__ import annotations

import numpy as np
import pytest

from streams.tracker.detections import DetectionFilter
from streams.view import CameraView
from tests.support.tracking import detections
from throughline.settings import CameraSettings, TrackingSettings
from throughline.types import VEHICLE_TYPES, Detections

CAR, MOTORCYCLE, BUS, TRUCK = range(4)


def _usable(seen: Detections, size: tuple[int, int] | None = None, **changes: object) -> tuple[list[int], dict[str, int]]:
    kept, boxes, dropped = DetectionFilter(TrackingSettings.model_validate(changes), size).usable(seen)
    corners = seen.boxes[kept]
    centred = np.concatenate(((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]), axis=1)
    np.testing.assert_allclose(boxes.T, centred, rtol=1e-6)
    assert boxes.dtype == np.float32
    return kept.tolist(), dropped


def test_what_is_no_box_is_dropped_and_counted() -> None:
    good = [10.0, 10, 50, 40]
    bad: list[list[float]] = [
        [np.nan, 10, 50, 40],
        [10, 10, np.inf, 40],
        [-np.inf, 10, 50, 40],
        [10, 10, 10, 40],  # no width
        [10, 40, 50, 40],  # no height
        [10, 40, 50, 10],  # upside down
        [1e9, 10, 2e9, 40],
        [-2e6, 10, 50, 40],
    ]
    kept, dropped = _usable(detections([*bad, good]))
    assert kept == [len(bad)]
    assert dropped == {"invalid": len(bad)}


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_bad_coordinate_is_enough(index: int, value: float) -> None:
    bad = [10.0, 10, 50, 40]
    bad[index] = value
    assert _usable(detections([bad])) == ([], {"invalid": 1})


def test_scores_and_classes_must_make_sense() -> None:
    boxes = [[x, 10, x + 40, 40] for x in (0, 100, 200, 300, 400, 500)]
    kept, dropped = _usable(detections(boxes, [np.nan, 0.9, 0.05, 0.9, 0.9, np.inf], [0, 5, 0, -1, 4, 0]))
    assert kept == [4]
    assert dropped == {"invalid": 4, "confidence": 1}


def test_boxes_outside_the_picture_are_no_vehicles() -> None:
    boxes = [[-50, 10, -5, 40], [-20, 10, 30, 40], [640, 10, 700, 40], [600, 470, 660, 490]]
    kept, dropped = _usable(detections(boxes), (640, 480))
    assert sorted(kept) == [1, 3]
    assert dropped == {"invalid": 2}


def test_detections_below_the_least_confidence_are_not_looked_at() -> None:
    """Strictly below: 0.7 passes a gate of 0.7."""
    boxes = [[x, 10, x + 40, 40] for x in (0, 100, 200)]
    assert _usable(detections(boxes, [0.69, 0.7, 0.71]), min_confidence=0.7) == ([2, 1], {"confidence": 1})


def test_types_may_have_gates_of_their_own() -> None:
    boxes = [[x, 10, x + 40, 40] for x in (0, 100, 200, 300)]
    seen = detections(boxes, [0.3, 0.35, 0.2, 0.1], [CAR, TRUCK, MOTORCYCLE, BUS])
    kept, dropped = _usable(seen, min_confidence=0.25, min_confidence_by_type={"truck": 0.4, "motorcycle": 0.15})
    assert kept == [0, 2]
    assert dropped == {"confidence": 2}


def test_cameras_may_have_gates_of_their_own() -> None:
    boxes = [[x, 10, x + 40, 40] for x in (0, 100, 200)]
    seen = detections(boxes, [0.3, 0.6, 0.3], [CAR, CAR, TRUCK])
    tracking = TrackingSettings(min_confidence=0.1, min_confidence_by_type={"truck": 0.2})
    dropped = [
        CameraView(tracking, CameraSettings.model_validate({"id": "c01", **own}), None).track(seen, 0)[0].dropped
        for own in ({}, {"min_confidence": 0.5})
    ]
    assert dropped == [{}, {"confidence": 1}], "the truck has a gate of its own everywhere"


def test_the_best_come_first_in_an_order_that_does_not_depend_on_how_they_came() -> None:
    random = np.random.default_rng(0)
    corner = random.uniform(0, 2000, (60, 2))
    boxes = np.hstack((corner, corner + random.uniform(20, 60, (60, 2))))
    boxes[7] = np.nan
    seen = detections(boxes, np.round(random.uniform(0.2, 0.9, 60), 1), random.integers(0, len(VEHICLE_TYPES), 60))
    kept, dropped = _usable(seen)
    assert (np.diff(seen.scores[kept]) <= 0).all()
    for _ in range(5):
        order = random.permutation(60)
        again, dropped_again = _usable(seen.select(order))
        assert order[again].tolist() == kept
        assert dropped_again == dropped == {"invalid": 1}


def test_nothing_gives_nothing() -> None:
    assert _usable(Detections.empty(), (10, 10)) == ([], {})
