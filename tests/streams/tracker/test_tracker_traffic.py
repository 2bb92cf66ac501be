"""What traffic does to trackers: vehicles that stop, are hidden, park, queue; and the settings of the classics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from streams.tracker import Tracker
from tests.support.tracking import degraded, detections, driving, identity, unit_rows
from throughline.settings import RejoinSettings, Site, TrackingSettings
from throughline.times import to_instant
from throughline.types import Detections, Tracks

SIZE = (1280, 720)
CAR, BUS = 0, 2


def _tracker(**changes: Any) -> Tracker:
    return Tracker(TrackingSettings.model_validate(changes), SIZE)


class TestHidden:
    """A car waits at the lights; a bus stops in front of it."""

    CAR_BOX = (500.0, 320, 590, 380)

    def _wait(
        self, tracker: Tracker, hidden: float, *, flicker: float = 0.0, braking: float = 0.0, fps: float = 10, bus: bool = True
    ) -> list[Tracks]:
        """The car stops after 2 s, is hidden half a second later for ``hidden`` seconds, and is seen again for 1.5 s.

        Args:
            tracker: Whose tracks are told.
            hidden: Seconds.
            flicker: Share of frames in which the detector misses the bus.
            braking: Pixels a second, each second.
            fps: Frames a second.
            bus: Whether there is one; otherwise the car is gone for no reason.
        """
        random = np.random.default_rng(0)
        told = []
        for number in range(round((4 + hidden) * fps)):
            time = number / fps
            left = -braking / 2 * max(0.0, 2 - time) ** 2
            car = np.array(self.CAR_BOX) + np.array([left, 0, left, 0])
            here = 2.5 <= time < 2.5 + hidden
            boxes, classes = ([], []) if here else ([car + random.normal(0, 1.0, 4)], [CAR])
            if bus and 2 <= time < 3 + hidden and random.random() >= flicker:
                away = max(0, 2.5 - time, time - 2.5 - hidden) * 600  # it comes, stands, and goes
                boxes.append(np.array([430 - away, 290, 720 - away, 430]) + random.normal(0, 2.0, 4))
                classes.append(BUS)
            told.append(tracker.update(detections(np.array(boxes), 0.9, np.array(classes, np.int64)), to_instant(time)))
        return told

    def _same(self, told: list[Tracks]) -> bool:
        last = told[-1]
        return bool(last.ids[last.boxes[:, 0].argmax()] == 1) and last.boxes[:, 0].max() > 490

    @pytest.mark.parametrize("hidden", [2.0, 5.0, 9.0])
    @pytest.mark.parametrize("flicker", [0.0, 0.15])
    @pytest.mark.parametrize("fps", [5, 10, 25])
    def test_a_vehicle_that_stands_behind_another_is_waited_for(self, hidden: float, flicker: float, fps: float) -> None:
        """Longer than `max_lost`; also when the detector misses what hides it now and then."""
        tracker = _tracker(max_lost=2.0)
        told = self._wait(tracker, hidden, flicker=flicker, fps=fps)
        assert self._same(told)
        assert not any(1 in tracks.ended for tracks in told)

    @pytest.mark.parametrize("braking", [30.0, 60.0, 90.0])
    def test_also_when_it_has_just_stopped(self, braking: float) -> None:
        assert self._same(self._wait(_tracker(max_lost=2.0), 9.0, braking=braking))

    def test_not_for_ever(self) -> None:
        told = self._wait(_tracker(max_lost=2.0, max_hidden=4.0), 9.0)
        assert any(1 in tracks.ended for tracks in told)
        assert not self._same(told)

    def test_can_be_switched_off(self) -> None:
        assert not self._same(self._wait(_tracker(max_lost=2.0, max_hidden=0.0), 5.0))

    def test_one_that_is_simply_gone_is_not_waited_for(self) -> None:
        told = self._wait(_tracker(max_lost=2.0), 5.0, bus=False)
        ended = [number for number, tracks in enumerate(told) if 1 in tracks.ended]
        assert ended == [45], "2 s after frame 24"

    @pytest.mark.parametrize(("edge", "ends"), [(530, True), (545, False)])
    def test_one_that_others_hardly_cover_is_not_waited_for(self, edge: float, ends: bool) -> None:
        """A third of it, or half of it, is behind a bus that stands there all the time."""
        tracker = _tracker(max_lost=1.0)
        bus = [300, 290, edge, 430]
        for number in range(60):
            car = [list(self.CAR_BOX)] if number < 30 else []
            tracks = tracker.update(detections([*car, bus], 0.9 - 0.01 * np.arange(len(car) + 1)), to_instant(number / 10))
        assert (len(tracker) == 1) is ends
        assert tracks.ids.tolist() == [2]

    def test_one_that_drives_is_not_waited_for(self) -> None:
        """It goes behind a bus, and does not come out where it must."""
        tracker = _tracker(max_lost=1.0)
        bus = [600, 250, 1000, 460]
        ended: dict[int, int] = {}
        for number in range(60):
            x = 200 + 20 * number
            car = [] if x > 600 else [[x, 320, x + 90, 380]]
            tracks = tracker.update(detections([*car, bus], 0.9 - 0.01 * np.arange(len(car) + 1)), to_instant(number / 10))
            ended |= dict.fromkeys(tracks.ended, number)
        assert ended == {1: 31}

    def test_what_hides_it_keeps_its_own_id(self) -> None:
        told = self._wait(_tracker(max_lost=2.0), 6.0)
        buses = {int(tracks.ids[index]) for tracks in told for index in np.flatnonzero(tracks.classes == BUS)}
        assert buses == {2}


class TestParked:
    """A parked vehicle, and others that pass in front of it."""

    @pytest.mark.parametrize("fps", [5, 10, 25])
    @pytest.mark.parametrize("speed", [120.0, 300.0])
    @pytest.mark.parametrize("hides", [False, True])
    def test_neither_takes_the_others_id(self, fps: float, speed: float, hides: bool) -> None:
        random = np.random.default_rng(0)
        tracker = _tracker()
        parked = np.array([600.0, 300, 680, 350])
        owners: dict[int, set[str]] = {}
        for number in range(round(14 * fps)):
            time = number / fps
            passing = [
                np.array([x, 312.0, x + 100, 372]) for start in (2, 6, 9) if -100 < (x := speed * (time - start)) < SIZE[0]
            ]
            covered = any(box[0] < 640 < box[2] for box in passing)
            seen = [(box, "passing") for box in passing] + ([] if hides and covered else [(parked, "parked")])
            boxes = np.array([box + random.normal(0, 1.0, 4) for box, _ in seen])
            tracks = tracker.update(detections(boxes), to_instant(time))
            for track, index in zip(tracks.ids.tolist(), tracks.detections.tolist(), strict=True):
                owners.setdefault(track, set()).add(seen[index][1])
        assert sum(names == {"parked"} for names in owners.values()) == 1
        assert sum(names == {"passing"} for names in owners.values()) == 3
        assert len(owners) == 4

    def test_one_that_parks_where_another_left_is_another(self) -> None:
        tracker = _tracker(max_lost=1.0)
        spot = np.array([600.0, 300, 680, 350])
        for number in range(30):
            tracker.update(detections(spot), to_instant(number / 10))
        for number in range(30, 45):
            tracker.update(Detections.empty(), to_instant(number / 10))
        for number in range(45, 55):
            tracks = tracker.update(detections(spot), to_instant(number / 10))
        assert tracks.ids.tolist() == [2]


@pytest.mark.parametrize("fps", [5, 10, 25])
@pytest.mark.parametrize("seed", range(3))
def test_a_queue_at_lights_keeps_its_order(fps: float, seed: int) -> None:
    """Six cars, bumper to bumper in the picture, move up one after the other; the detector misses some and doubts others."""
    random = np.random.default_rng(seed)
    tracker = _tracker()
    switches = 0
    latest: dict[int, int] = {}
    for number in range(round(24 * fps)):
        time = number / fps
        boxes = []
        for place in range(6):
            start = 6 + 1.2 * place  # each sets off when the one before has
            gone = 0.5 * 60 * max(0.0, time - start) ** 2 if time < start + 4 else 480 + 240 * (time - start - 4)
            x = 900 - 110 * place + gone
            boxes.append([x, 300 - 4 * place, x + 130, 370 - 4 * place])  # each covers a sixth of the one behind
        shown = [index for index, box in enumerate(boxes) if box[0] < SIZE[0] - 40 and random.random() > 0.06]
        noisy = np.array([boxes[index] for index in shown]).reshape(-1, 4) + random.normal(0, 1.5, (len(shown), 4))
        scores = np.where(random.random(len(shown)) < 0.1, 0.25, 0.85)
        tracks = tracker.update(detections(noisy, scores), to_instant(time))
        for track, index in zip(tracks.ids.tolist(), tracks.detections.tolist(), strict=True):
            switches += latest.get(shown[index], track) != track
            latest[shown[index]] = track
    assert switches == 0
    assert len(set(latest.values())) == 6


def _documented() -> TrackingSettings:
    """The settings that the documentation gives for a classic tracker."""
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "tracking.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(tracking:.*?)```", page, flags=re.DOTALL)
    return Site.model_validate({"site": "classic", "cameras": [{"id": "c01"}], **yaml.safe_load(block)}).tracking


class TestDeepSort:
    """The switches set as DeepSORT's settings in the reference system are."""

    SETTINGS = _documented()

    def test_are_those_of_the_reference_system(self) -> None:
        settings = self.SETTINGS
        assert (settings.min_confidence, settings.nms_iou, settings.iou_first) == (0.7, 1, 0.3)
        assert (settings.gate, settings.gate_probability, settings.cascade) == ("full", 0.95, True)
        looks = settings.appearance
        assert (looks.enabled, looks.max_distance, looks.budget) == (True, 0.2, 100)
        assert (settings.confirm_hits, settings.max_unconfirmed_lost, settings.max_lost_frames) == (2, 0, 30)
        assert (settings.output_box, settings.rejoin_within) == ("filtered", 3.5)

    def test_follows_vehicles_that_hide_each_other(self) -> None:
        """Two streams of eight vehicles cross; each is missed while it is behind another, and found by its looks."""
        fleet = [((-90.0, 300.0 + 5 * k, 0.0, 360.0 + 5 * k), (200.0, 0.0), 2.0 * k, 2.0 * k + 7) for k in range(4)]
        fleet += [((1280.0, 310.0 + 5 * k, 1370.0, 370.0 + 5 * k), (-180.0, 0.0), 2.0 * k + 0.5, 2.0 * k + 8) for k in range(4)]
        looks = unit_rows(np.random.default_rng(1), len(fleet), 32)
        random = np.random.default_rng(0)
        tracker = Tracker(self.SETTINGS, SIZE)
        followed, weak = [], 0
        for frame, seen in degraded(driving(fleet, 15, 10), 3, missed=0.02, weak=0.05, jitter=0.01):
            owner = [_nearest(box, frame.boxes, frame.vehicles) for box in seen.boxes]
            behind = [
                any(box[3] < other[3] and abs(box[0] - other[0]) < 50 for other in seen.boxes) for box in seen.boxes
            ]  # farther up is farther away
            shown = ~np.array(behind, np.bool_)
            noisy = looks[owner] + random.normal(0, 0.03, (len(owner), 32)) if owner else np.zeros((0, 32))
            noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
            given = detections(seen.boxes[shown], seen.scores[shown], 0, noisy[shown])
            tracks = tracker.update(given, frame.captured)
            weak += tracks.dropped.get("confidence", 0)
            assert (given.scores[tracks.detections] >= 0.7).all()
            assert (tracks.boxes >= 0).all()
            assert (tracks.boxes <= [*SIZE, *SIZE]).all()
            assert not np.array_equal(tracks.boxes, given.boxes[tracks.detections]) or len(tracks) == 0
            followed.append((frame, tracks))
        result = identity(followed)
        assert (result.switches, result.tracks) == (0, 8)
        assert result.purity == 1
        assert weak > 20

    def test_needs_the_looks_for_that(self) -> None:
        """A vehicle that goes on at another speed than expected, out of reach of overlap but not of the gate."""
        ids = []
        for looks in (True, False):
            settings = self.SETTINGS if looks else self.SETTINGS.model_copy(update={"appearance": TrackingSettings().appearance})
            tracker = Tracker(settings, SIZE)
            for number in [*range(10), 20, 21]:
                x = 100 + 12 * number + (70 if number >= 20 else 0)
                tracks = tracker.update(detections([[x, 300, x + 60, 360]], looks=np.eye(1, 4)), to_instant(number / 10))
            ids.append(tracks.ids.tolist())
        assert ids == [[1], [2]]

    def test_a_lost_vehicle_is_found_for_thirty_frames_however_fast_they_come(self) -> None:
        for fps in (10, 30):
            for unseen, same in ((29, True), (30, False)):
                tracker = Tracker(self.SETTINGS.model_copy(update={"rejoin": RejoinSettings(within=0)}), SIZE)
                for number in [*range(5), 5 + unseen, 6 + unseen]:
                    for empty in range(5, 5 + unseen) if number == 5 + unseen else ():
                        tracker.update(Detections.empty(), to_instant(empty / fps))
                    tracks = tracker.update(detections([[600, 300, 660, 360]], looks=np.eye(1, 4)), to_instant(number / fps))
                assert (tracks.ids.tolist() == [1]) is same


def _nearest(box: np.ndarray, boxes: np.ndarray, vehicles: np.ndarray) -> int:
    return int(vehicles[np.abs(boxes - box).sum(axis=1).argmin()])
