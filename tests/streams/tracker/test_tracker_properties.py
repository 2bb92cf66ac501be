from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.tracker import TimeNotAdvancingError, Tracker, assignment, pairs
from tests.support.tracking import detections
from throughline.settings import TrackingSettings
from throughline.times import to_instant
from throughline.types import Detections, Tracks

COORDINATE = st.one_of(st.integers(-50, 700), st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e30]))
PLACE = st.tuples(st.integers(0, 560), st.integers(0, 400))


@st.composite
def plausible(draw: st.DrawFn) -> tuple[list[float], float, int]:
    """A vehicle's box near a grid point, so that frames resemble each other."""
    x, y = draw(st.sampled_from([(60, 60), (100, 80), (300, 200), (420, 220), (500, 400)]))
    dx, dy = draw(st.integers(-12, 12)), draw(st.integers(-12, 12))
    return [x + dx, y + dy, x + dx + 60, y + dy + 40], draw(st.sampled_from([0.2, 0.4, 0.6, 0.9])), draw(st.integers(0, 4))


@st.composite
def rubbish(draw: st.DrawFn) -> tuple[list[float], float, int]:
    box = [draw(COORDINATE) for _ in range(4)]
    return box, draw(st.sampled_from([0.0, 0.6, 0.9, float("nan")])), draw(st.integers(-2, 6))


FRAME = st.lists(st.one_of(plausible(), plausible(), plausible(), rubbish()), max_size=8)
SCENE = st.lists(FRAME, min_size=1, max_size=14)


CLASSIC = {
    "gate": "full",
    "cascade": True,
    "nms_iou": 1,
    "appearance": {"enabled": True, "budget": 3},
    "output_box": "filtered",
    "max_lost_frames": 3,
}
HASTY = {
    "confirm_hits": 1,
    "direction_weight": 0.5,
    "max_lost": 0.3,
    "gate": "place",
    "rejoin": {"by_motion_alone": True},
    "max_hidden": 1,
}
TRACKING = st.sampled_from([TrackingSettings(), TrackingSettings.model_validate(CLASSIC), TrackingSettings.model_validate(HASTY)])


def _look(box: list[float], number: int) -> list[float]:
    """Most vehicles of a type look alike, by the place that they are in; rubbish and some others look like nothing."""
    return [float("nan")] * 8 if number == 2 else np.eye(8)[(number + (box[0] > 250)) % 8].tolist()


def _detections(frame: list[tuple[list[float], float, int]]) -> Detections:
    looks = np.array([_look(box, number) for box, _, number in frame]).reshape(-1, 8)
    return detections([box for box, _, _ in frame], [score for _, score, _ in frame], [number for _, _, number in frame], looks)


def _seen(tracks: Tracks) -> list[tuple[int, tuple[float, ...], tuple[float, ...]]]:
    return [
        (number, tuple(box), tuple(velocity))
        for number, box, velocity in zip(tracks.ids.tolist(), tracks.boxes.tolist(), tracks.velocities.tolist(), strict=True)
    ]


@given(SCENE, st.randoms(use_true_random=False), TRACKING)
@settings(max_examples=150, deadline=None)
def test_permuting_detections_changes_nothing(
    scene: list[list[tuple[list[float], float, int]]], random: object, tracking: TrackingSettings
) -> None:
    """Scores come from four values only, so many are equal."""
    one, other = Tracker(tracking, (640, 480)), Tracker(tracking, (640, 480))
    for number, frame in enumerate(scene, start=1):
        order = list(range(len(frame)))
        random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis' Random
        first = one.update(_detections(frame), number * to_instant(0.1))
        second = other.update(_detections([frame[index] for index in order]), number * to_instant(0.1))
        assert _seen(first) == _seen(second)
        for name in ("started", "confirmed", "lost", "found", "ended", "pending", "dropped"):
            assert getattr(first, name) == getattr(second, name)
        for mine, its in zip(first.detections.tolist(), second.detections.tolist(), strict=True):
            assert frame[mine] == frame[order[its]]


