"""From frames of one camera to its records: what the tracker is shown, what is counted, and what goes on in spite of faults."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from inference.batcher import InferenceWorkers
from inference.embedder import Description
from inference.models import Models
from streams.analysis import CameraAnalysis
from streams.crop_budget import CropBudget
from streams.media import Media
from streams.pressure import Pressure
from tests.support.cameras import value
from tests.support.tracking import detections
from throughline.messages import Tracklet
from throughline.settings import Site
from throughline.settings.pressure import PressureSettings, PressureStep
from throughline.telemetry.metrics import Metrics
from throughline.times import to_instant
from throughline.types import ClockSource, Detections, FloatArray, Frame, Pixels, host_image

SIZE = (640, 480)
RED, BLUE, GREEN = (40, 40, 220), (220, 40, 40), (40, 220, 40)
Vehicle = tuple[float, float, float, float, tuple[int, int, int]]


class ScriptedDetector:
    """Sees what it is told to."""

    name = "scripted"
    hash = "0" * 16

    def __init__(self) -> None:
        self.sees = Detections.empty()

    async def detect(self, frame: Frame) -> Detections:
        return self.sees

    def close(self) -> None:
        """Holds nothing."""


class CountingEmbedder:
    """Mean colour of the crop, as a unit vector; remembers what it was asked, and fails when it is told to."""

    name = "mean-colour"
    hash = "1" * 16
    dimension = 3

    def __init__(self) -> None:
        self.asked: list[list[tuple[int, ...]]] = []
        self.failing = False

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        self.asked.append([crop.shape[:2] for crop in crops])
        if self.failing:
            raise RuntimeError("out of memory")
        means = np.stack([host_image(crop).reshape(-1, 3).mean(axis=0) for crop in crops]).astype(np.float32)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)

    def close(self) -> None:
        """Holds nothing."""


class TellingEmbedder(CountingEmbedder):
    """Tells types, too: buses, and for red pictures nothing that can be used."""

    attributes = ("type",)

    async def describe(self, crops: Sequence[Pixels], *, camera: str = "") -> Description:
        rows = [[0, 0, 1, 0] if host_image(crop)[..., 2].mean() < 100 else [np.nan] * 4 for crop in crops]
        return Description(await self.embed(crops, camera=camera), {"type": np.array(rows, np.float32)})


@dataclass
class Rig:
    """The analysis of one camera, fed frame by frame with pictures of coloured vehicles."""

    tracking: dict[str, Any] = field(default_factory=dict)
    camera: dict[str, Any] = field(default_factory=dict)
    embeds: bool = True
    embedder: CountingEmbedder = field(default_factory=lambda: CountingEmbedder())
    pressure: Pressure | None = None
    budget: CropBudget | None = None

    def __post_init__(self) -> None:
        self.metrics = Metrics()
        self.detector = ScriptedDetector()
        self.workers = InferenceWorkers(1, self.metrics)
        site = Site.model_validate({"site": "harbour", "tracking": self.tracking, "cameras": [{"id": "c01", **self.camera}]})
        embedders = ((self.embedder, 1.0),) if self.embeds else ()
        models = Models(self.detector, embedders, (), self.workers, attributes=("type", "colour"))
        self.analysis = CameraAnalysis(
            site, site.cameras[0], models, self.metrics, Media(5, self.metrics), None, self.pressure, self.budget
        )
        self.number = 0
        self.records: list[Tracklet] = []

    async def show(
        self, *vehicles: Vehicle, scores: object = 0.9, seen: Detections | None = None, size: tuple[int, int] = SIZE
    ) -> list[Tracklet]:
        """One frame, a tenth of a second after the one before."""
        image = np.full((size[1], size[0], 3), 128, np.uint8)
        for x1, y1, x2, y2, colour in vehicles:
            image[round(y1) : round(y2), round(x1) : round(x2)] = colour
        self.detector.sees = detections([vehicle[:4] for vehicle in vehicles], scores) if seen is None else seen
        captured = to_instant(self.number / 10)
        records = await self.analysis.analyse(Frame("c01", self.number, captured, ClockSource.RTCP, 0.0, image))
        self.number += 1
        self.records += records
        return records

    def count(self, name: str, **labels: str) -> float:
        return value(self.metrics, name, camera="c01", **labels)


@pytest.fixture
def make_rig() -> Any:
    rigs: list[Rig] = []

    def make(**how: Any) -> Rig:
        rigs.append(Rig(**how))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.workers.close()


LOOKS = {"appearance": {"enabled": True}, "exemplars": 0, "max_embeddings": 1}


class TestLooks:
    """With the tracker's appearance on, detections are looked at before they are tracked."""

    async def test_by_default_only_tracks_are_embedded(self, make_rig: Any) -> None:
        rig = make_rig()
        await rig.show((100, 100, 160, 140, RED))
        assert rig.embedder.asked == []

    async def test_sure_and_large_detections_are_looked_at_together(self, make_rig: Any) -> None:
        """One is not sure, one not high enough, one not wide enough."""
        rig = make_rig(tracking={**LOOKS, "high_confidence": 0.5, "min_box": 20})
        places = [(100, 100, 160, 140), (200, 100, 250, 130), (300, 100, 360, 140), (400, 100, 460, 119), (500, 100, 507, 140)]
        await rig.show(*[(*place, RED) for place in places], scores=[0.9, 0.5, 0.49, 0.9, 0.9])
        assert rig.embedder.asked == [[(40, 60), (30, 50)]]

    async def test_where_none_is_sure_and_large_nothing_is_asked(self, make_rig: Any) -> None:
        rig = make_rig(tracking=LOOKS)
        await rig.show((100, 100, 160, 140, RED), scores=0.2)
        await rig.show()
        assert rig.embedder.asked == []
        assert rig.analysis.analysed == 2

    async def test_boxes_that_are_none_do_no_harm(self, make_rig: Any) -> None:
        rig = make_rig(tracking=LOOKS)
        bad = [
            [np.nan, 100, 160, 140],
            [100, 100, np.inf, 140],
            [-np.inf, 100, np.inf, 140],
            [np.inf, 100, np.inf, 140],
            [1e30, 100, 2e30, 140],
            [700, 500, 900, 700],
        ]
        seen = detections(np.array([*bad, [100, 100, 160, 140]], np.float32))
        for _ in range(2):
            await rig.show((100, 100, 160, 140, RED), seen=seen)
        assert rig.embedder.asked[0] == [(40, 60)]
        assert rig.count("detections_dropped_total", reason="invalid") == 2 * len(bad)
        assert rig.analysis.analysed == 2

    async def test_hold_vehicles_together_that_changed_places_unseen(self, make_rig: Any) -> None:
        kept = {}
        for name, tracking in (("places", {"exemplars": 0}), ("looks", LOOKS)):
            rig = make_rig(tracking=tracking)
            for _ in range(15):
                await rig.show((100, 100, 160, 140, RED), (145, 100, 205, 140, GREEN), scores=[0.9, 0.8])
            for _ in range(10):
                await rig.show()
            for _ in range(2):
                await rig.show((100, 100, 160, 140, GREEN), (145, 100, 205, 140, RED), scores=[0.9, 0.8])
            kept[name] = {record.tracklet.rsplit("-", 1)[1]: record.path[-1].x for record in rig.analysis.close("shutdown")}
        assert kept == {"places": {"1": 100, "2": 145}, "looks": {"1": 145, "2": 100}}

    async def test_without_embedders_places_do(self, make_rig: Any) -> None:
        rig = make_rig(tracking=LOOKS, embeds=False)
        for _ in range(3):
            await rig.show((100, 100, 160, 140, RED))
        assert [record.state for record in rig.records] == ["opened"]

    async def test_an_embedder_that_fails_is_complained_of_once_and_tracking_goes_on(self, make_rig: Any) -> None:
        rig = make_rig(tracking=LOOKS)
        rig.embedder.failing = True
        with capture_logs() as logs:
            for number in range(12):
                await rig.show((100 + 3 * number, 100, 160 + 3 * number, 140, RED))
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["mean-colour failed"]
        assert rig.analysis.analysed == 12
        assert rig.count("frames_analysed_total") == 12
        assert {record.tracklet for record in rig.records} == {"c01-0-1"}
        rig.embedder.failing = False
        for number in range(12, 16):
            await rig.show((100 + 3 * number, 100, 160 + 3 * number, 140, RED))
        (closed,) = rig.analysis.close("shutdown")
        assert (closed.tracklet, closed.sightings) == ("c01-0-1", 16)


