from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from streams.tracker import Tracker
from streams.tracklets import Crop, Effort, Observation, Shot, TrackletBuilder
from tests.support.tracking import detections
from throughline.messages import Progress, Tracklet, decode_record, encode_record
from throughline.settings import CameraSettings, ClockSettings, GroundSettings, RejoinSettings, TrackingSettings
from throughline.times import Instant, to_instant
from throughline.types import ClockSource, Detections, FloatArray, Frame, Image

START: Instant = 1_700_000_000_000_000
SIZE = (640, 480)
SETTINGS = TrackingSettings(confirm_hits=3, max_lost=2.0, max_hidden=0.0)
MODELS = (("one", "1" * 16), ("two", "2" * 16))
ZONES = {"west": ((0.0, 0.0), (120.0, 0.0), (120.0, 479.0), (0.0, 479.0))}


def _picture() -> Image:
    return np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)


PICTURE = _picture()


def _unit(seed: int, dimension: int = 16) -> FloatArray:
    vector = np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
    unit: FloatArray = vector / np.linalg.norm(vector)
    return unit


@dataclass
class Rig:
    """A tracker and a builder on one camera, fed frame by frame."""

    camera: CameraSettings = field(default_factory=lambda: CameraSettings(id="c1"))
    settings: TrackingSettings = field(default_factory=lambda: SETTINGS)
    models: Sequence[tuple[str, str]] = MODELS
    embeds: bool = True
    fps: float = 10
    image: Image = field(default_factory=lambda: PICTURE)
    clock: ClockSource = ClockSource.RTCP
    uncertainty: float = 0.03

    def __post_init__(self) -> None:
        self.tracker = Tracker(self.settings, SIZE)
        self.builder = TrackletBuilder("harbour", self.camera, self.settings, self.models)
        self.number = 0
        self.crops: list[Crop] = []
        self.records: list[Tracklet] = []

    @property
    def now(self) -> Instant:
        return START + to_instant(self.number / self.fps)

    def step(self, seen: Detections, *, failing: bool = False) -> tuple[list[Tracklet], Observation | None]:
        frame = Frame("c1", self.number, self.now, self.clock, self.uncertainty, self.image)
        tracks = self.tracker.update(seen, self.now)
        observation = None
        if not failing:
            observation = self.builder.observe(tracks, frame)
            self.crops += observation.crops
            if self.embeds and observation.crops:
                rows = np.stack([_unit(crop.track) for crop in observation.crops])
                self.builder.embedded(observation.crops, {name: rows for name, _ in self.models})
        records = self.builder.records(self.now)
        self.records += records
        self.number += 1
        return records, observation

    def drive(
        self, seconds: float, x: float = 100, speed: float = 100, box: tuple[float, float] = (120, 80), **how: object
    ) -> float:
        """A vehicle goes right; its left edge is returned."""
        for _ in range(round(seconds * self.fps)):
            left = x
            self.step(detections([[left, 200, left + box[0], 200 + box[1]]], **how))
            x += speed / self.fps
        return x

    def nothing(self, seconds: float) -> None:
        for _ in range(round(seconds * self.fps)):
            self.step(Detections.empty())


def test_a_passage_is_opened_updated_and_closed() -> None:
    rig = Rig()
    rig.drive(3.5)
    rig.nothing(2.5)
    assert [(record.state, record.revision) for record in rig.records] == [
        ("opened", 0),
        ("updated", 1),
        ("updated", 2),
        ("updated", 3),
        ("updated", 4),  # what was seen last, when the interval is over
        ("closed", 5),
    ]
    opened, closed = rig.records[0], rig.records[-1]
    assert {record.tracklet for record in rig.records} == {f"c1-{START}-1"}
    assert (opened.site, opened.camera) == ("harbour", "c1")
    assert opened.start == START, "its first sighting, not its confirmation"
    assert opened.end == START + to_instant(0.2)
    assert opened.sightings == 3
    assert (closed.start, closed.end) == (START, START + to_instant(3.4))
    assert closed.sightings == 35
    assert closed.close_reason == "lost"
    assert [record.close_reason for record in rig.records[:-1]] == [None] * 5
    assert len(rig.builder) == 0


