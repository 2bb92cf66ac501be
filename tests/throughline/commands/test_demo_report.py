"""The demo's report counts what was right where the truth is known, and says what can be said where it is not."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from evaluation.labelling import CameraTruth
from throughline.commands._demo_report import judge
from throughline.commands._demo_run import Recording
from throughline.commands._demo_truth import box_rows, counted_tracklets, match_truth
from throughline.messages import Clock, Evidence, MatchEvent, MatchKind, PathPoint, Tracklet, TrackletRef
from throughline.settings import Site, parse_site
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource

SECOND = 1_000_000
EPOCH = 1_700_000_000 * SECOND
PERIOD = 30 * SECOND
LOOP = EPOCH + PERIOD
"""What is watched is the footage's second loop."""
VISITS = {"c01": {1: 2.0, 2: 5.0}, "c02": {1: 10.0, 2: 14.0}}
"""When each vehicle comes into view, for three seconds."""


def boxes(vehicle: int, seconds: np.ndarray) -> np.ndarray:
    left = 20.0 + 100.0 * seconds + 0.0 * vehicle
    return np.stack((left, np.full_like(left, 50.0), left + 60.0, np.full_like(left, 90.0)), 1)


@pytest.fixture
def site() -> Site:
    return parse_site(
        "site: demo\ncameras: [{id: c01}, {id: c02}]\nlinks: [{from: c01, to: c02, travel: {min: 1, typical: 6, max: 20}}]\n"
    )


@pytest.fixture
def truth() -> dict[str, CameraTruth]:
    found = {}
    steps = np.arange(31) / 10.0
    for camera, visits in VISITS.items():
        times = np.concatenate([np.rint((begin + steps) * SECOND) for begin in visits.values()]).astype(np.int64)
        vehicles = np.repeat(np.array(list(visits), np.int64), len(steps))
        places = np.concatenate([boxes(vehicle, steps) for vehicle in visits]).astype(np.float32)
        order = np.lexsort((vehicles, times))
        found[camera] = CameraTruth(camera, EPOCH, PERIOD, times[order], vehicles[order], places[order])
    return found


def tracklet(camera: str, vehicle: int, begin: float) -> Tracklet:
    seconds = np.arange(0.0, 3.01, 0.5)
    start = LOOP + round(begin * SECOND)
    path = tuple(
        PathPoint(start + round(at * SECOND), float(x1), float(y1), float(x2 - x1), float(y2 - y1))
        for at, (x1, y1, x2, y2) in zip(seconds.tolist(), boxes(vehicle, seconds), strict=True)
    )
    name = f"{camera}-{vehicle}"
    return Tracklet("demo", camera, name, 1, "closed", start, path[-1].at, Clock(ClockSource.RTCP, 0.02), path=path)


def event(kind: MatchKind, here: Tracklet, vehicle: str, joined: Tracklet | None = None, probability: float = 0.9) -> MatchEvent:
    def ref(one: Tracklet) -> TrackletRef:
        return TrackletRef(one.camera, one.tracklet, one.start, one.end, f"shots/{one.tracklet}.jpg")

    return MatchEvent(
        f"{kind}-{here.tracklet}",
        1,
        kind,
        "demo",
        vehicle,
        ref(here),
        here.start + SECOND,
        None if joined is None else ref(joined),
        probability=None if joined is None else probability,
        travel_time=None if joined is None else 5.0,
        evidence=() if joined is None else (Evidence("appearance", 2.0, 0.8, "cosine"),),
    )


