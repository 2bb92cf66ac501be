from __future__ import annotations

import numpy as np
import pytest

from streams.tracker import Tracker
from streams.tracker.direction import going_on
from tests.support.tracking import detections
from throughline.settings import TrackingSettings
from throughline.times import to_instant


def _along(came: tuple[float, float], goes: tuple[float, float], height: float = 50.0) -> float:
    return float(going_on(np.array([came]).T, np.array([goes]).T, np.array([height]))[0])


def test_is_the_cosine_of_the_angle_where_both_ways_are_long() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        came, goes = random.normal(size=(2, 2))
        came, goes = (way / np.linalg.norm(way) * random.uniform(16, 100) for way in (came, goes))
        angle = np.arctan2(came[1], came[0]) - np.arctan2(goes[1], goes[0])
        assert _along(tuple(came), tuple(goes)) == pytest.approx(np.cos(angle), abs=1e-6)


def test_counts_less_for_a_vehicle_that_hardly_moved() -> None:
    assert _along((15, 0), (60, 0)) == pytest.approx(1)
    assert _along((3, 0), (60, 0)) == pytest.approx(0.2)
    assert _along((3, 0), (0, -3)) == 0
    assert _along((0, 0), (60, 0)) == 0


def test_when_it_counts_a_vehicle_is_not_continued_backwards() -> None:
    """It is hidden; what appears behind it overlaps a little more than itself, which has gained speed."""
    continued = []
    for weight in (0.0, 1.0):
        tracker = Tracker(TrackingSettings(direction_weight=weight, confirm_hits=1))
        for number in range(12):
            tracker.update(detections([[8 * number, 100, 8 * number + 60, 140]]), number * to_instant(0.1))
        ahead, behind = [118, 100, 178, 140], [76, 100, 136, 140]  # expected at 96
        tracks = tracker.update(detections([ahead, behind]), 12 * to_instant(0.1))
        continued.append(tracks.boxes[tracks.ids.tolist().index(1)].tolist())
    assert continued == [behind, ahead]