def test_updates_carry_what_is_new_and_the_last_record_everything() -> None:
    rig = Rig()
    rig.drive(3.5)
    rig.nothing(2.5)
    *before, closed = rig.records
    parts = [point for record in before for point in record.path]
    assert len({point.at for point in parts}) == len(parts)
    assert set(parts) <= set(closed.path)
    assert closed.path[0].at == closed.start
    assert closed.path[-1].at == closed.end
    assert [point.at for point in closed.path] == sorted(point.at for point in closed.path)
    assert rig.records[0].embeddings
    assert [embedding.model for embedding in closed.embeddings] == ["one", "two"]
    assert [embedding.hash for embedding in closed.embeddings] == ["1" * 16, "2" * 16]
    np.testing.assert_allclose(closed.embeddings[0].vector(), _unit(1), atol=2e-3)


def test_records_survive_the_way_through_kafka() -> None:
    rig = Rig(
        camera=CameraSettings(id="c1", zones=ZONES, ground=GroundSettings(homography=((0.1, 0, 0), (0, 0.1, 0), (0, 0, 1))))
    )
    rig.drive(2.0)
    rig.nothing(2.5)
    for record in rig.records:
        assert decode_record(encode_record(record)) == record
    assert rig.records[0].path[0].ground is not None


def test_nothing_new_makes_no_update() -> None:
    rig = Rig()
    rig.drive(1.5)
    count = len(rig.records)
    rig.nothing(1.8)
    assert [record.state for record in rig.records[count:]] == ["updated"], "what was seen since the last one, once"


def test_updates_keep_their_distance() -> None:
    rig = Rig()
    rig.drive(5, speed=60)
    times = [record.end for record in rig.records]
    assert min(np.diff(times)) >= to_instant(1.0)


def test_a_vehicle_opens_with_its_first_embedding() -> None:
    rig = Rig()
    rig.drive(0.2)
    assert not rig.records
    rig.drive(0.1, x=120)
    assert [record.state for record in rig.records] == ["opened"]
    assert rig.records[0].embeddings


def test_one_too_small_to_embed_opens_within_half_a_second_and_is_embedded_later() -> None:
    rig = Rig()
    x = rig.drive(1.0, box=(20, 12), speed=20)
    assert [record.state for record in rig.records] == ["opened"]
    assert rig.records[0].embeddings == ()
    assert rig.records[0].end <= START + to_instant(0.75)
    assert rig.crops == []
    for growth in range(12):  # it comes nearer
        rig.step(detections([[x, 200, x + 20 + 4 * growth, 212 + 3 * growth]]))
    rig.nothing(2.5)
    assert rig.records[-1].state == "closed"
    assert rig.records[-1].embeddings


def test_a_failing_embedder_does_not_hold_vehicles_back() -> None:
    rig = Rig(embeds=False)
    rig.drive(1.0)
    assert [record.state for record in rig.records] == ["opened"]
    assert len(rig.crops) == 2, "asked again after the interval"


def test_without_embedders_a_vehicle_opens_at_once() -> None:
    rig = Rig(models=())
    rig.drive(0.3)
    assert [(record.state, record.embeddings) for record in rig.records] == [("opened", ())]
    assert rig.crops == []


def test_embeddings_are_few_and_spaced() -> None:
    rig = Rig(settings=SETTINGS.model_copy(update={"max_embeddings": 4}))
    rig.drive(10, x=10, speed=45)
    assert len(rig.crops) == 4
    standing = Rig()
    standing.drive(10, speed=0)
    assert len(standing.crops) == 1, "the same view again is worth nothing"
    moving = Rig()
    moving.drive(4, x=10, speed=110)
    assert 3 <= len(moving.crops) <= 10


def test_beyond_the_limit_only_a_much_better_view_is_embedded() -> None:
    rig = Rig(settings=SETTINGS.model_copy(update={"max_embeddings": 2}))
    x = rig.drive(4, x=10, speed=50, box=(40, 30))
    assert len(rig.crops) == 2
    for growth in range(20):
        rig.step(detections([[x, 200 - 4 * growth, x + 40 + 8 * growth, 230]]))
    assert len(rig.crops) > 2
    assert rig.crops[-1].quality >= 1.5 * rig.crops[1].quality


