from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from inference.batcher import InferenceWorkers
from inference.models import Models
from streams.fleet import Fleet
from tests.support.cameras import until, value
from tests.support.vehicles import ColourEmbedder, RedCarDetector
from throughline.bus.memory import MemoryBus
from throughline.messages import MatcherRecord, Progress, Tracklet, decode_record
from throughline.settings import Site, StreamSettings
from throughline.settings.pressure import PressureSettings
from throughline.telemetry.metrics import Metrics
from throughline.types import Detections, Frame

MakeFleet = Callable[..., Fleet]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    bus = MemoryBus()
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
def make_fleet(settings: StreamSettings, metrics: Metrics, bus: MemoryBus) -> MakeFleet:
    def make(*cameras: dict[str, Any]) -> Fleet:
        site = Site.model_validate({"site": "harbour", "streams": settings, "cameras": cameras})
        models = Models(RedCarDetector(), ((ColourEmbedder(), 1.0),), (), InferenceWorkers(1, metrics))
        return Fleet(site, bus, models, metrics)

    return make


def records(bus: MemoryBus) -> list[MatcherRecord]:
    return [decode_record(record.value or b"") for record in bus.log("throughline.tracklets")]


def ends_of_stream(bus: MemoryBus) -> set[str]:
    return {record.camera for record in records(bus) if isinstance(record, Progress) and record.end_of_stream}


def best_shots(bus: MemoryBus) -> list[str]:
    return [record.best_shot.path for record in records(bus) if isinstance(record, Tracklet) and record.best_shot]


async def test_it_ends_when_all_footage_is_over(clip: Path, make_fleet: MakeFleet, bus: MemoryBus) -> None:
    files = [{"id": f"c{number:02}", "url": str(clip), "realtime": False} for number in (1, 2)]
    fleet = make_fleet(*files, {"id": "c03"})  # a camera of recorded tracks has nothing to stream
    ready = [fleet.ready]
    await asyncio.wait_for(fleet.run(asyncio.Event()), 60)
    assert [*ready, fleet.ready] == [False, True]
    assert ends_of_stream(bus) == {"c01", "c02"}
    starts = {record.start for record in records(bus) if isinstance(record, Tracklet)}
    assert len(starts) == 1  # both recordings begin at the same instant


@pytest.mark.parametrize("realtime", [True, False])
async def test_only_live_cameras_give_way_under_pressure(
    clip: Path, settings: StreamSettings, metrics: Metrics, bus: MemoryBus, realtime: bool
) -> None:
    """The detector takes a third of a second for each of ten frames a second; a recording that is not played live waits."""

    class Slow(RedCarDetector):
        async def detect(self, frame: Frame) -> Detections:
            await asyncio.sleep(0.3 if realtime else 0.02)
            return await super().detect(frame)

    pressure = PressureSettings(over=0.1, slow=0.01)
    streams = settings.model_copy(update={"pressure": pressure})
    camera = {"id": "c01", "url": str(clip), "realtime": realtime}
    site = Site.model_validate({"site": "harbour", "streams": streams, "cameras": [camera]})
    fleet = Fleet(site, bus, Models(Slow(), ((ColourEmbedder(), 1.0),), (), InferenceWorkers(1, metrics)), metrics)
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop))
    if realtime:
        taken = {"site": "harbour", "step": "fewer-looks", "change": "taken"}
        await until(lambda: value(metrics, "pressure_changes_total", **taken) == 1)
        stop.set()
    await asyncio.wait_for(running, 60)
    assert (value(metrics, "pressure_step", site="harbour", step="none") == 0) == realtime


async def test_cameras_that_fail_stop_nobody(clip: Path, make_fleet: MakeFleet, metrics: Metrics, bus: MemoryBus) -> None:
    fleet = make_fleet(
        {"id": "c01", "url": "/nowhere/clip.mp4"},
        {"id": "c02", "url": "webcam:none"},  # cannot even be described: its worker crashes every time
        {"id": "c03", "url": str(clip), "realtime": False},
    )
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop))
    await until(lambda: ends_of_stream(bus) == {"c03"})
    await until(lambda: value(metrics, "camera_worker_restarts_total", camera="c02") >= 3)
    await until(lambda: value(metrics, "camera_reconnects_total", camera="c01", reason="not_found") >= 3)
    await until(lambda: fleet.ready)

    def error_of(camera: str) -> str:
        return next((status.error or "" for status in fleet.statuses() if status.camera == camera), "")

    assert error_of("c01") == "/nowhere/clip.mp4 does not exist"
    await until(lambda: "is written webcam:0" in error_of("c02"))
    assert value(metrics, "camera_worker_restarts_total", camera="c01") == 0
    stop.set()
    await asyncio.wait_for(running, 30)


async def test_pictures_are_served_where_status_and_tracklets_say(clip: Path, make_fleet: MakeFleet, bus: MemoryBus) -> None:
    fleet = make_fleet({"id": "c01", "url": str(clip), "loop": True})
    stop = asyncio.Event()
    running = asyncio.create_task(fleet.run(stop))
    await until(lambda: fleet.statuses() and fleet.statuses()[0].analysed_fps > 0)
    (status,) = fleet.statuses()
    assert status.media_url == fleet.media_url
    await until(lambda: best_shots(bus))
    async with aiohttp.ClientSession() as session:
        for path in ("preview/c01.jpg", best_shots(bus)[0]):
            async with session.get(f"{status.media_url}/{path}") as response:
                assert response.status == 200
                assert (await response.read())[:2] == b"\xff\xd8"
    stop.set()
    await asyncio.wait_for(running, 30)
