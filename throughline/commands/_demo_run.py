"""Runs the whole product on a scene, live, and keeps what it said."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from matcher.watermark import Watermark
from throughline.bus import open_bus
from throughline.bus.protocol import Bus
from throughline.commands._demo_scenes import Scene
from throughline.commands._demo_show import Show
from throughline.commands._exit import CommandError
from throughline.commands._product import Product
from throughline.messages import MatchEvent, Progress, Tracklet, decode_camera_status, decode_match_event, decode_record
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.telemetry.server import Readiness, TelemetryServer
from throughline.times import Instant, after, seconds_between, to_instant

__all__ = ["Recording", "RtspServerProcess", "record", "rtsp_server"]

_START_SECONDS = 90.0
_SETTLE_SECONDS = 2.0
"""After which the matcher's last events have come back from Kafka."""
_PATIENCE_SECONDS = 60.0
"""By how much longer than on a machine that keeps up with its cameras the last decisions are waited for."""
_LEAD_SECONDS = 8.0
"""How long before its footage begins the RTSP server starts: about as long as the product needs to be up."""
_LATE = to_instant(20.0)
"""Footage that has been playing for longer is watched from where it is, else to the end of its loop."""
_SLACK_SECONDS = 300.0
"""By how much longer than planned a demo at more than the usual speed may take before its cameras' clocks would be ahead."""


@dataclass(frozen=True, slots=True)
class RtspServerProcess:
    """The demo's cameras, served by a process of their own.

    Attributes:
        urls: By camera id.
        epochs: When the footage began, by the cameras' clocks, by camera id.
        started: When it was ready.
        zero: What the cameras' clocks showed then.
        speed: Seconds by their clocks that pass in a second.
    """

    urls: Mapping[str, str]
    epochs: Mapping[str, Instant]
    started: Instant
    zero: Instant
    speed: float

    def now(self) -> Instant:
        """What the cameras' clocks show."""
        return self.zero + round((to_instant(time.time()) - self.started) * self.speed)


@dataclass(slots=True)
class Recording:
    """What the product said about a scene.

    Attributes:
        start: Passages count from here on, and have to be over by ``end``.
        end: See ``start``.
        closed: Each tracklet's last revision, by id.
        events: All match events, in order.
        told: When each of them, by its id, had come back from Kafka, by the cameras' clocks.
        complete: Up to when the cameras have told everything, as the matcher reckons; 0 while they have told nothing.
        shots: Best shots of tracklets that were joined, JPEG by tracklet id.
        exposition: The metrics at the end.
        cpu_seconds: CPU time of the product's process between ``start`` and ``end``.
        wall_seconds: Time between ``start`` and ``end``.
    """

    start: Instant = 0
    end: Instant = 0
    closed: dict[str, Tracklet] = field(default_factory=dict)
    events: list[MatchEvent] = field(default_factory=list)
    told: dict[str, Instant] = field(default_factory=dict)
    complete: Instant = 0
    shots: dict[str, bytes] = field(default_factory=dict)
    exposition: bytes = b""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


