"""Fragments of one passage become one track again, and never when in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from streams.tracker import Tracker
from tests.support.tracking import detections
from throughline.settings import TrackingSettings
from throughline.times import to_instant
from throughline.types import Detections, Tracks

FPS = 10
FRONT, SIDE, OTHER = np.eye(3, dtype=np.float32)
UNKNOWN = np.full(3, np.nan, np.float32)
MOTION = {"rejoin": {"by_motion_alone": True}}
LOOKS = {"appearance": {"enabled": True}}
BOTH = {**MOTION, **LOOKS}


def _tracker(**changes: Any) -> Tracker:
    """One that gives up a lost track after half a second, but for a fragment that goes on as it."""
    return Tracker(TrackingSettings.model_validate({"max_lost": 0.5, "max_hidden": 0, **changes}), (1920, 1080))


def _at(seconds: float, speed: float = 150.0, lane: float = 300.0, size: float = 1.0) -> list[float]:
    x = 200 + speed * seconds
    return [x - 45 * size, lane - 30 * size, x + 45 * size, lane + 30 * size]


def _drive(
    tracker: Tracker, start: float, end: float, looks: Sequence[np.ndarray] | None = None, **vehicles: Sequence[Any]
) -> list[Tracks]:
    """Vehicles, each with its ``speed``, ``lane`` and ``size``, seen from ``start`` to ``end``."""
    count = max((len(values) for values in vehicles.values()), default=1)
    told = []
    for number in range(round(start * FPS), round(end * FPS)):
        boxes = [_at(number / FPS, **{name: values[index] for name, values in vehicles.items()}) for index in range(count)]
        scores = [0.9 - 0.01 * index for index in range(count)]  # so that ids are in the order given
        told.append(tracker.update(detections(boxes, scores, looks=looks), to_instant(number / FPS)))
    return told


def _nothing(tracker: Tracker, start: float, end: float) -> list[Tracks]:
    return [
        tracker.update(Detections.empty(), to_instant(number / FPS)) for number in range(round(start * FPS), round(end * FPS))
    ]


def _after_gap(gap: float, before: np.ndarray | None, after: np.ndarray | None, **changes: Any) -> list[int]:
    tracker = _tracker(**changes)
    _drive(tracker, 0, 2, None if before is None else [before])
    _nothing(tracker, 2, 1.9 + gap)
    told = _drive(tracker, 1.9 + gap, 3 + gap, None if after is None else [after])
    return sorted({int(number) for tracks in told for number in tracks.ids})


def test_by_default_a_new_track_is_a_new_track() -> None:
    assert _after_gap(1.5, None, None) == [2]


@pytest.mark.parametrize("settings", [MOTION, LOOKS, BOTH])
@pytest.mark.parametrize(("gap", "number"), [(1.0, 1), (2.0, 1), (3.3, 1), (3.7, 2)])
def test_a_fragment_within_three_and_a_half_seconds_goes_on(settings: dict[str, Any], gap: float, number: int) -> None:
    assert _after_gap(gap, FRONT, FRONT, **settings) == [number]


def test_how_long_can_be_set() -> None:
    assert _after_gap(1.5, FRONT, FRONT, **LOOKS, rejoin={"within": 1.0}) == [2]
    assert _after_gap(6.0, FRONT, FRONT, **LOOKS, rejoin={"within": 8.0}) == [1]
    assert _after_gap(1.5, FRONT, FRONT, **LOOKS, rejoin={"within": 0}) == [2]


def test_by_looks_only_what_looks_alike_goes_on() -> None:
    assert _after_gap(1.5, FRONT, SIDE, **LOOKS) == [2]
    assert _after_gap(1.5, FRONT, SIDE, **BOTH) == [2], "known to be another"


@pytest.mark.parametrize(("before", "after"), [(FRONT, UNKNOWN), (UNKNOWN, FRONT), (UNKNOWN, UNKNOWN)])
def test_where_looks_are_not_known_motion_alone_may_do(before: np.ndarray, after: np.ndarray) -> None:
    assert _after_gap(1.5, before, after, **LOOKS) == [2]
    assert _after_gap(1.5, before, after, **BOTH) == [1]


def test_id_events_and_sightings_of_a_fragment_are_those_of_the_track_that_it_continues() -> None:
    tracker = _tracker(**MOTION)
    before = _drive(tracker, 0, 2)
    gap = _nothing(tracker, 2, 4)
    first, second, third = _drive(tracker, 4, 4.3)
    assert gap[0].lost == (1,)
    assert not any(tracks.ended for tracks in gap), "it may still be joined"
    assert (len(first), first.started, first.pending) == (0, (2,), to_instant(4))
    assert second.ids.tolist() == [1]
    assert (second.confirmed, second.found, second.ended) == ((), (1,), ())
    (earlier,) = second.earlier
    assert (earlier.id, earlier.times.tolist(), earlier.boxes.tolist()) == (1, [to_instant(4)], [_at(4)])
    assert second.pending is None
    assert (third.ids.tolist(), third.found, third.earlier) == ([1], (), ())
    assert len(tracker) == 1
    assert before[-1].qualities[0] > third.qualities[0] > 0.4, "the time in which it was not seen counts"
    assert [tracks.ended for tracks in _nothing(tracker, 4.3, 9) if tracks.ended] == [(1,)], "once"


def test_the_id_of_a_fragment_is_not_given_again() -> None:
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2)
    _nothing(tracker, 2, 4)
    _drive(tracker, 4, 5)
    both = _drive(tracker, 5, 6, speed=[150, 150], lane=[300, 600])
    assert both[-1].ids.tolist() == [1, 3]


def test_tracks_are_told_in_the_order_of_ids_after_a_fragment_was_joined() -> None:
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2, lane=[300, 600])
    _drive(tracker, 2, 4, lane=[600])
    told = _drive(tracker, 4, 6, lane=[600, 300])
    assert [tracks.ids.tolist() for tracks in told[1:]] == [[1, 2]] * (len(told) - 1)
    assert told[-1].boxes[:, 1].tolist() == [270, 570]


@pytest.mark.parametrize("aside", [0, 40, 400])
def test_a_track_that_begins_elsewhere_is_another(aside: float) -> None:
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2)
    _nothing(tracker, 2, 3)
    told = _drive(tracker, 3, 4, lane=[300 + aside])
    assert told[-1].ids.tolist() == [1 if aside < 100 else 2]


def test_a_track_that_begins_behind_the_lost_one_is_another() -> None:
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2)
    _nothing(tracker, 2, 3)
    following = [
        tracker.update(detections([_at(time / FPS - 2.0)]), to_instant(time / FPS)) for time in range(30, 40)
    ]  # two seconds behind
    assert following[-1].ids.tolist() == [2]


def test_a_vehicle_that_braked_while_it_was_hidden_goes_on() -> None:
    """From 150 pixels a second to a stand within a second, evenly: half the way that it would have gone."""
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2)
    _nothing(tracker, 2, 2.9)
    stopped = _at(1.9 + 0.5)
    told = [tracker.update(detections([stopped]), to_instant(number / FPS)) for number in range(29, 40)]
    assert told[-1].ids.tolist() == [1]


def test_a_track_of_another_size_is_another() -> None:
    for size, number in ((1.1, 1), (2.2, 2)):
        tracker = _tracker(**MOTION)
        _drive(tracker, 0, 2)
        _nothing(tracker, 2, 3)
        assert _drive(tracker, 3, 4, size=[size])[-1].ids.tolist() == [number]


def test_how_far_it_may_begin_from_where_it_is_expected_can_be_set() -> None:
    for most, number in ((0.05, 2), (6.0, 1)):
        tracker = _tracker(rejoin={"by_motion_alone": True, "max_deviation": most})
        _drive(tracker, 0, 2)
        _nothing(tracker, 2, 3)
        assert _drive(tracker, 3, 4, lane=[340])[-1].ids.tolist() == [number]


def test_where_a_fragment_could_continue_two_tracks_it_continues_none() -> None:
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2, lane=[300, 335])
    _nothing(tracker, 2, 3.5)
    assert _drive(tracker, 3.5, 4.5, lane=[317])[-1].ids.tolist() == [3]


def test_where_two_fragments_could_continue_a_track_neither_does() -> None:
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2, lane=[317])
    _nothing(tracker, 2, 3.5)
    assert _drive(tracker, 3.5, 4.5, lane=[300, 335])[-1].ids.tolist() == [2, 3]


def test_looks_tell_apart_what_places_cannot() -> None:
    tracker = _tracker(**LOOKS)
    _drive(tracker, 0, 2, [FRONT, SIDE], lane=[300, 335])
    _nothing(tracker, 2, 3.5)
    told = _drive(tracker, 3.5, 4.5, [SIDE, FRONT], lane=[300, 335])
    assert [told[-1].ids.tolist(), told[-1].boxes[:, 1].tolist()] == [[1, 2], [305, 270]]


def test_a_track_that_is_seen_is_not_continued_by_another() -> None:
    """Two on one spot: the second is not the first, which is in sight."""
    tracker = _tracker(**MOTION)
    _drive(tracker, 0, 2)
    told = _drive(tracker, 2, 3, lane=[300, 335])
    assert told[-1].ids.tolist() == [1, 2]


def test_a_track_that_began_while_the_lost_one_was_still_seen_is_another() -> None:
    """It is confirmed when the other is gone already; but both were in view at once."""
    tracker = _tracker(confirm_hits=4, rejoin={"by_motion_alone": True, "max_deviation": 6.0})
    _drive(tracker, 0, 1.8)
    _drive(tracker, 1.8, 2, lane=[300, 330])
    assert _drive(tracker, 2, 3, lane=[330])[-1].ids.tolist() == [2]


def test_a_fragment_may_be_joined_at_its_first_sighting() -> None:
    """With tracks that one sighting confirms, also in the frame after: then it was never lost."""
    for gap, found in ((0.1, ()), (0.2, (1,))):
        tracker = _tracker(confirm_hits=1, iou_first=1.0, high_confidence=0.5, rejoin={"by_motion_alone": True})
        tracker.update(detections([_at(0.0, speed=0)]), 0)
        for number in range(1, round(gap * FPS)):
            assert tracker.update(Detections.empty(), to_instant(number / FPS)).lost == (1,)
        tracks = tracker.update(detections([_at(gap, speed=10)]), to_instant(gap))
        assert (tracks.ids.tolist(), tracks.confirmed, tracks.lost, tracks.found) == ([1], (), (), found)
