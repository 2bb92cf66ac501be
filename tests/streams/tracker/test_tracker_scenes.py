from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streams.tracker import Tracker
from streams.tracker.boxes import pairwise_iou
from tests.support.tracking import TruthFrame, degraded, driving, follow, identity
from throughline.settings import TrackingSettings
from throughline.times import to_instant

SIZE = (1280, 720)


Vehicle = tuple[tuple[float, float, float, float], tuple[float, float], float, float]


def _crossroads() -> list[Vehicle]:
    """Two lanes one way, two the other, and a road across: 16 vehicles of about 90 x 55 pixels."""
    vehicles: list[Vehicle] = []
    for wave in range(4):
        begin = 2.5 * wave
        vehicles += [
            ((0, 300, 90, 355), (260.0, 0.0), begin, begin + 4.4),
            ((0, 380, 90, 435), (230.0, 0.0), begin + 0.7, begin + 5.5),
            ((1190, 220, 1280, 275), (-280.0, 0.0), begin + 0.3, begin + 4.3),
            ((600, 0, 660, 60), (8.0, 170.0), begin + 0.5, begin + 4.2),
        ]
    return vehicles


@pytest.mark.parametrize("fps", [5, 10, 30])
@pytest.mark.parametrize("dropped", ["none", "second", "random"])
def test_crossing_traffic_keeps_its_identities(fps: int, dropped: str) -> None:
    switches = 0
    for seed in range(3):
        scene = degraded(driving(_crossroads(), 13.0, fps), seed)
        random = np.random.default_rng(seed)
        if dropped == "second":
            scene = scene[::2]
        elif dropped == "random":
            scene = [frame for frame in scene if random.random() > 0.3]
        result = identity(follow(Tracker(TrackingSettings(), SIZE), scene))
        switches += result.switches
        assert result.purity > 0.98
        assert result.found > (0.58 if fps == 5 else 0.75)
    assert switches <= (5 if fps == 5 else 1)


def test_crossing_vehicles_that_are_all_seen_never_switch() -> None:
    scene = degraded(driving(_crossroads(), 13.0, 10), 0, missed=0.0, weak=0.0, jitter=0.01)
    result = identity(follow(Tracker(TrackingSettings(), SIZE), scene))
    assert (result.switches, result.purity, result.tracks) == (0, 1.0, 16)


def test_a_vehicle_that_stops_and_is_hidden_for_a_while_is_the_same_afterwards() -> None:
    """It drives, brakes, stands at the lights, is hidden behind a bus for 1.5 s, and goes on."""
    tracker = Tracker(TrackingSettings(), SIZE)
    x, speed = 100.0, 250.0
    numbers = set()
    for number in range(120):
        time = number / 10
        if 2 <= time < 3:
            speed = max(0.0, speed - 25)
        elif time >= 8:
            speed = min(250.0, speed + 25)
        x += speed / 10
        hidden = 4.5 <= time < 6
        boxes = np.zeros((0, 4), np.float32) if hidden else np.array([[x, 300, x + 90, 355]], np.float32)
        frame = TruthFrame(to_instant(time), boxes, np.zeros(len(boxes), np.int64), np.zeros(len(boxes), np.int64))
        ((_, tracks),) = follow(tracker, degraded([frame], number, missed=0.05))
        numbers.update(tracks.ids.tolist())
    assert numbers == {1}


def _toll_road(shared_data: Path, keep: int) -> list[TruthFrame]:
    """Labels of people at five frames a second, every ``keep``-th frame; boxes too small for reliable identities left out."""
    rows = np.loadtxt(shared_data / "mot" / "adit_00002" / "gt.txt", delimiter=",")
    rows = rows[rows[:, 5] >= 24]
    boxes = np.hstack((rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6])).astype(np.float32)
    vehicles = _relinked(rows[:, 0], rows[:, 1].astype(np.int64), boxes)
    truth = []
    for number in range(1, int(rows[:, 0].max()) + 1, keep):
        here = rows[:, 0] == number
        truth.append(TruthFrame(to_instant(number / 5), boxes[here], vehicles[here], rows[here, 7].astype(np.int64)))
    return truth


def _relinked(numbers: np.ndarray, vehicles: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """One identity for a vehicle that stands where another identity stood last, up to ten seconds before.

    The labels of this clip skip frames, and each time vehicles in the queue were given new identities.
    """
    first = {int(vehicle): int(np.flatnonzero(vehicles == vehicle)[0]) for vehicle in np.unique(vehicles)}
    last = {int(vehicle): int(np.flatnonzero(vehicles == vehicle)[-1]) for vehicle in np.unique(vehicles)}
    names: dict[int, int] = {}
    for vehicle in sorted(first, key=first.__getitem__):
        begin = first[vehicle]
        before = [other for other in names if 0 < numbers[begin] - numbers[last[other]] <= 50]
        overlaps = [float(pairwise_iou(boxes[[begin]], boxes[[last[other]]])[0, 0]) for other in before]
        same = bool(overlaps) and max(overlaps) > 0.8
        names[vehicle] = names[before[int(np.argmax(overlaps))]] if same else vehicle
    return np.array([names[int(vehicle)] for vehicle in vehicles])


@pytest.mark.shared_data
@pytest.mark.parametrize(("keep", "most_switches", "least_purity"), [(1, 12, 0.87), (2, 13, 0.9)])
def test_a_real_clip_keeps_its_identities(shared_data: Path, keep: int, most_switches: int, least_purity: float) -> None:
    """Measured when written, mean of five seeds: all frames 8.2 switches, purity 0.90; every second frame 9.0 and 0.93.

    What is impure are mostly queues whose labels come and go: a vehicle takes the place of one that was not labelled lately.
    """
    truth = _toll_road(shared_data, keep)
    results = [identity(follow(Tracker(TrackingSettings(), (640, 480)), degraded(truth, seed))) for seed in range(5)]
    assert np.mean([result.switches for result in results]) <= most_switches
    assert np.mean([result.purity for result in results]) >= least_purity
