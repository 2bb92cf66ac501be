"""A short look at a camera: can it be opened, what does it send, what does decoding it cost."""

from __future__ import annotations

import time
from dataclasses import dataclass

from streams.clock import CameraClock, Stamp
from streams.sources import Picture, SourceError, source_of
from throughline.settings import CameraSettings, StreamSettings
from throughline.times import Instant, seconds_between, to_instant
from throughline.types import ClockSource, Image, host_image

__all__ = ["CameraReport", "probe"]


@dataclass(frozen=True, slots=True)
class CameraReport:
    """What a short look at a camera showed.

    Attributes:
        camera: Camera id.
        error: Why it gave no picture, without credentials; None: it did.
        size: Width and height in pixels.
        fps: Pictures a second that it sends.
        clock: Source of its capture times at the end of the look.
        age: Seconds from the capture of the last picture to its arrival, by the camera's clock; None for recordings.
        refused: Capture times that were not believed.
        first_picture: Seconds from opening to the first picture.
        decoding: CPU seconds that decoding one picture takes on one core.
        image: The last picture, (height, width, 3), BGR.
    """

    camera: str
    error: str | None = None
    size: tuple[int, int] = (0, 0)
    fps: float = 0.0
    clock: ClockSource | None = None
    age: float | None = None
    refused: int = 0
    first_picture: float = 0.0
    decoding: float = 0.0
    image: Image | None = None


def probe(camera: CameraSettings, settings: StreamSettings, seconds: float = 4.0) -> CameraReport:
    """Opens a camera and reads it for ``seconds``; blocks for that long, or for the timeouts of ``settings``."""
    source = source_of(camera, settings, to_instant(time.time()))
    look = _Look(CameraClock(camera.clock, settings.future_tolerance))
    try:
        source.open()
        look.began_decoding()
        for reading in source.readings():
            for picture in reading.pictures:
                look.take(picture)
            if look.seconds > seconds:
                break
    except SourceError as error:
        look.error = f"{error.reason}: {error}"
    finally:
        source.close()
    return look.report(camera.id)


class _Look:
    """What has been seen so far; the pictures themselves are large, so only the last one is kept."""

    def __init__(self, clock: CameraClock) -> None:
        self.error: str | None = None
        self._clock = clock
        self._opened = time.monotonic()
        self._first_at: float | None = None
        self._cpu = 0.0
        self._count = self._refused = 0
        self._first: Instant = 0
        self._last: tuple[Picture, Stamp] | None = None

    @property
    def seconds(self) -> float:
        """Since the first picture."""
        return 0.0 if self._first_at is None else time.monotonic() - self._first_at

    def began_decoding(self) -> None:
        self._cpu = time.thread_time()

    def take(self, picture: Picture) -> None:
        stamp = self._clock.stamp(picture.timing)
        if self._first_at is None:
            self._first_at, self._first = time.monotonic(), stamp.captured
        self._count += 1
        self._refused += stamp.refused
        self._last = (picture, stamp)

    def report(self, camera: str) -> CameraReport:
        if self._last is None or self._first_at is None:
            return CameraReport(camera, error=self.error or "ended: it has no pictures")
        picture, stamp = self._last
        decoding = (time.thread_time() - self._cpu) / self._count
        span = seconds_between(self._first, stamp.captured)
        return CameraReport(
            camera,
            size=picture.size,
            fps=(self._count - 1) / span if span > 0 else 0.0,
            clock=stamp.source,
            age=None if stamp.source is ClockSource.FILE else seconds_between(stamp.captured, picture.timing.arrival),
            refused=self._refused,
            first_picture=self._first_at - self._opened,
            decoding=decoding,
            image=host_image(picture.to_bgr()),
        )