class TestEffort:
    """What is described, and what is left for later."""

    async def test_a_budget_lets_vehicles_wait_for_their_turn(self, make_rig: Any) -> None:
        rig = make_rig(budget=CropBudget(2.0, 1))
        vehicles = [(20 + 100 * number, 100, 80 + 100 * number, 140, RED) for number in range(6)]
        for _ in range(30):
            await rig.show(*vehicles)
        asked = [len(crops) for crops in rig.embedder.asked]
        assert sum(asked) == 6
        assert asked[0] == 2, "what a second brings"
        assert max(asked[1:]) == 1
        assert rig.count("crops_described_total") == 6
        assert rig.count("crops_put_off_total") > 6
        closed = rig.analysis.close("shutdown")
        assert [len(record.embeddings) for record in closed] == [1] * 6

    async def test_under_pressure_vehicles_are_looked_at_again_less_often(self, make_rig: Any) -> None:
        counts = []
        for stretch in (1.0, 4.0):
            metrics = Metrics()
            settings = PressureSettings(steps=(PressureStep(name="fewer", embed_interval=stretch),), over=1.0)
            pressure = Pressure("harbour", settings, metrics, itertools.count(0.0).__next__)
            for _ in range(10):
                pressure.missed(1)
            rig = make_rig(pressure=pressure)
            for number in range(50):
                await rig.show((20 + 10 * number, 100, 80 + 10 * number, 140, RED))
            counts.append(rig.count("crops_described_total"))
        assert counts[0] >= 2 * counts[1] >= 4