def test_new_vehicles_come_first() -> None:
    rig = Rig()
    known = [100.0, 50, 220, 130]
    for number in range(10):
        boxes = [[value + 20 * number if index % 2 == 0 else value for index, value in enumerate(known)]]
        if number >= 4:
            boxes.append([100.0 + 20 * (number - 4), 300, 220 + 20 * (number - 4), 380])
        _, observation = rig.step(detections(boxes))
        assert observation is not None
        if len(observation.crops) == 2:
            assert [crop.track for crop in observation.crops] == [2, 1]
            return
    pytest.fail("the two were never embedded together")


def test_crops_show_the_vehicle() -> None:
    rig = Rig()
    for _ in range(3):
        _, observation = rig.step(detections([[100, 200, 220, 280]]))
    assert observation is not None
    (crop,), (shot,) = observation.crops, observation.best_shots
    np.testing.assert_array_equal(crop.image, PICTURE[200:280, 100:220])
    assert isinstance(crop.image, np.ndarray)
    assert crop.image.base is not None, "a view: crops live no longer than their frame"
    assert shot.image.base is None, "a copy: best shots do"
    assert shot.image.shape[0] > 80
    assert shot.image.shape[1] > 120


def test_best_shots_get_better_and_have_names_of_their_own() -> None:
    rig = Rig()
    shots: list[Shot] = []
    for growth in range(40):
        _, observation = rig.step(detections([[100, 300 - 5 * growth, 140 + 7 * growth, 340]]))
        assert observation is not None
        shots += observation.best_shots
    assert len(shots) >= 3
    assert len({shot.path for shot in shots}) == len(shots)
    assert [shot.quality for shot in shots] == sorted(shot.quality for shot in shots)
    (closed,) = rig.builder.close("shutdown")
    assert closed.best_shot is not None
    assert closed.best_shot.path == f"shots/{shots[-1].path}"
    assert shots[-1].tracklet == closed.tracklet
    assert closed.quality == pytest.approx(shots[-1].quality, abs=0.2)


def test_types_add_up_votes_and_an_unknown_type_says_nothing() -> None:
    rig = Rig()
    rig.drive(2, classes=3)
    truck = rig.builder.close("shutdown")[0].types
    assert sum(truck.values()) == pytest.approx(1)
    assert truck["truck"] > 0.9
    unknown = Rig()
    unknown.drive(2, classes=4)
    types = unknown.builder.close("shutdown")[0].types
    assert types["vehicle"] > 0.6
    assert types["car"] == types["truck"] == types["bus"] == types["motorcycle"]


def test_types_are_the_mean_of_what_was_seen_over_the_track() -> None:
    rig = Rig()
    edge = rig.drive(1, classes=0)
    rig.drive(3, x=edge, classes=3)
    closed = rig.builder.close("shutdown")[0]
    assert closed.types["truck"] == pytest.approx(3 * closed.types["car"], rel=0.05)
    so_far = [record.types["truck"] for record in rig.records]
    assert so_far == sorted(so_far), "a mean that each record brings up to date"
    assert so_far[0] < 0.1 < so_far[-1] < closed.types["truck"]


TELLERS = {"type": ("one", "1" * 16), "colour": ("two", "2" * 16), "orientation": ("two", "2" * 16)}