@given(SCENE, st.lists(st.sampled_from([0.033, 0.1, 0.2, 0.9, 2.5, 4.0, 0.0, -0.1]), min_size=14, max_size=14), TRACKING)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_ids_stay_unique_and_nothing_is_tracked_twice(
    scene: list[list[tuple[list[float], float, int]]], steps: list[float], tracking: TrackingSettings
) -> None:
    tracker = Tracker(tracking, (640, 480))
    captured, previous = 0, None
    alive: set[int] = set()
    shown: set[int] = set()
    gone: set[int] = set()
    started: set[int] = set()
    for frame, step in zip(scene, steps, strict=False):
        captured += to_instant(step)
        seen = _detections(frame)
        if previous is not None and captured <= previous:
            try:
                tracker.update(seen, captured)
            except TimeNotAdvancingError:
                captured = previous
                continue
            raise AssertionError("time that did not advance was accepted")
        previous = captured
        tracks = tracker.update(seen, captured)
        assert len(set(tracks.ids.tolist())) == len(tracks)
        assert len(set(tracks.detections.tolist())) == len(tracks)
        assert sorted(tracks.ids.tolist()) == tracks.ids.tolist()
        if tracking.output_box == "detector":
            np.testing.assert_array_equal(tracks.boxes, seen.boxes[tracks.detections])
        assert np.isfinite(tracks.boxes).all()
        assert ((tracks.qualities > 0) & (tracks.qualities <= 1)).all()
        assert np.isfinite(tracks.velocities).all()
        assert sum(tracks.dropped.values()) + len(tracks) <= len(seen)
        assert not gone & set(tracks.ids.tolist()), "an id came back"
        ids = set(tracks.ids.tolist())
        assert not started & set(tracks.started), "an id was given twice"
        started |= set(tracks.started)
        assert set(tracks.ended) <= alive
        assert ids - alive == set(tracks.confirmed)
        assert set(tracks.found) == {number for number in ids & alive if number not in shown}
        assert set(tracks.lost) <= shown - ids <= {*tracks.lost, *tracks.ended}, "one that ended may have been lost first"
        assert {earlier.id for earlier in tracks.earlier} <= ids
        for earlier in tracks.earlier:
            assert (np.diff([*earlier.times.tolist(), captured]) > 0).all()
        shown = ids
        alive = (alive | ids) - set(tracks.ended)
        gone |= set(tracks.ended)
        assert tracks.pending is None or tracks.pending <= captured
    assert set(tracker.finish()) == alive
    assert started == set(range(1, tracker.next_id))


@given(st.lists(st.lists(rubbish(), max_size=5), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_rubbish_leaves_a_good_track_alone(frames: list[list[tuple[list[float], float, int]]]) -> None:
    tracker = Tracker(TrackingSettings(), (640, 480))
    good = [300.0, 200.0, 360.0, 240.0]
    for number in range(3):
        tracker.update(detections([good]), number * to_instant(0.1))
    for number, frame in enumerate(frames, start=3):
        bad = [entry for entry in frame if not all(-1e6 < value < 1e6 for value in entry[0])]
        tracks = tracker.update(_detections([([*good], 0.9, 0), *bad]), number * to_instant(0.1))
        assert tracks.ids.tolist() == [1]
        assert tracks.dropped.get("invalid", 0) == len(bad)


def test_two_thousand_boxes() -> None:
    random = np.random.default_rng(0)
    tracker = Tracker(TrackingSettings(), (20000, 12000))
    corner = random.uniform(0, [19000, 11000], (2000, 2))
    size = random.uniform(40, 120, (2000, 2))
    speed = random.normal(0, 40, (2000, 2))
    for number in range(5):
        at = corner + speed * number * 0.1
        tracks = tracker.update(detections(np.hstack((at, at + size))), number * to_instant(0.1))
    assert len(tracks) > 1800


@pytest.mark.parametrize(("block", "small"), [(1, 0), (10**9, 10**9), (997, 0)])
def test_how_the_work_is_split_changes_nothing(monkeypatch: pytest.MonkeyPatch, block: int, small: int) -> None:
    random = np.random.default_rng(1)
    corner, speed = random.uniform(0, [1800, 1000], (150, 2)), random.normal(0, 60, (150, 2))
    frames = []
    for number in range(12):
        at = corner + speed * number * 0.1 + random.normal(0, 1, (150, 2))
        seen = random.random(150) > 0.05
        frames.append(detections(np.hstack((at, at + np.array([90, 60])))[seen], random.uniform(0.2, 0.9, 150)[seen]))

    def told() -> list[object]:
        tracker = Tracker(TrackingSettings(), (1920, 1080))
        updates = [tracker.update(frame, number * to_instant(0.1)) for number, frame in enumerate(frames)]
        return [(_seen(tracks), tracks.ended, tracks.dropped) for tracks in updates]

    expected = told()
    monkeypatch.setattr(pairs, "_BLOCK", block)
    monkeypatch.setattr(assignment, "_SMALL", small)
    assert told() == expected
