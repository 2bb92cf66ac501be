"""The camera worker, end to end: from a clip over RTSP or from a file to records on a bus in memory."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from inference.batcher import InferenceWorkers
from inference.models import Models
from simulation.rtsp.camera import RtspCamera
from simulation.rtsp.server import RtspServer
from streams.media import Media
from streams.sources import FrameSource
from streams.worker import CameraWorker
from tests.support.cameras import ScriptedSource, picture, until, value
from tests.support.vehicles import ColourEmbedder, RedCarDetector
from throughline.bus.memory import MemoryBus
from throughline.bus.pipeline import Pipeline
from throughline.messages import CameraStatus, Progress, Tracklet, decode_camera_status, decode_record
from throughline.settings import CameraSettings, Site, StreamSettings, TrackingSettings
from throughline.telemetry.metrics import Metrics
from throughline.times import after, seconds_between
from throughline.types import ClockSource

STARTED = 1_700_000_000_000_000
FRAMES = 30


@dataclass
class Bench:
    """A worker with everything around it."""

    worker: CameraWorker
    bus: MemoryBus
    pipeline: Pipeline
    metrics: Metrics
    media: Media
    stop: asyncio.Event

    def value(self, name: str, **labels: str) -> float:
        return value(self.metrics, name, camera="c01", **labels)

    def records(self) -> list[Tracklet | Progress]:
        decoded = [decode_record(record.value or b"") for record in self.bus.log("throughline.tracklets")]
        return [record for record in decoded if isinstance(record, Tracklet | Progress)]

    def tracklets(self) -> list[Tracklet]:
        return [record for record in self.records() if isinstance(record, Tracklet)]

    def progress(self) -> list[Progress]:
        return [record for record in self.records() if isinstance(record, Progress)]

    def statuses(self) -> list[CameraStatus]:
        return [decode_camera_status(record.value or b"") for record in self.bus.log("throughline.cameras")]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Runs the worker, and stops it in the end."""
        task = asyncio.create_task(self.worker.run(self.stop))
        try:
            yield task
        finally:
            self.stop.set()
            await asyncio.wait_for(task, 30)
            await self.pipeline.flush()


MakeBench = Callable[..., Bench]


@pytest.fixture
async def make_bench(settings: StreamSettings) -> AsyncIterator[MakeBench]:
    async with contextlib.AsyncExitStack() as stack:
        metrics, bus = Metrics(), MemoryBus()
        workers = InferenceWorkers(1, metrics)
        stack.callback(workers.close)
        await bus.start()
        stack.push_async_callback(bus.stop)
        site_of = {"site": "harbour", "streams": settings, "tracking": TrackingSettings(max_lost=0.6, update_interval=0.3)}
        pipeline = Pipeline(bus, Site.model_validate({**site_of, "cameras": [{"id": "c01"}]}).kafka, metrics)
        await stack.enter_async_context(pipeline)

        def make(
            camera: CameraSettings,
            detector: RedCarDetector | None = None,
            embedder: ColourEmbedder | None = None,
            make_source: Callable[[], FrameSource] | None = None,
        ) -> Bench:
            site = Site.model_validate({**site_of, "cameras": [camera]})
            media = Media(settings.best_shots_kept, metrics)
            models = Models(detector or RedCarDetector(), ((embedder or ColourEmbedder(), 1.0),), (), workers)
            worker = CameraWorker(
                site,
                camera,
                models,
                pipeline,
                metrics,
                media,
                media_url="http://here",
                started=STARTED,
                make_source=make_source,
            )
            return Bench(worker, bus, pipeline, metrics, media, asyncio.Event())

        yield make


MakeCamera = Callable[..., CameraSettings]


