"""The decode thread of one camera: opens, reads, and opens again.

A blocked read cannot be cancelled, and closing a container under one crashes the process. So the thread alone touches its
source, every wait in it is bounded by a timeout, and it looks at its stop flag between packets. On shutdown it is waited for
a while and then left: it is a daemon, and ends with its read or with the process.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import structlog

from streams.backoff import Backoff
from streams.clock import CameraClock, Stamp
from streams.mailbox import Mailbox
from streams.pressure import Pressure
from streams.sampler import Sampler, Thinner
from streams.sources import FrameSource, Picture, Reading, SourceError
from throughline.redaction import redact_url
from throughline.settings import CameraSettings, StreamSettings
from throughline.telemetry.metrics import Metrics
from throughline.times import MICROSECONDS
from throughline.types import ClockSource, Frame

__all__ = ["CameraReader", "ReaderState", "ReaderStatus"]

ReaderState: TypeAlias = Literal["connecting", "live", "stalled", "reconnecting", "ended", "stopped"]

_LOOK: Final = 0.02
"""Seconds between two looks at whether the thread has ended."""


@dataclass(frozen=True, slots=True)
class ReaderStatus:
    """How a camera is doing.

    Attributes:
        state: ``connecting`` before the first picture, ``live``, ``stalled`` (the read is blocked), ``reconnecting``,
            ``ended`` (the recording is over) or ``stopped``.
        attempted: It has given a picture, or failed, at least once.
        decoded: Pictures decoded so far.
        reconnects: Failures that led to another attempt.
        size: Width and height of the latest picture; zeros before the first.
        clock: Source of the latest capture time, and its uncertainty in seconds; None before the first picture.
        error: The failure that it is trying to get over, without credentials.
    """

    state: ReaderState
    attempted: bool
    decoded: int
    reconnects: int
    size: tuple[int, int]
    clock: tuple[ClockSource, float] | None
    error: str | None


class CameraReader:
    """Reads one camera in a thread of its own and puts the frames to analyse into a mailbox."""

    def __init__(
        self,
        camera: CameraSettings,
        settings: StreamSettings,
        make_source: Callable[[], FrameSource],
        mailbox: Mailbox[Frame],
        metrics: Metrics,
        pressure: Pressure | None = None,
    ) -> None:
        self._camera = camera
        self._pressure = pressure
        self._settings = settings
        self._make_source = make_source
        self._mailbox = mailbox
        self._metrics = _CameraMetrics(metrics, camera.id)
        self._log = structlog.get_logger(__name__).bind(camera=camera.id)
        self._clock = CameraClock(camera.clock, settings.future_tolerance)
        self._sampler = Sampler(camera.fps)
        self._thinner = Thinner()
        self._backoff = Backoff(settings.reconnect_initial, settings.reconnect_max, settings.reconnect_jitter)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"decode {camera.id}", daemon=True)
        self._state: ReaderState = "connecting"
        self._attempted = False
        self._decoded = 0
        self._reconnects = 0
        self._size = (0, 0)
        self._clock_now: tuple[ClockSource, float] | None = None
        self._error: str | None = None
        self._live_since = 0.0
        self._alive_at = 0.0
        self._handing_over = False
        self.crash: BaseException | None = None
        """What ended the thread against all expectation."""

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def status(self) -> ReaderStatus:
        """How the camera is doing right now; may be asked by any thread."""
        state = self._state
        blocked = time.monotonic() - self._alive_at
        if self._stop.is_set() and state != "ended":  # also of a thread that was left behind
            state = "stopped"
        if state == "live" and not self._handing_over and blocked > self._settings.read_timeout:
            state = "stalled"
        return ReaderStatus(state, self._attempted, self._decoded, self._reconnects, self._size, self._clock_now, self._error)

    async def stop(self) -> bool:
        """Asks the thread to end and waits for as long as a blocked read may take; returns whether it has ended."""
        self._stop.set()
        self._mailbox.close()
        deadline = time.monotonic() + 2 * self._settings.read_timeout
        while self._thread.is_alive():
            if time.monotonic() >= deadline:
                self._log.warning("decode thread left behind", blocked_for=2 * self._settings.read_timeout)
                return False
            await asyncio.sleep(_LOOK)
        return True

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if self._read_until_failure():
                    self._state = "ended"
                    return
        except Exception as error:  # noqa: BLE001 - the worker raises it where its supervisor sees it
            self.crash = error
            self._error = redact_url(f"{type(error).__name__}: {error}")
        finally:
            if self._state != "ended":
                self._state = "stopped"
            self._mailbox.finish()

    def _read_until_failure(self) -> bool:
        """One connection and the pause after it; returns whether the footage is over."""
        source = self._make_source()
        self._clock.restart()
        try:
            source.open()
            for reading in source.readings():
                self._take(reading)
                if self._stop.is_set():
                    return False
            return True
        except SourceError as error:
            self._fail(error)
        finally:
            source.close()
        return False

    def _fail(self, error: SourceError) -> None:
        if self._stop.is_set():
            return
        if self._state == "live" and time.monotonic() - self._live_since >= self._settings.reconnect_max:
            self._backoff.reset()
        text = redact_url(str(error))
        if text != self._error:  # once for each kind of trouble, not for every attempt
            self._log.warning("camera failed", reason=error.reason, error=text)
        self._error = text
        self._state = "reconnecting"
        self._attempted = True
        self._reconnects += 1
        self._metrics.reconnected(error.reason)
        self._stop.wait(self._backoff.pause())

    def _take(self, reading: Reading) -> None:
        if reading.damaged:
            self._metrics.drop("damaged", reading.damaged)
        for picture in reading.pictures:
            self._alive_at = time.monotonic()
            if self._state != "live":
                self._begin(picture)
            number, self._decoded = self._decoded, self._decoded + 1
            self._size = picture.size
            stamp = self._clock.stamp(picture.timing)
            self._clock_now = (stamp.source, stamp.uncertainty)
            self._metrics.decode(stamp)
            if not stamp.advances:
                self._metrics.drop("clock")
            elif not self._sampler.wants(stamp.captured):
                self._metrics.drop("rate")
            elif not self._thinner.keeps(1.0 if self._pressure is None else self._pressure.rate(self._camera.fps)):
                self._metrics.drop("pressure")
            else:
                self._hand_over(number, picture, stamp)

    def _begin(self, picture: Picture) -> None:
        self._log.info("camera live", width=picture.size[0], height=picture.size[1], attempts=self._reconnects + 1)
        self._live_since = time.monotonic()
        self._error = None
        self._attempted = True
        self._state = "live"

    def _hand_over(self, number: int, picture: Picture, stamp: Stamp) -> None:
        frame = Frame(self._camera.id, number, stamp.captured, stamp.source, stamp.uncertainty, picture.to_bgr())
        self._handing_over = True
        dropped = self._mailbox.put(frame)
        self._alive_at = time.monotonic()
        self._handing_over = False
        if dropped:
            self._metrics.drop("busy", dropped)
            if self._pressure is not None:
                self._pressure.missed(dropped)


class _CameraMetrics:
    """The reader's share of the metrics, bound to one camera."""

    def __init__(self, metrics: Metrics, camera: str) -> None:
        self._metrics = metrics
        self._camera = camera
        self._decoded = metrics.frames_decoded.labels(camera)
        self._last = metrics.camera_last_frame.labels(camera)
        self._refusals = metrics.clock_refusals.labels(camera)
        self._source: ClockSource | None = None

    def drop(self, reason: str, count: int = 1) -> None:
        self._metrics.frames_dropped.labels(self._camera, reason).inc(count)

    def reconnected(self, reason: str) -> None:
        self._metrics.camera_reconnects.labels(self._camera, reason).inc()

    def decode(self, stamp: Stamp) -> None:
        self._decoded.inc()
        self._last.set(stamp.captured / MICROSECONDS)
        if stamp.refused:
            self._refusals.inc()
        if stamp.source is not self._source:
            self._source = stamp.source
            for source in ClockSource:
                self._metrics.camera_clock_source.labels(self._camera, source.value).set(source is stamp.source)