class TestAttributes:
    """What networks tell of the pictures, and what becomes of it in the records."""

    @staticmethod
    def rig(**how: Any) -> Rig:
        rig = Rig(embeds=False, **how)
        rig.builder = TrackletBuilder("harbour", rig.camera, rig.settings, rig.models, TELLERS)
        return rig

    @staticmethod
    def tell(rig: Rig, attribute: str, *rows: list[float]) -> None:
        """The latest crop's share of what a network says."""
        crop = rig.crops[-1]
        for row in rows:
            rig.builder.embedded([crop], {"one": _unit(0)[None]})
            assert rig.builder.told([crop], {attribute: np.array([row], np.float32)}) == 0

    def test_records_carry_means_and_who_told_them(self) -> None:
        rig = self.rig()
        rig.drive(0.3)
        self.tell(rig, "colour", [0.5, 0.1, *[0.0] * 9], [0.3, 0.3, *[0.0] * 9])
        self.tell(rig, "orientation", [1.0, *[0.0] * 7])
        (opened,) = rig.builder.records(rig.now)
        assert opened.attributes == {"colour": (pytest.approx(0.4), pytest.approx(0.2), *[0.0] * 9)}
        assert opened.orientation == (1.0, *[0.0] * 7)
        assert opened.attribute_models == {name: TELLERS[name] for name in ("colour", "orientation")}
        assert decode_record(encode_record(opened)) == opened

    def test_updates_leave_out_what_has_not_changed_and_the_last_record_has_everything(self) -> None:
        rig = self.rig()
        rig.drive(0.3)
        self.tell(rig, "colour", [1.0, *[0.0] * 10])
        rig.drive(2, x=110)
        updates = [record for record in rig.records if record.state == "updated"]
        assert updates
        assert all(not record.attributes and not record.attribute_models for record in updates)
        (closed,) = rig.builder.close("shutdown")
        assert closed.attributes == {"colour": (1.0, *[0.0] * 10)}
        assert closed.attribute_models == {"colour": TELLERS["colour"]}

    @pytest.mark.parametrize(
        ("detector", "told", "likely"),
        [
            (4, [0.0, 0.0, 1.0, 0.0], {"bus": (0.4, 0.9)}),  # a detector that knows no types
            (3, [0.0, 0.0, 0.0, 1.0], {"truck": (0.9, 1.0)}),
            (3, [0.0, 0.0, 1.0, 0.0], {"truck": (0.4, 0.5), "bus": (0.4, 0.5)}),  # they disagree
            (3, [0.0, 0.0, 0.0, 0.0], {"truck": (0.9, 1.0)}),  # the network knows nothing
        ],
    )
    def test_types_are_told_by_detector_and_network_alike(
        self, detector: int, told: list[float], likely: dict[str, tuple[float, float]]
    ) -> None:
        rig = self.rig()
        rig.drive(2, classes=detector)
        self.tell(rig, "type", told, told)
        (closed,) = rig.builder.close("shutdown")
        assert sum(closed.types.values()) == pytest.approx(1)
        for name, (least, most) in likely.items():
            assert least <= closed.types[name] <= most
        assert closed.attributes == {"type": tuple(told)}

    def test_rows_that_cannot_be_used_are_counted(self) -> None:
        rig = self.rig()
        rig.drive(0.3)
        (crop,) = rig.crops
        assert rig.builder.told([crop], {"type": np.full((1, 4), np.nan, np.float32)}) == 1
        (closed,) = rig.builder.close("shutdown")
        assert (closed.attributes, closed.attribute_models) == ({}, {})
        assert rig.builder.told([crop], {"type": np.ones((1, 4), np.float32)}) == 1

    def test_wrong_use_is_refused(self) -> None:
        rig = self.rig()
        rig.drive(0.3)
        with pytest.raises(ValueError, match="roof is told, but not by which model"):
            rig.builder.told(rig.crops, {"roof": np.zeros((1, 2), np.float32)})
        with pytest.raises(ValueError, match=r"type: \(2, 4\) for 1 crops"):
            rig.builder.told(rig.crops, {"type": np.zeros((2, 4), np.float32)})

    def test_without_embedders_pictures_are_looked_at_for_attributes_and_are_few(self) -> None:
        rig = self.rig(models=())
        for _ in range(60):
            _, observation = rig.step(detections([(100, 100, 200, 180)]))
            assert observation is not None
            rig.builder.told(observation.crops, {"type": np.full((len(observation.crops), 4), 0.25, np.float32)})
        assert len(rig.crops) == 1, "a vehicle that stands still is looked at once"


def test_what_cannot_be_afforded_comes_up_again() -> None:
    rig = Rig()
    boxes = [(50.0, 100.0, 130.0, 160.0), (250.0, 100.0, 330.0, 160.0), (450.0, 100.0, 530.0, 160.0)]
    asked: list[list[int]] = []
    put_off: list[int] = []
    for _ in range(8):
        frame = Frame("c1", rig.number, rig.now, rig.clock, rig.uncertainty, rig.image)
        observation = rig.builder.observe(rig.tracker.update(detections(boxes), rig.now), frame, Effort(crops=1))
        rows = np.stack([_unit(crop.track) for crop in observation.crops] or [_unit(0)])[: len(observation.crops)]
        rig.builder.embedded(observation.crops, {name: rows for name, _ in MODELS})
        asked.append([crop.track for crop in observation.crops])
        put_off.append(observation.put_off)
        rig.number += 1
    assert asked[2:5] == [[1], [2], [3]]
    assert put_off[2:5] == [2, 1, 0]


