"""Vehicles that rest, and what the filter makes of the noise of their boxes."""

from __future__ import annotations

import numpy as np

from streams.tracker import Tracker
from streams.tracker.rest import anchor, resting
from streams.tracker.table import SEEN, TrackTable
from tests.support.tracking import detections
from throughline.settings import TrackingSettings
from throughline.times import to_instant

BOX = np.array([500.0, 300, 600, 400])


def _table(centre: tuple[float, float] = (550, 350)) -> TrackTable:
    table = TrackTable.empty(2)
    state = np.zeros((5, 4, 1))
    state[0] = np.array([[*centre, 1.0, 100.0]]).T
    table.append(np.array([1]), 0, 1, state)
    return table


def _see(table: TrackTable, time: float, x: float) -> None:
    table.latest[SEEN] = to_instant(time)
    table.sighted[0] = x
    anchor(table, to_instant(time - 0.3))


def _rests(table: TrackTable) -> bool:
    return len(resting(table, np.array([0]))) == 1


def test_rests_after_a_while_in_one_place() -> None:
    table = _table()
    for number in range(1, 5):
        _see(table, number * 0.3, 550 + (-1) ** number * 10)
    assert not _rests(table)
    _see(table, 1.5, 550)
    assert _rests(table)


def test_one_box_elsewhere_does_not_move_the_anchor_and_staying_there_does() -> None:
    table = _table()
    for number in range(1, 10):
        _see(table, number * 0.3, 550)
    _see(table, 3.0, 630)
    assert _rests(table)
    assert table.anchor[0, 0] == 550
    _see(table, 3.3, 630)
    assert not _rests(table)
    assert table.anchor[0, 0] == 630


def test_who_drives_never_rests_and_who_was_not_seen_stays_as_it_was() -> None:
    table = _table()
    for number in range(1, 20):
        _see(table, number * 0.3, 550 + number * 20)  # two thirds of its height a second
        assert not _rests(table)
    before = table.anchor.copy(), table.anchored.copy()
    anchor(table, to_instant(60))
    assert np.array_equal(table.anchor, before[0])
    assert np.array_equal(table.anchored, before[1])


def test_a_stray_box_does_not_carry_a_resting_vehicle_away() -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        tracker = Tracker(TrackingSettings(), (1280, 720))
        boxes = [BOX + random.normal(0, 3, (1, 4)) for _ in range(98)]
        boxes[80] = BOX + np.array([[33, -4, 33, -4]])  # a false alarm, while the vehicle itself is missed
        boxes[81:95] = [np.zeros((0, 4))] * 14
        scores = np.where(np.arange(98) == 80, 0.2, 0.9)
        told = [
            tracker.update(detections(seen, score), to_instant(number / 10))
            for number, (seen, score) in enumerate(zip(boxes, scores.tolist(), strict=True))
        ]
        back = told[95:]
        assert [one.ids.tolist() for one in back] == [[1], [1], [1]], seed