@contextlib.asynccontextmanager
async def rtsp_server(scene: Scene, speed: float, seconds: float) -> AsyncIterator[RtspServerProcess]:
    """Serves the scene's footage on loopback while it is entered.

    Args:
        scene: What is shown.
        speed: How much faster than it happened.
        seconds: By the clock on the wall, for which it is going to be watched.

    Raises:
        CommandError: the server did not start.
    """
    arguments = [f"{name}={path}" for name, path in scene.footage.items()]
    for name, delay in scene.delays.items():
        arguments += ["--delay", f"{name}={delay + _LEAD_SECONDS * speed:g}"]
    if speed != 1.0:
        arguments += ["--speed", f"{speed:g}"]
    if speed > 1.0:  # nobody believes a camera that is ahead of the time: its clock begins far enough back
        back = (speed - 1.0) * (seconds + _SLACK_SECONDS)
        arguments += ["--zero", str(after(to_instant(time.time()), -back))]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulation.rtsp", "--port", "0", *arguments, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        line = await process.stdout.readline() if process.stdout is not None else b""
        if not line:
            raise CommandError("the demo's RTSP server did not start; its message stands above")
        told: dict[str, Any] = json.loads(line)
        cameras = told["cameras"]
        yield RtspServerProcess(
            {name: camera["url"] for name, camera in cameras.items()},
            {name: camera["epoch"] for name, camera in cameras.items()},
            told["started"],
            told["zero"],
            told["speed"],
        )
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def record(site: Site, server: RtspServerProcess, seconds: float, stop: asyncio.Event, show: Show) -> Recording:
    """Runs ``site`` for ``seconds`` and until what happened in them is decided, or until ``stop`` is set.

    Args:
        site: With addresses of running cameras.
        server: That serves them.
        seconds: Length of the part that counts, by the cameras' clocks; it begins with the footage, or when all cameras are live.
        stop: Ends it early.
        show: Is told what happens.
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
                    pictures: dict[str, str] = {}
                    readers = [
                        reading.create_task(_read_events(bus, site, server, recording, show)),
                        reading.create_task(_read_tracklets(bus, site, recording, show)),
                        reading.create_task(_read_statuses(bus, site, pictures, show)),
                    ]
                    await _observe(recording, readiness, site, server, seconds, stop, show)
                    await _keep_shots(recording, pictures)
                    for reader in readers:
                        reader.cancel()
        finally:
            ended.set()
            await running
    recording.exposition = metrics.exposition()
    return recording


async def _observe(
    recording: Recording,
    readiness: Readiness,
    site: Site,
    server: RtspServerProcess,
    seconds: float,
    stop: asyncio.Event,
    show: Show,
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while readiness.waiting and time.monotonic() < deadline and not stop.is_set():
        await _pause(0.1, stop)
    if readiness.waiting and not stop.is_set():
        raise CommandError(f"the product did not get ready: {readiness.waiting}")
    begins = min(server.epochs.values())
    recording.start = max(server.now(), begins)
    end = after(recording.start if recording.start - begins > _LATE else begins, seconds)
    watching = seconds_between(server.now(), end) / server.speed
    show.phase("Watching: matches with their reasons come as they are decided", watching)
    settling = site.matching.confirm_after + site.matching.lateness + site.tracking.closed_after
    wall, cpu = time.monotonic(), time.process_time()
    await _pause(watching, stop)
    recording.end = server.now()
    recording.wall_seconds = time.monotonic() - wall
    recording.cpu_seconds = time.process_time() - cpu
    if not stop.is_set():
        left = settling / server.speed + _SETTLE_SECONDS
        show.phase("Waiting until the last matches are confirmed", left)
        deadline = time.monotonic() + left + _PATIENCE_SECONDS
        while recording.complete < after(recording.end, settling) and time.monotonic() < deadline and not stop.is_set():
            await _pause(0.2, stop)
        await _pause(_SETTLE_SECONDS, stop)
    recording.end = min(recording.end, after(server.now(), -settling))


async def _read_events(bus: Bus, site: Site, server: RtspServerProcess, recording: Recording, show: Show) -> None:
    async for value in _values(bus, site.kafka.topic("matches")):
        event = decode_match_event(value)
        recording.events.append(event)
        recording.told[event.event] = server.now()
        show.event(event)


async def _read_tracklets(bus: Bus, site: Site, recording: Recording, show: Show) -> None:
    watermark = Watermark(site.matching.lateness)
    async for value in _values(bus, site.kafka.topic("tracklets")):
        said = decode_record(value)
        if isinstance(said, Tracklet):
            show.tracklet(said)
            if said.state == "closed":
                recording.closed[said.tracklet] = said
        elif isinstance(said, Progress):
            recording.complete = watermark.advance(said) or 0


async def _read_statuses(bus: Bus, site: Site, pictures: dict[str, str], show: Show) -> None:
    async for value in _values(bus, site.kafka.topic("cameras")):
        status = decode_camera_status(value)
        show.camera(status)
        if status.media_url is not None:
            pictures[status.camera] = status.media_url


async def _values(bus: Bus, topic: str) -> AsyncIterator[bytes]:
    """What stands on a topic and what comes, for as long as somebody reads."""
    consumer = await bus.consumer([topic], None)
    try:
        async for batch in consumer.records():
            for item in batch:
                if item.value is not None:
                    yield item.value
    finally:
        await consumer.stop()


async def _keep_shots(recording: Recording, pictures: Mapping[str, str]) -> None:
    """Fetches the best shots of what was joined, as long as somebody has them."""
    joined = [event.joined for event in recording.events if event.joined is not None]
    joining = [event.tracklet for event in recording.events if event.joined is not None]
    shots = {tracklet.tracklet: tracklet for tracklet in (*joined, *joining) if tracklet.best_shot is not None}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as session:
        for name, tracklet in shots.items():
            closed = recording.closed.get(name)
            best = tracklet.best_shot if closed is None or closed.best_shot is None else closed.best_shot.path
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, KeyError):
                async with session.get(f"{pictures[tracklet.camera]}/{best}") as answer:
                    if answer.status == 200:
                        recording.shots[name] = await answer.read()


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), max(0.0, seconds))