def test_a_stretched_interval_makes_looks_rarer_but_not_the_first() -> None:
    counts, firsts = [], []
    for stretch in (1.0, 4.0):
        rig = Rig()
        for number in range(50):
            tracks = rig.tracker.update(detections([(20 + 10 * number, 100, 100 + 10 * number, 160)]), rig.now)
            frame = Frame("c1", rig.number, rig.now, rig.clock, rig.uncertainty, rig.image)
            crops = rig.builder.observe(tracks, frame, Effort(interval=stretch)).crops
            if crops:
                firsts.append(number)
                rig.builder.embedded(crops, {name: np.stack([_unit(1)]) for name, _ in MODELS})
            rig.crops += crops
            rig.number += 1
        counts.append(len(rig.crops))
    assert firsts[0] == firsts[counts[0]]
    assert counts[1] <= counts[0] / 2


def test_zones_and_heading() -> None:
    rig = Rig(camera=CameraSettings(id="c1", zones={**ZONES, "east": ((400, 0), (640, 0), (640, 479), (400, 479))}))
    rig.drive(4, x=20)
    (closed,) = rig.builder.close("stream_ended")
    assert (closed.entry_zone, closed.exit_zone) == ("west", "east")
    assert closed.heading == pytest.approx(0, abs=2)


@pytest.mark.parametrize(("x", "zones", "reason"), [(450, {}, "left"), (250, {}, "lost"), (20, ZONES, "left")])
def test_why_a_vehicle_is_gone(x: float, zones: dict[str, tuple[tuple[float, float], ...]], reason: str) -> None:
    rig = Rig(camera=CameraSettings(id="c1", zones=zones))
    rig.drive(0.6, x=x, speed=100 if x == 450 else 0)
    rig.nothing(2.5)
    assert rig.records[-1].close_reason == reason


def test_closing_closes_everything() -> None:
    rig = Rig(embeds=False)
    two = detections([[100, 200, 220, 280], [300, 200, 420, 280]])
    for _ in range(4):
        rig.step(two)
    assert not rig.records, "confirmed, but waiting for an embedding"
    records = rig.builder.close("stream_cut")
    assert [(record.state, record.revision, record.close_reason) for record in records] == [("closed", 0, "stream_cut")] * 2
    assert rig.builder.close("stream_cut") == []
    assert rig.builder.records(rig.now) == []


def test_progress_waits_for_what_may_still_be_reported() -> None:
    rig = Rig(embeds=False)
    rig.nothing(0.5)
    assert rig.builder.progress(rig.now) == Progress("harbour", "c1", rig.now)
    first = rig.now
    rig.step(detections([[100, 200, 220, 280]]))
    assert rig.builder.progress(rig.now).complete_to == first, "it may be confirmed"
    rig.drive(0.2, speed=0)
    assert rig.builder.progress(rig.now).complete_to == first, "it is confirmed, but not opened"
    rig.drive(0.6, speed=0)
    assert [record.state for record in rig.records] == ["opened"]
    assert rig.builder.progress(rig.now).complete_to == rig.now


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_opened_before_what_was_promised(seed: int) -> None:
    random = np.random.default_rng(seed)
    rig = Rig(embeds=bool(seed % 2), fps=float(random.choice([5, 10, 25])))
    lanes = [[40.0, 40 + 100 * lane, 130, 100 + 100 * lane] for lane in range(4)]
    promised, known = START, set()
    for _ in range(200):
        boxes = [box for box in lanes if random.random() < 0.6]
        records, _ = rig.step(detections(boxes, random.choice([0.3, 0.9], len(boxes))))
        for record in records:
            if record.tracklet not in known:
                assert record.start >= promised
                known.add(record.tracklet)
        progress = rig.builder.progress(rig.now).complete_to
        assert progress >= promised, "it never goes back"
        promised = progress
    assert len(known) > 3


def test_end_of_stream_is_said() -> None:
    rig = Rig()
    rig.drive(0.2)
    rig.builder.close("stream_ended")
    assert rig.builder.progress(rig.now, end_of_stream=True) == Progress("harbour", "c1", rig.now, end_of_stream=True)


