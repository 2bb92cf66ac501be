from __future__ import annotations

import numpy as np

from benchmarks.footage import find, table
from simulation.city.sightings import Sightings
from throughline.types import Detections


def truth(boxes: list[tuple[float, float, float, float]], visible: list[float], frames: list[int]) -> Sightings:
    count = len(boxes)
    return Sightings(
        "c01",
        10.0,
        np.array(frames),
        np.arange(count) + 1,
        np.array(boxes, np.float32),
        np.ones(count, np.float32),
        np.array(visible, np.float32),
        np.zeros((count, 2), np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.int64),
    )


def seen(*boxes: tuple[float, float, float, float], scores: list[float]) -> Detections:
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.zeros(len(boxes), np.int64))


TRUTH = truth([(0, 0, 40, 40), (50, 0, 90, 40), (0, 0, 40, 40)], [1.0, 0.3, 1.0], [0, 0, 2])


def test_each_detection_finds_one_vehicle_and_weak_ones_none() -> None:
    twice = seen((1, 0, 40, 40), (2, 0, 40, 40), (50, 2, 90, 40), scores=[0.9, 0.8, 0.1])
    result = find(TRUTH, [twice, seen(scores=[]), seen((20, 0, 60, 40), scores=[0.9])], 0.25)
    assert result.found.tolist() == [True, False, False]
    assert result.frames == 3
    assert result.alarms == 0


def test_false_alarms_are_outside_of_all_vehicles_also_far_ones() -> None:
    stray = seen((100, 0, 140, 40), (200, 0, 210, 10), scores=[0.9, 0.9])
    empty = seen(scores=[])
    assert find(TRUTH, [stray, empty, empty], 0.25).alarms == 2
    far = [np.array(((198, 0, 212, 12),), np.float32), np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)]
    assert find(TRUTH, [stray, empty, empty], 0.25, far).alarms == 1


def test_the_table_counts_tall_and_visible_vehicles() -> None:
    result = find(TRUTH, [seen((0, 0, 40, 40), scores=[0.9]), seen(scores=[]), seen(scores=[])], 0.25)
    lines = table({"model": [result]})
    assert lines[2].endswith("| **50.0 % of 2** |")
    assert any(line.startswith("| taller than 30 px, 25 to 50 % visible | 0.0 % of 1") for line in lines)
    assert lines[-1] == "| false alarms a picture | 0.000 |"
