"""Runs the whole product on a scene, live, and keeps what it said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from throughline.bus import open_bus
from throughline.bus.protocol import Bus
from throughline.commands._demo_scenes import Scene
from throughline.commands._exit import CommandError
from throughline.commands._product import Product
from throughline.messages import MatchEvent, Tracklet, decode_match_event, decode_record
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.telemetry.server import Readiness, TelemetryServer
from throughline.times import Instant, after, to_instant

__all__ = ["Recording", "RtspServerProcess", "record", "rtsp_server"]

_START_SECONDS = 60.0
_SETTLE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class RtspServerProcess:
    """The demo's cameras, served by a process of their own.

    Attributes:
        urls: By camera id.
        epochs: When the footage began, by camera id.
    """

    urls: Mapping[str, str]
    epochs: Mapping[str, Instant]


@dataclass(slots=True)
class Recording:
    """What the product said about a scene.

    Attributes:
        start: Passages count from here on, and have to be over by ``end``.
        end: See ``start``.
        closed: Each tracklet's last revision, by id.
        events: All match events, in order.
        exposition: The metrics at the end.
        cpu_seconds: CPU time of the product's process between ``start`` and ``end``.
        wall_seconds: Time between ``start`` and ``end``.
    """

    start: Instant = 0
    end: Instant = 0
    closed: dict[str, Tracklet] = field(default_factory=dict)
    events: list[MatchEvent] = field(default_factory=list)
    exposition: bytes = b""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


@contextlib.asynccontextmanager
async def rtsp_server(scene: Scene) -> AsyncIterator[RtspServerProcess]:
    """Serves the scene's footage on loopback while it is entered.

    Raises:
        CommandError: the server did not start.
    """
    arguments = [f"{name}={path}" for name, path in scene.footage.items()]
    for name, delay in scene.delays.items():
        arguments += ["--delay", f"{name}={delay:g}"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulation.rtsp", "--port", "0", *arguments, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        line = await process.stdout.readline() if process.stdout is not None else b""
        if not line:
            raise CommandError("the demo's RTSP server did not start; its message stands above")
        cameras: dict[str, Any] = json.loads(line)["cameras"]
        yield RtspServerProcess(
            {name: camera["url"] for name, camera in cameras.items()}, {name: camera["epoch"] for name, camera in cameras.items()}
        )
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def record(
    site: Site, seconds: float, stop: asyncio.Event, show: Callable[[MatchEvent], None], say: Callable[[str], None]
) -> Recording:
    """Runs ``site`` for ``seconds`` and until what happened in them is decided, or until ``stop`` is set.

    Args:
        site: With addresses of running cameras.
        seconds: Length of the part that counts.
        stop: Ends it early.
        show: Called with each match event as it is read from Kafka.
        say: Called with news for the person at the screen.
    """
    recording, metrics, readiness = Recording(), Metrics(), Readiness()
    product = Product([site], metrics, readiness)
    ended = asyncio.Event()
    async with TelemetryServer(metrics, readiness, site.telemetry):
        running = asyncio.create_task(product.run(ended))
        try:
            starting = asyncio.create_task(product.started.wait())
            await asyncio.wait({starting, running}, return_when=asyncio.FIRST_COMPLETED)
            starting.cancel()
            if not running.done():
                async with open_bus(site.kafka, Metrics()) as bus, asyncio.TaskGroup() as reading:
                    readers = [
                        reading.create_task(_read_events(bus, site, recording, show)),
                        reading.create_task(_read_tracklets(bus, site, recording)),
                    ]
                    await _observe(recording, readiness, site, seconds, stop, say)
                    for reader in readers:
                        reader.cancel()
        finally:
            ended.set()
            await running
    recording.exposition = metrics.exposition()
    return recording


async def _observe(
    recording: Recording, readiness: Readiness, site: Site, seconds: float, stop: asyncio.Event, say: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while readiness.waiting and time.monotonic() < deadline and not stop.is_set():
        await _pause(0.1, stop)
    if readiness.waiting and not stop.is_set():
        raise CommandError(f"the product did not get ready: {readiness.waiting}")
    say(f"All cameras are live. Watching for {seconds:.0f} s ...")
    recording.start = to_instant(time.time())
    settling = site.matching.confirm_after + site.matching.lateness + site.tracking.closed_after
    wall, cpu = time.monotonic(), time.process_time()
    await _pause(seconds, stop)
    recording.end = to_instant(time.time())
    recording.wall_seconds = time.monotonic() - wall
    recording.cpu_seconds = time.process_time() - cpu
    if not stop.is_set():
        say("Waiting until the last matches are confirmed ...")
        await _pause(settling + _SETTLE_SECONDS, stop)
    recording.end = min(recording.end, after(to_instant(time.time()), -settling))


async def _read_events(bus: Bus, site: Site, recording: Recording, show: Callable[[MatchEvent], None]) -> None:
    consumer = await bus.consumer([site.kafka.topic("matches")], None)
    try:
        async for batch in consumer.records():
            for item in batch:
                if item.value is not None:
                    event = decode_match_event(item.value)
                    recording.events.append(event)
                    show(event)
    finally:
        await consumer.stop()


async def _read_tracklets(bus: Bus, site: Site, recording: Recording) -> None:
    consumer = await bus.consumer([site.kafka.topic("tracklets")], None)
    try:
        async for batch in consumer.records():
            for item in batch:
                said = decode_record(item.value or b"")
                if isinstance(said, Tracklet) and said.state == "closed":
                    recording.closed[said.tracklet] = said
    finally:
        await consumer.stop()


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