def recorded(*, second_is_wrong: bool = False) -> Recording:
    """Both vehicles are followed at both cameras; the first is recognised, the second one is, or is taken for the first."""
    one = {
        (camera, vehicle): tracklet(camera, vehicle, begin)
        for camera, visits in VISITS.items()
        for vehicle, begin in visits.items()
    }
    taken = one["c01", 1 if second_is_wrong else 2]
    events = [
        event("new", one["c01", 1], "vehicle-a"),
        event("new", one["c01", 2], "vehicle-b"),
        event("provisional", one["c02", 1], "vehicle-a", one["c01", 1]),
        event("confirmed", one["c02", 1], "vehicle-a", one["c01", 1]),
        event("provisional", one["c02", 2], "vehicle-b", one["c01", 2]),
        event("confirmed", one["c02", 2], "vehicle-a" if second_is_wrong else "vehicle-b", taken),
    ]
    _, jpeg = cv2.imencode(".jpg", np.full((30, 40, 3), 120, np.uint8))
    return Recording(
        start=LOOP,
        end=LOOP + 20 * SECOND,
        closed={item.tracklet: item for item in one.values()},
        events=events,
        told={item.event: item.at + SECOND // 2 for item in events},
        shots={item.tracklet: jpeg.tobytes() for item in one.values()},
        exposition=Metrics().exposition(),
        cpu_seconds=10.0,
        wall_seconds=20.0,
    )


def test_a_perfect_run_is_told_to_be_one(site: Site, truth: dict[str, CameraTruth]) -> None:
    outcome = judge("Two cameras.", site, recorded(), truth)
    result = json.loads(json.dumps(outcome.result, default=str))
    assert (result["matched"], result["missed"], result["wrong"]) == (2, 0, 0)
    assert result["mtmc"]["idf1"] == pytest.approx(1.0)
    assert result["mtmc"]["true_vehicles"] == 2
    assert result["first_good_frame_to_provisional_seconds"]["p50"] == pytest.approx(1.5), "until the event had come back"
    assert result["cores"] == 0.5
    assert "  c01 -> c02: 2 of 2 true passages matched, 0 missed, 0 wrong" in outcome.lines
    assert outcome.report.to_html().count("data:image/jpeg") == 2


def test_a_wrong_join_is_found_and_shown_first(site: Site, truth: dict[str, CameraTruth]) -> None:
    outcome = judge("Two cameras.", site, recorded(second_is_wrong=True), truth)
    assert (outcome.result["matched"], outcome.result["missed"], outcome.result["wrong"]) == (1, 1, 1)
    assert 0.6 < outcome.result["mtmc"]["idf1"] < 0.8, "a quarter of the boxes has the wrong identity, and its own is missing"
    sheet = dict(outcome.report.sections)["Matches, looked at"]
    assert [getattr(picture, "caption", "").partition(":")[0] for picture in sheet] == ["wrong", "right"]


def test_only_what_lies_in_the_watched_time_counts(site: Site, truth: dict[str, CameraTruth]) -> None:
    recording = recorded()
    recording.start = LOOP + 4 * SECOND
    assert counted_tracklets(recording) == {"c01-2", "c02-1", "c02-2"}
    told = match_truth(site, recording, truth)
    assert [(passage.vehicle, passage.from_, passage.to) for passage in told.passages] == [((1, 2), "c01", "c02")]


def test_boxes_on_vehicles_that_nobody_has_to_follow_count_neither_way(site: Site, truth: dict[str, CameraTruth]) -> None:
    uncounted = {
        name: CameraTruth(one.camera, one.epoch, one.period, one.times, one.vehicles, one.boxes, counted=one.vehicles != 2)
        for name, one in truth.items()
    }
    true, found = box_rows(site, recorded(), uncounted)
    assert len(true) == len(found) == 62
    assert {row.id for row in found} == {1}


def test_without_truth_it_tells_what_was_matched_and_how_sure(site: Site) -> None:
    outcome = judge("Two videos.", site, recorded(second_is_wrong=True), None, speed=2.0)
    assert outcome.result["matched"] == 2
    assert outcome.result["expected_right"] == 1.8
    assert outcome.result["links"]["c01 -> c02"]["median_travel_seconds"] == 5.0
    assert outcome.result["capture_to_tracklet_seconds"] is None, "at another speed the clocks do not tell"
    assert outcome.result["provisional_that_stood"]["count"] == 2
    assert any("nobody knows the truth" in line for line in outcome.lines)
    assert "Did first decisions stand?" in outcome.report.to_markdown()


def test_a_run_in_which_nothing_happened_has_a_report(site: Site, truth: dict[str, CameraTruth]) -> None:
    nothing = Recording(start=LOOP + 25 * SECOND, end=LOOP + 26 * SECOND, exposition=Metrics().exposition())
    for known in (truth, None):
        outcome = judge("Nothing.", site, nothing, known)
        assert outcome.result["matched"] == 0
        json.dumps(outcome.result, allow_nan=False)
        assert outcome.report.to_html()
