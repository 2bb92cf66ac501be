"""Recordings: video files, at their own pace or as fast as they are wanted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from av.container import InputContainer
from av.video.stream import VideoStream

from streams.clock import Timing
from streams.sources.decoder import ON_CPU, Decoder
from streams.sources.protocol import Reading, SourceError
from streams.sources.pyav_source import decode, first_video_stream, open_container
from throughline.settings import CameraSettings
from throughline.times import Instant, after, to_instant
from throughline.types import ClockSource

__all__ = ["FileSource"]

_NAP: Final = 0.1
"""Longest wait, in seconds, before the user may look whether to stop."""
_LATE: Final = 2.0
"""Seconds after which a live recording that opens late starts now, instead of hurrying after the others."""
_DEFAULT_RATE: Final = 25.0
"""Frames a second of a file that does not say."""


class FileSource:
    """A video file. The capture time of a picture is the recording's start plus its position; loops go on in time."""

    def __init__(self, camera: CameraSettings, started: Instant, decoder: Decoder = ON_CPU) -> None:
        """Describes the file; nothing is opened yet.

        Args:
            camera: Its ``url`` is the path.
            started: Capture time of the first picture; the same for all recordings of a site, so that they run side by side.
            decoder: Where it is decoded.
        """
        if camera.url is None:
            raise ValueError(f"camera {camera.id} has no url")
        self._path = camera.url.removeprefix("file://")
        self._realtime = camera.realtime
        self._loop = camera.loop
        self._started = started
        self._decoder = decoder
        self._container: InputContainer | None = None

    def open(self) -> None:
        """Opens the file at its beginning."""
        self.close()
        if not Path(self._path).exists():
            raise SourceError("not_found", f"{self._path} does not exist")
        self._container = open_container(self._path, decoder=self._decoder)

    def readings(self) -> Iterator[Reading]:
        """Reads to the end; a looped file has none."""
        start = self._started
        if self._realtime and to_instant(time.time()) > after(start, _LATE):
            start = to_instant(time.time())
        while True:
            timeline = _Timeline(start)
            yield from self._once(timeline)
            if timeline.end is None:
                raise SourceError("undecodable", f"{self._path} holds no picture that can be decoded")
            if not self._loop:
                return
            start = timeline.end
            self.open()

    def close(self) -> None:
        """Closes the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _once(self, timeline: _Timeline) -> Iterator[Reading]:
        if self._container is None:
            raise ValueError("open comes before readings")
        stream = first_video_stream(self._container, self._path)
        timeline.follow(stream)
        for decoded, damaged in decode(self._container, stream, self._path, self._decoder):
            pictures = []
            for picture in decoded:
                taken = timeline.place(picture.timing.stream_time)
                if self._realtime:
                    yield from _wait_until(taken)
                timing = Timing(to_instant(time.time()), picture.timing.stream_time, taken, ClockSource.FILE)
                pictures.append(replace(picture, timing=timing))
            yield Reading(tuple(pictures), damaged)


class _Timeline:
    """Places the pictures of one run through a file in time."""

    def __init__(self, start: Instant) -> None:
        self._start = start
        self._first: float | None = None
        self._position = 0.0
        self._period = 1.0 / _DEFAULT_RATE
        self.end: Instant | None = None
        """Where the next run begins; None before the first picture."""

    def follow(self, stream: VideoStream) -> None:
        rate = stream.average_rate or stream.guessed_rate
        if rate:
            self._period = float(1 / rate)

    def place(self, stream_time: float | None) -> Instant:
        if stream_time is None:  # raw streams have no times: pictures follow each other at the rate of the file
            position = 0.0 if self.end is None else self._position + self._period
        else:
            self._first = stream_time if self._first is None else self._first
            position = stream_time - self._first
        self._position = position
        self.end = max(self.end or 0, after(self._start, position + self._period))
        return after(self._start, position)


def _wait_until(instant: Instant) -> Iterator[Reading]:
    """Sleeps until ``instant``, giving empty readings meanwhile."""
    while (left := (instant - to_instant(time.time())) / 1_000_000) > 0:
        if left > _NAP:
            time.sleep(_NAP)
            yield Reading()
        else:
            time.sleep(left)