class TestRecording:
    async def test_a_passage_becomes_one_tracklet(self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench) -> None:
        bench = make_bench(make_camera(clip, realtime=False))
        async with bench.running() as task:
            await asyncio.wait_for(task, 30)
        tracklets = bench.tracklets()
        assert len({tracklet.tracklet for tracklet in tracklets}) == 1
        assert [tracklet.state for tracklet in tracklets] == ["opened", *["updated"] * (len(tracklets) - 2), "closed"]
        assert [tracklet.revision for tracklet in tracklets] == list(range(len(tracklets)))
        last = tracklets[-1]
        assert last.close_reason == "stream_ended"
        assert last.sightings == FRAMES
        assert (last.start, last.end) == (STARTED, after(STARTED, 2.9))
        assert last.clock.source is ClockSource.FILE
        assert last.heading == pytest.approx(0.0, abs=2.0)
        (embedding,) = last.embeddings
        assert (embedding.model, embedding.hash, embedding.dimension) == ("mean-colour", "1" * 16, 3)
        assert last.best_shot is not None
        assert bench.media.shot(last.best_shot.path.removeprefix("shots/")) is not None
        assert bench.media.preview("c01") is not None
        for state in ("opened", "updated", "closed"):
            expected = sum(tracklet.state == state for tracklet in tracklets)
            assert bench.value("tracklets_total", state=state) == expected

    async def test_nothing_is_dropped_however_slow_the_analysis(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        class Slow(RedCarDetector):
            async def detect(self, frame):  # type: ignore[no-untyped-def]  # passes everything on
                await asyncio.sleep(0.02)
                return await super().detect(frame)

        bench = make_bench(make_camera(clip, realtime=False), Slow())
        async with bench.running() as task:
            await asyncio.wait_for(task, 30)
        assert bench.value("frames_decoded_total") == bench.value("frames_analysed_total") == FRAMES
        assert bench.value("detections_total") == FRAMES
        assert bench.value("capture_to_tracklet_seconds_count") == 0  # means nothing at another pace

    async def test_the_same_recording_gives_the_same_bytes(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        logs = []
        for _ in range(2):
            bench = make_bench(make_camera(clip, realtime=False))
            before = len(bench.bus.log("throughline.tracklets"))
            async with bench.running() as task:
                await asyncio.wait_for(task, 30)
            logs.append([record.value for record in bench.bus.log("throughline.tracklets")[before:]])
        assert len(logs[0]) > 5
        assert logs[0] == logs[1]

    async def test_progress_follows_capture_time_and_says_when_the_footage_is_over(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench, settings: StreamSettings
    ) -> None:
        bench = make_bench(make_camera(clip, realtime=False))
        async with bench.running() as task:
            await asyncio.wait_for(task, 30)
        progress = bench.progress()
        assert len(progress) >= 2.9 / settings.progress_interval - 1
        assert all(a.complete_to <= b.complete_to for a, b in pairwise(progress))
        assert [report.end_of_stream for report in progress] == [False] * (len(progress) - 1) + [True]
        assert progress[-1].complete_to == after(STARTED, 2.9)
        assert isinstance(bench.records()[-1], Progress)  # nothing comes after the last word
        first = bench.records().index(bench.tracklets()[0])
        told = [record.complete_to for record in bench.records()[:first] if isinstance(record, Progress)]
        assert all(complete_to <= STARTED for complete_to in told)  # "no tracklet before this" held

    async def test_at_its_own_pace_the_latency_is_that_of_the_work(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        """The offset of a recording shifts it in the site's time; it is no latency. (Started long ago, it begins now.)"""
        began = time.time()
        bench = make_bench(make_camera(clip, clock={"offset": -3600.0}))
        async with bench.running() as task:
            await asyncio.wait_for(task, 30)
        tracklets = bench.tracklets()
        assert bench.value("capture_to_tracklet_seconds_count") == len(tracklets) - 1  # closing was not caused by a frame
        assert bench.value("capture_to_tracklet_seconds_sum") / (len(tracklets) - 1) < 60
        assert tracklets[0].start / 1e6 == pytest.approx(began - 3600, abs=30)
        assert bench.statuses()[-1].state == "ended"

    async def test_frames_that_cannot_be_analysed_are_counted_and_the_rest_goes_on(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        bench = make_bench(make_camera(clip, realtime=False), RedCarDetector(failing=range(10, 14)))
        with capture_logs() as logs:
            async with bench.running() as task:
                await asyncio.wait_for(task, 30)
        assert bench.value("frames_dropped_total", reason="failed") == 4
        assert bench.value("frames_analysed_total") == FRAMES - 4
        assert bench.tracklets()[-1].sightings == FRAMES - 4
        assert len([entry for entry in logs if entry["event"] == "frame not analysed"]) == 1

    async def test_without_an_embedder_there_are_still_tracklets(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        bench = make_bench(make_camera(clip, realtime=False), embedder=ColourEmbedder(broken=True))
        async with bench.running() as task:
            await asyncio.wait_for(task, 30)
        assert bench.tracklets()[-1].sightings == FRAMES
        assert bench.tracklets()[-1].embeddings == ()


class TestLive:
    async def test_a_camera_is_followed_by_its_own_clock_until_shutdown(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        camera = RtspCamera("c01", clip, clock_offset=-100.25)
        async with RtspServer([camera]) as server:
            bench = make_bench(make_camera(server.url("c01"), clock={"offset": 100.25}))
            async with bench.running():
                await until(lambda: bench.tracklets() and bench.progress())
                status = bench.worker.status()
                assert bench.value("camera_connected") == 1
                assert bench.value("camera_clock_source", source="rtcp") == 1
        tracklets = bench.tracklets()
        opened = tracklets[0]
        assert opened.clock.source is ClockSource.RTCP
        position = seconds_between(camera.epoch, opened.start) * 10
        assert position == pytest.approx(round(position), abs=0.05)  # a frame of the footage, by the true time
        assert 0.0 < seconds_between(opened.start, round(time.time() * 1e6)) < 60.0
        assert tracklets[-1].close_reason == "shutdown"
        assert not any(report.end_of_stream for report in bench.progress())
        assert bench.value("capture_to_tracklet_seconds_count") >= 1
        assert (status.state, status.width, status.height, status.media_url) == ("live", 320, 180, "http://here")
        assert status.clock is not None
        assert status.clock.source is ClockSource.RTCP
        states = [status.state for status in bench.statuses()]
        assert states[0] == "connecting"
        assert states[-1] == "stopped"
        assert "live" in states
        assert bench.value("camera_connected") == 0

    async def test_while_the_camera_is_away_its_tracks_are_cut_and_nothing_is_promised(
        self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        async with RtspServer([RtspCamera("c01", clip)]) as server:
            bench = make_bench(make_camera(server.url("c01")))
            async with bench.running():
                await until(lambda: any(tracklet.state == "updated" for tracklet in bench.tracklets()))
                server.camera("c01").stall()
                await until(lambda: any(tracklet.close_reason == "stream_cut" for tracklet in bench.tracklets()))
                promised = bench.progress()[-1].complete_to
                count = len(bench.progress())
                await until(lambda: bench.value("camera_reconnects_total", reason="timeout") >= 2)
                assert len(bench.progress()) <= count + 1
                assert bench.progress()[-1].complete_to == promised
                before = len(bench.tracklets())
                server.camera("c01").resume()
                await until(lambda: len(bench.tracklets()) > before)
        again = bench.tracklets()[before:]
        assert again[0].state == "opened"
        assert again[0].start > promised

    async def test_a_stall_is_seen_from_outside_and_does_not_hold_up_shutdown(
        self, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        free = threading.Event()

        def block() -> None:
            free.wait(60)

        source = ScriptedSource([[picture(0.0), block]])
        bench = make_bench(make_camera("rtsp://camera/1"), make_source=lambda: source)
        try:
            async with bench.running():
                await until(lambda: bench.value("camera_connected") == 1)
                await until(lambda: any(status.state == "stalled" for status in bench.statuses()))
                assert bench.value("camera_connected") == 0
            assert source.closed == 0  # its thread is left behind, and nobody else may close it
            assert bench.statuses()[-1].state == "stopped"
        finally:
            free.set()
        await until(lambda: source.closed == 1)

    async def test_shutdown_while_the_camera_is_silent(self, clip: Path, make_camera: MakeCamera, make_bench: MakeBench) -> None:
        async with RtspServer([RtspCamera("c01", clip)]) as server:
            bench = make_bench(make_camera(server.url("c01")))
            async with bench.running():
                await until(lambda: bench.worker.status().state == "live")
                server.camera("c01").stall()
                await until(lambda: bench.worker.status().state in ("stalled", "reconnecting"))
            assert bench.statuses()[-1].state == "stopped"

    async def test_a_camera_that_never_answers_does_not_hold_up_shutdown(
        self, make_camera: MakeCamera, make_bench: MakeBench
    ) -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            bench = make_bench(make_camera(f"rtsp://admin:hunter2@127.0.0.1:{port}/1"))
            async with bench.running():
                await until(lambda: bench.value("camera_reconnects_total", reason="timeout") >= 1)
        text = b"".join(record.value or b"" for record in bench.bus.log("throughline.cameras"))
        assert b"did not answer in time" in text
        assert b"hunter2" not in text


class ServerProcess:
    """``python -m simulation.rtsp`` as a process that can be killed and frozen."""

    def __init__(self, clip: Path) -> None:
        self._clip = clip
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/c01"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulation.rtsp", "--port", str(self.port), f"c01={self._clip}", stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        self.port = int(line.split(b'"port": ')[1].split(b",")[0])

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process._transport.close()  # type: ignore[attr-defined]  # else its pipe closes after the event loop


@pytest.fixture
async def process(clip: Path) -> AsyncIterator[ServerProcess]:
    process = ServerProcess(clip)
    await process.start()
    yield process
    await process.kill()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
class TestFaults:
    async def test_a_server_that_is_killed_and_started_again(
        self, process: ServerProcess, make_camera: MakeCamera, make_bench: MakeBench, transport: str
    ) -> None:
        bench = make_bench(make_camera(process.url, transport=transport))
        async with bench.running() as task:
            await until(lambda: bench.tracklets())
            await process.kill()
            await until(lambda: bench.value("camera_connected") == 0)
            await until(lambda: bench.value("camera_reconnects_total", reason="refused") >= 1)
            assert bench.worker.status().state == "reconnecting"
            await until(lambda: any(tracklet.close_reason for tracklet in bench.tracklets()))
            before = bench.value("frames_analysed_total")
            await process.start()
            await until(lambda: bench.value("camera_connected") == 1)
            await until(lambda: bench.value("frames_analysed_total") >= before + 5)
            assert not task.done()
            assert bench.worker.status().error is None
        times = [tracklet.end for tracklet in bench.tracklets()]
        assert times == sorted(times)

    async def test_a_server_that_hangs(
        self, process: ServerProcess, make_camera: MakeCamera, make_bench: MakeBench, transport: str
    ) -> None:
        bench = make_bench(make_camera(process.url, transport=transport))
        async with bench.running() as task:
            await until(lambda: bench.tracklets())
            process.signal(signal.SIGSTOP)
            await until(lambda: bench.value("camera_connected") == 0)
            await until(lambda: bench.value("camera_reconnects_total", reason="timeout") >= 2)
            before = bench.value("frames_analysed_total")
            process.signal(signal.SIGCONT)
            await until(lambda: bench.value("camera_connected") == 1)
            await until(lambda: bench.value("frames_analysed_total") >= before + 5)
            assert not task.done()
        states = [status.state for status in bench.statuses()]
        assert "reconnecting" in states[states.index("live") :]
