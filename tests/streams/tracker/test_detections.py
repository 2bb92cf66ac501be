from __future__ import annotations

import numpy as np

from streams.tracker.detections import usable
from tests.support.tracking import detections
from throughline.settings import TrackingSettings
from throughline.types import Detections

SETTINGS = TrackingSettings()


def test_what_is_no_box_is_dropped_and_counted() -> None:
    good = [10.0, 10, 50, 40]
    bad: list[list[float]] = [
        [np.nan, 10, 50, 40],
        [10, 10, np.inf, 40],
        [10, 10, 10, 40],  # no width
        [10, 40, 50, 10],  # upside down
        [1e9, 10, 2e9, 40],
    ]
    kept, dropped = usable(detections([*bad, good]), SETTINGS, None)
    assert kept.tolist() == [len(bad)]
    assert dropped == {"invalid": len(bad)}


def test_scores_and_classes_must_make_sense() -> None:
    boxes = [[x, 10, x + 40, 40] for x in (0, 100, 200, 300, 400)]
    kept, dropped = usable(detections(boxes, [np.nan, 0.9, 0.05, 0.9, 0.9], [0, 5, 0, -1, 4]), SETTINGS, None)
    assert kept.tolist() == [4]
    assert dropped == {"invalid": 3, "confidence": 1}


def test_boxes_outside_the_picture_are_no_vehicles() -> None:
    boxes = [[-50, 10, -5, 40], [-20, 10, 30, 40], [640, 10, 700, 40], [600, 470, 660, 490]]
    kept, dropped = usable(detections(boxes), SETTINGS, (640, 480))
    assert sorted(kept.tolist()) == [1, 3]
    assert dropped == {"invalid": 2}


def test_one_vehicle_found_twice_counts_once() -> None:
    boxes = [[0, 0, 100, 100], [5, 0, 105, 100], [200, 0, 300, 100], [203, 2, 303, 102], [400, 0, 500, 100], [418, 0, 518, 100]]
    classes = [0, 0, 0, 3, 0, 3]  # the second pair is a car that is also called a truck; the third may be two vehicles
    kept, dropped = usable(detections(boxes, [0.6, 0.8, 0.9, 0.7, 0.9, 0.8], classes), SETTINGS, None)
    assert sorted(kept.tolist()) == [1, 2, 4, 5]
    assert dropped == {"overlap": 2}


def test_a_chain_of_overlaps_loses_only_what_a_kept_box_hides() -> None:
    boxes = [[0, 0, 100, 100], [15, 0, 115, 100], [30, 0, 130, 100]]
    kept, _ = usable(detections(boxes, [0.9, 0.8, 0.7]), SETTINGS, None)
    assert kept.tolist() == [0, 2]


def test_the_order_does_not_depend_on_how_they_came() -> None:
    random = np.random.default_rng(0)
    corner = random.uniform(0, 2000, (60, 2))
    boxes = np.hstack((corner, corner + random.uniform(20, 60, (60, 2))))
    seen = detections(boxes, np.round(random.uniform(0.2, 0.9, 60), 1), random.integers(0, 5, 60))
    kept, dropped = usable(seen, SETTINGS, None)
    for _ in range(5):
        order = random.permutation(60)
        again, dropped_again = usable(seen.select(order), SETTINGS, None)
        assert order[again].tolist() == kept.tolist()
        assert dropped_again == dropped


def test_nothing_gives_nothing() -> None:
    kept, dropped = usable(Detections.empty(), SETTINGS, (10, 10))
    assert kept.tolist() == []
    assert dropped == {}