def test_clocks_add_their_uncertainty_and_the_worst_counts() -> None:
    rig = Rig(camera=CameraSettings(id="c1", clock=ClockSettings(uncertainty=0.04)))
    rig.drive(0.5)
    rig.clock, rig.uncertainty = ClockSource.ARRIVAL, 0.3
    x = rig.drive(0.2, x=150)
    rig.clock, rig.uncertainty = ClockSource.RTCP, 0.03
    rig.drive(0.3, x=x)
    assert rig.records[0].clock.source is ClockSource.RTCP
    assert rig.records[0].clock.uncertainty == pytest.approx(0.05)
    (closed,) = rig.builder.close("shutdown")
    assert closed.clock.source is ClockSource.ARRIVAL
    assert closed.clock.uncertainty == pytest.approx(np.hypot(0.3, 0.04))


def test_a_track_whose_end_was_told_in_a_failed_frame_is_closed_all_the_same() -> None:
    rig = Rig()
    rig.drive(1.0)
    for _ in range(25):
        rig.step(Detections.empty(), failing=True)
    assert len(rig.tracker) == 0
    rig.step(Detections.empty())
    assert rig.records[-1].state == "closed"


def test_a_fragment_goes_on_in_the_tracklet_of_its_vehicle() -> None:
    """Two seconds unseen, where a lost track would be given up after half a second: one opening, one path, one closing."""
    settings = TrackingSettings(confirm_hits=3, max_lost=0.5, max_hidden=0, rejoin=RejoinSettings(by_motion_alone=True))
    rig = Rig(
        settings=settings, camera=CameraSettings(id="c1", zones={**ZONES, "east": ((400, 0), (640, 0), (640, 479), (400, 479))})
    )
    x = rig.drive(2.0, x=20)
    rig.nothing(2.0)
    assert rig.records[-1].state == "updated", "it may still go on"
    assert len(rig.builder) == 1
    again = rig.now
    rig.drive(1.0, x=x + 200)
    rig.nothing(4.5)
    assert {record.tracklet for record in rig.records} == {f"c1-{START}-1"}
    assert [record.state for record in rig.records] == ["opened", *["updated"] * (len(rig.records) - 2), "closed"]
    assert [record.revision for record in rig.records] == list(range(len(rig.records)))
    closed = rig.records[-1]
    assert closed.sightings == 30, "those before its fragment was known for it included"
    assert (closed.start, closed.end) == (START, again + to_instant(0.9))
    assert (closed.entry_zone, closed.exit_zone) == ("west", "east")
    times = [point.at for point in closed.path]
    assert times == sorted(set(times))
    assert not any(START + to_instant(1.9) < at < again for at in times), "nothing is made up"
    assert again in times
    assert closed.heading == pytest.approx(0, abs=2)
    assert closed.end - times[-1] < to_instant(0.25)


def test_progress_waits_for_a_fragment_that_is_not_known_yet() -> None:
    """So that its first sightings come before the camera's promise has passed them."""
    settings = TrackingSettings(confirm_hits=3, max_lost=0.5, rejoin=RejoinSettings(by_motion_alone=True))
    rig = Rig(settings=settings)
    x = rig.drive(2.0)
    rig.nothing(2.0)
    begun = rig.now
    rig.drive(0.2, x=x + 200)
    assert rig.builder.progress(rig.now).complete_to == begun
    rig.drive(0.1, x=x + 220)
    assert rig.builder.progress(rig.now).complete_to == rig.now


def test_embeddings_that_cannot_be_used_are_counted() -> None:
    rig = Rig(embeds=False)
    rig.drive(0.3)
    (crop,) = rig.crops
    assert rig.builder.embedded([crop], {"one": np.full((1, 8), np.nan, np.float32), "two": _unit(0)[None]}) == 1
    rig.builder.close("shutdown")
    assert rig.builder.embedded([crop], {"one": _unit(0)[None]}) == 1


def test_wrong_use_is_refused() -> None:
    rig = Rig(embeds=False)
    rig.drive(0.3)
    with pytest.raises(ValueError, match="none of one, two"):
        rig.builder.embedded(rig.crops, {"three": _unit(0)[None]})
    with pytest.raises(ValueError, match=r"one: \(2, 16\) for 1 crops"):
        rig.builder.embedded(rig.crops, {"one": np.stack([_unit(0)] * 2)})
    tracks = rig.tracker.update(Detections.empty(), rig.now)
    with pytest.raises(ValueError, match="with the frame of"):
        rig.builder.observe(tracks, Frame("c1", 0, rig.now + 1, ClockSource.FILE, 0.0, PICTURE))
