"""One camera in, tracklets out: the worker that ties decoding, analysis and publishing together."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import structlog

from inference.models import Models
from streams.analysis import CameraAnalysis
from streams.crop_budget import CropBudget
from streams.mailbox import Mailbox
from streams.media import Media
from streams.pressure import Pressure
from streams.reader import CameraReader, ReaderStatus
from streams.recording import CameraRecorder
from streams.sources import ON_CPU, FrameSource, decoder_for, is_file, source_of
from throughline.bus.pipeline import Pipeline
from throughline.messages import CameraStatus, Clock, MatcherRecord, Tracklet
from throughline.settings import CameraSettings, Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, after, seconds_between, to_instant
from throughline.types import ClockSource, Frame

__all__ = ["CameraWorker"]

_STATUS_INTERVAL: Final = 5.0
_WATCH_INTERVAL: Final = 0.2
_RATES_OVER: Final = 5.0
_LOSSLESS_FRAMES: Final = 4


class CameraWorker:
    """Runs one camera until it is told to stop or the footage is over.

    *Progress* follows the capture times of analysed frames, so it is the same however fast a recording is played. A camera
    that gives no frames promises nothing: its progress stands still, and the matcher's lateness allowance decides how long
    it is waited for. Its open tracklets are closed as ``stream_cut`` once it has been away for longer than a track may be
    lost, since nobody can say any more that the next vehicle is the same.

    Args:
        site: The site file.
        camera: The camera, one with a ``url``.
        models: Detector and embedders, shared with other cameras.
        pipeline: Where records and status go; publishing never holds up a live camera.
        metrics: What is counted.
        media: Keeps best shots and the preview.
        media_url: Where ``media`` is served, for the status record.
        started: Capture time of the first picture of a recording; default: now.
        make_source: Makes the source for each connection; default: what the ``url`` asks for.
        recorder: Records what is detected and tracked.
        pressure: What gives way where there is too much to do; a recording that is read as fast as possible waits instead.
        budget: How many pictures of vehicles may be described; likewise.
    """

    def __init__(
        self,
        site: Site,
        camera: CameraSettings,
        models: Models,
        pipeline: Pipeline,
        metrics: Metrics,
        media: Media,
        *,
        media_url: str | None = None,
        started: Instant | None = None,
        make_source: Callable[[], FrameSource] | None = None,
        recorder: CameraRecorder | None = None,
        pressure: Pressure | None = None,
        budget: CropBudget | None = None,
    ) -> None:
        self._site = site
        self._camera = camera
        self._pipeline = pipeline
        self._metrics = metrics
        self._media_url = media_url
        start = to_instant(time.time()) if started is None else started
        decoder = decoder_for(site) if make_source is None else ON_CPU
        self._make_source = make_source or (lambda: source_of(camera, site.streams, start, decoder))
        self._lossless = is_file(camera) and not camera.realtime
        self._pressure = None if self._lossless else pressure
        self._analysis = CameraAnalysis(
            site, camera, models, metrics, media, recorder, self._pressure, None if self._lossless else budget
        )
        self._log = structlog.get_logger(__name__).bind(camera=camera.id)
        self._reader: CameraReader | None = None
        self._reported: Instant | None = None
        self._rates = _Rates()

    @property
    def attempted(self) -> bool:
        """Whether the camera has given a picture, or failed, at least once."""
        return self._reader is not None and self._reader.status().attempted

    def status(self) -> CameraStatus:
        """How the camera is doing right now."""
        reader = self._reader.status() if self._reader is not None else _NOT_STARTED
        decoded, analysed = self._rates.per_second()
        return CameraStatus(
            site=self._site.site,
            camera=self._camera.id,
            state=reader.state,
            at=to_instant(time.time()),
            clock=None if reader.clock is None else Clock(*reader.clock),
            decoded_fps=round(decoded, 2),
            analysed_fps=round(analysed, 2),
            width=reader.size[0],
            height=reader.size[1],
            reconnects=reader.reconnects,
            media_url=self._media_url,
            error=reader.error,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set or the footage is over; open tracklets are closed in any case.

        Raises:
            Exception: what broke the decode thread against all expectation.
        """
        mailbox: Mailbox[Frame] = Mailbox(lossless=self._lossless, capacity=_LOSSLESS_FRAMES if self._lossless else 1)
        reader = CameraReader(self._camera, self._site.streams, self._make_source, mailbox, self._metrics, self._pressure)
        self._reader = reader
        reader.start()
        watching = asyncio.create_task(self._watch(reader), name=f"watch {self._camera.id}")
        stopping = asyncio.create_task(_when(stop, mailbox.close), name=f"stop {self._camera.id}")
        reason = "stream_cut"
        try:
            await self._analyse_all(mailbox, reader)
            if reader.crash is not None:
                raise reader.crash
            reason = "shutdown" if stop.is_set() else "stream_ended"
        except asyncio.CancelledError:
            reason = "shutdown"
            raise
        finally:
            self._publish(self._analysis.close(reason))
            self._report_progress(end_of_stream=reason == "stream_ended")
            for task in (watching, stopping):
                task.cancel()
            await asyncio.wait((watching, stopping))
            await reader.stop()
            self._metrics.camera_connected.labels(self._camera.id).set(0)
            self._pipeline.send(self.status())

    async def _analyse_all(self, mailbox: Mailbox[Frame], reader: CameraReader) -> None:
        connection = 0
        while True:
            frame = await self._next(mailbox, reader)
            if frame is None:
                return
            reconnects = reader.status().reconnects
            if reconnects != connection:
                connection = reconnects
                self._cut_before(frame)
            if self._lossless:
                await self._pipeline.room()
            began = time.monotonic()
            records = await self._analysis.analyse(frame)
            if self._pressure is not None:
                self._pressure.analysed(time.monotonic() - began)
            self._publish(records, frame)
            self._report_progress(interval=self._site.streams.progress_interval)

    async def _next(self, mailbox: Mailbox[Frame], reader: CameraReader) -> Frame | None:
        """The next frame; while none comes because the camera is away for too long, its tracks are cut."""
        while True:
            try:
                async with asyncio.timeout(self._site.tracking.max_lost):
                    return await mailbox.get()
            except TimeoutError:
                if reader.status().state != "live":
                    self._cut()

    def _cut_before(self, frame: Frame) -> None:
        """After a reconnection: cuts the tracks if too much time has passed for them to go on."""
        last = self._analysis.last
        if last is not None and seconds_between(last, frame.captured) > self._site.tracking.max_lost:
            self._cut()

    def _cut(self) -> None:
        cut = self._analysis.close("stream_cut")
        if cut:
            self._log.warning("tracks cut, the camera is away", tracks=len(cut))
        self._publish(cut)
        self._report_progress()

    def _publish(self, records: Iterable[Tracklet], cause: Frame | None = None) -> None:
        for record in records:
            self._metrics.tracklets.labels(self._camera.id, record.state).inc()
            self._send(record, cause)

    def _send(self, record: MatcherRecord, cause: Frame | None = None) -> None:
        acknowledged = self._pipeline.send(record)
        if cause is None or self._lossless:
            return
        taken = cause.captured
        if cause.clock is ClockSource.FILE:  # a recording's offset shifts it in the site's time, not in ours
            taken = after(taken, -self._camera.clock.offset)
        acknowledged.add_done_callback(lambda future: self._measure(future, taken))

    def _measure(self, acknowledged: asyncio.Future[bool], taken: Instant) -> None:
        if not acknowledged.cancelled() and acknowledged.result():
            latency = seconds_between(taken, to_instant(time.time()))
            self._metrics.capture_to_tracklet.labels(self._camera.id).observe(max(0.0, latency))

    def _report_progress(self, *, interval: float = 0.0, end_of_stream: bool = False) -> None:
        """Says how far the camera is complete, if ``interval`` seconds of its time were analysed since the last report."""
        last = self._analysis.last
        progress = self._analysis.progress()
        if progress is None or last is None:
            return
        if end_of_stream:
            progress = msgspec.structs.replace(progress, end_of_stream=True)
        elif self._reported is not None and (last == self._reported or seconds_between(self._reported, last) < interval):
            return
        self._reported = last
        self._send(progress)

    async def _watch(self, reader: CameraReader) -> None:
        """Sees from outside what the decode thread cannot tell while it is blocked."""
        connected = self._metrics.camera_connected.labels(self._camera.id)
        interval = min(_WATCH_INTERVAL, self._site.streams.read_timeout / 4)
        shown, published = "", 0.0
        while True:
            status = reader.status()
            now = time.monotonic()
            connected.set(1 if status.state == "live" else 0)
            self._rates.count(now, status.decoded, self._analysis.analysed)
            if status.state != shown or now - published >= _STATUS_INTERVAL:
                if status.state == "stalled" and shown != "stalled":
                    self._log.warning("camera stalled", no_frame_for=self._site.streams.read_timeout)
                shown, published = status.state, now
                self._pipeline.send(self.status())
            await asyncio.sleep(interval)


_NOT_STARTED: Final = ReaderStatus("connecting", False, 0, 0, (0, 0), None, None)


class _Rates:
    """Frames a second over the last seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int, int]] = deque()

    def count(self, now: float, decoded: int, analysed: int) -> None:
        self._counts.append((now, decoded, analysed))
        while now - self._counts[0][0] > _RATES_OVER:
            self._counts.popleft()

    def per_second(self) -> tuple[float, float]:
        if len(self._counts) < 2:
            return 0.0, 0.0
        (began, decoded, analysed), (now, decoded_now, analysed_now) = self._counts[0], self._counts[-1]
        elapsed = max(now - began, 1e-6)
        return (decoded_now - decoded) / elapsed, (analysed_now - analysed) / elapsed


async def _when(event: asyncio.Event, act: Callable[[], None]) -> None:
    await event.wait()
    act()