async def test_what_heads_tell_goes_into_the_record(make_rig: Any) -> None:
    rig = make_rig(embedder=TellingEmbedder())
    for _ in range(10):
        await rig.show((100, 100, 160, 140, BLUE), (300, 100, 360, 140, RED))
    bus, unknown = rig.analysis.close("shutdown")
    assert bus.attributes == {"type": (0, 0, 1, 0)}
    assert bus.attribute_models == {"type": ("mean-colour", "1" * 16)}
    assert bus.types["bus"] > unknown.types["bus"]
    assert unknown.attributes == unknown.attribute_models == {}
    assert len(unknown.embeddings) == 1
    assert value(rig.metrics, "inference_failures_total", model="mean-colour") == 1


async def test_what_becomes_of_tracks_is_counted(make_rig: Any) -> None:
    rig = make_rig(tracking={"max_lost": 0.5, "max_hidden": 0})
    vehicle = (100, 100, 160, 140, RED)
    for script in "xxx-xx------":
        await rig.show(*([vehicle] if script == "x" else []))
    await rig.show((400, 300, 460, 340, BLUE))  # seen once
    counted = {
        event: rig.count("track_events_total", event=event) for event in ("started", "confirmed", "lost", "found", "ended")
    }
    assert counted == {"started": 2, "confirmed": 1, "lost": 2, "found": 1, "ended": 1}


async def test_ids_are_never_used_again_when_tracks_are_cut(make_rig: Any) -> None:
    """Neither after the footage was cut, nor when the picture changes its size."""
    rig = make_rig()
    vehicle = (100, 100, 160, 140, RED)
    for _ in range(3):
        await rig.show(vehicle)
    cut = rig.analysis.close("stream_cut")
    for _ in range(3):
        await rig.show(vehicle)
    for _ in range(3):
        await rig.show(vehicle, size=(320, 240))
    closed = [record for record in [*cut, *rig.records, *rig.analysis.close("shutdown")] if record.state == "closed"]
    assert [record.tracklet.rsplit("-", 1)[1] for record in closed] == ["1", "2", "3"]


async def test_a_frame_that_does_not_advance_is_counted_and_left_out(make_rig: Any) -> None:
    rig = make_rig()
    vehicle = (100, 100, 160, 140, RED)
    for _ in range(3):
        await rig.show(vehicle)
    for number in (2, 1):  # time stands still, and goes back
        rig.number = number
        assert await rig.show(vehicle) == []
    rig.number = 3
    await rig.show(vehicle)
    assert rig.count("frames_dropped_total", reason="clock") == 2
    assert rig.analysis.analysed == 4
    (closed,) = rig.analysis.close("shutdown")
    assert closed.sightings == 4


async def test_cameras_have_gates_of_their_own(make_rig: Any) -> None:
    for camera, dropped in (({}, 0), ({"min_confidence": 0.7}, 1)):
        rig = make_rig(camera=camera)
        await rig.show((100, 100, 160, 140, RED), scores=0.65)
        assert rig.count("detections_dropped_total", reason="confidence") == dropped


async def test_a_fragment_goes_on_as_one_tracklet(make_rig: Any) -> None:
    """It is hidden for two seconds while its track would be given up after half a second, and looks the same afterwards."""
    rig = make_rig(tracking={**LOOKS, "max_lost": 0.5})
    for number in range(60):
        hidden = 20 <= number < 40
        x = 50 + 8 * number
        await rig.show(*([] if hidden else [(x, 200, x + 80, 250, RED)]))
    assert {record.tracklet for record in rig.records} == {"c01-0-1"}
    assert [record.state for record in rig.records].count("opened") == 1
    (closed,) = rig.analysis.close("shutdown")
    assert (closed.tracklet, closed.sightings) == ("c01-0-1", 40)
    assert rig.count("track_events_total", event="found") == 1
