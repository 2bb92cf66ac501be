from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.tracker import TimeNotAdvancingError, Tracker
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


def _detections(frame: list[tuple[list[float], float, int]]) -> Detections:
    return detections([box for box, _, _ in frame], [score for _, score, _ in frame], [number for _, _, number in frame])


def _seen(tracks: Tracks) -> list[tuple[int, tuple[float, ...], tuple[float, ...]]]:
    return [
        (number, tuple(box), tuple(velocity))
        for number, box, velocity in zip(tracks.ids.tolist(), tracks.boxes.tolist(), tracks.velocities.tolist(), strict=True)
    ]


@given(SCENE, st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_permuting_detections_changes_nothing(scene: list[list[tuple[list[float], float, int]]], random: object) -> None:
    one, other = Tracker(TrackingSettings(), (640, 480)), Tracker(TrackingSettings(), (640, 480))
    for number, frame in enumerate(scene, start=1):
        order = list(range(len(frame)))
        random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis' Random
        first = one.update(_detections(frame), number * to_instant(0.1))
        second = other.update(_detections([frame[index] for index in order]), number * to_instant(0.1))
        assert _seen(first) == _seen(second)
        assert (first.ended, first.pending, first.dropped) == (second.ended, second.pending, second.dropped)
        for mine, its in zip(first.detections.tolist(), second.detections.tolist(), strict=True):
            assert frame[mine] == frame[order[its]]


@given(SCENE, st.lists(st.sampled_from([0.033, 0.1, 0.2, 0.9, 2.5, 0.0, -0.1]), min_size=14, max_size=14))
@settings(max_examples=120, deadline=None)
def test_whatever_comes_ids_stay_unique_and_nothing_is_tracked_twice(
    scene: list[list[tuple[list[float], float, int]]], steps: list[float]
) -> None:
    tracker = Tracker(TrackingSettings(), (640, 480))
    captured, previous = 0, None
    alive: set[int] = set()
    gone: set[int] = set()
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
        np.testing.assert_array_equal(tracks.boxes, seen.boxes[tracks.detections])
        assert np.isfinite(tracks.boxes).all()
        assert np.isfinite(tracks.velocities).all()
        assert sum(tracks.dropped.values()) + len(tracks) <= len(seen)
        assert not gone & set(tracks.ids.tolist()), "an id came back"
        assert set(tracks.ended) <= alive
        alive = (alive | set(tracks.ids.tolist())) - set(tracks.ended)
        gone |= set(tracks.ended)
        assert tracks.pending is None or tracks.pending <= captured
    assert set(tracker.finish()) == alive


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
