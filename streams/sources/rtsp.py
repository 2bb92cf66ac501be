"""Network cameras: RTSP with RTP over TCP or UDP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from av.container import InputContainer

from streams.sources.decoder import ON_CPU, Decoder
from streams.sources.protocol import Reading, SourceError
from streams.sources.pyav_source import decode, first_video_stream, open_container
from throughline.redaction import redact_url
from throughline.settings import CameraSettings, StreamSettings

__all__ = ["RtspSource"]

_UDP_BUFFER: Final = 1 << 20
"""Bytes. A key frame arrives as a burst that overflows the system's default."""


class RtspSource:
    """An RTSP camera. A connection that ends, however politely, is a failure: a camera has no last picture."""

    def __init__(self, camera: CameraSettings, settings: StreamSettings, decoder: Decoder = ON_CPU) -> None:
        if camera.url is None:
            raise ValueError(f"camera {camera.id} has no url")
        self._url = camera.url
        self._decoder = decoder
        self._timeouts = (settings.open_timeout, settings.read_timeout)
        # analyzeduration and probesize: the session description says all that probing would find out, in seconds less.
        # timeout: of the sockets, in microseconds; it bounds each step of opening, PyAV's own bounds the reads, at twice
        # the time it is given. Without both a dead server blocks for ever.
        self._options = {
            "rtsp_transport": camera.transport,
            "timeout": str(round(max(settings.open_timeout, settings.read_timeout) * 1_000_000)),
            "analyzeduration": "0",
            "probesize": "32",
            "allowed_media_types": "video",
        }
        if camera.transport == "udp":
            self._options["buffer_size"] = str(_UDP_BUFFER)
        self._container: InputContainer | None = None

    def open(self) -> None:
        """Connects and starts to play."""
        self.close()
        self._container = open_container(self._url, options=self._options, timeouts=self._timeouts, decoder=self._decoder)

    def readings(self) -> Iterator[Reading]:
        """Reads until the connection fails."""
        if self._container is None:
            raise ValueError("open comes before readings")
        stream = first_video_stream(self._container, self._url)
        for pictures, damaged in decode(self._container, stream, self._url, self._decoder):
            yield Reading(pictures, damaged)
        raise SourceError("ended", f"{redact_url(self._url)} ended")

    def close(self) -> None:
        """Says goodbye, by the thread that reads: closing under a blocked read crashes the process."""
        if self._container is not None:
            self._container.close()
            self._container = None
