"""Opening and decoding through PyAV (FFmpeg), shared by all sources.

What was measured with PyAV 18.1, and is relied on here: slice threading with one thread adds no delay, frame threading adds
a frame period for each further thread; the first packets may have no presentation time; packets carry the camera's wall
clock as ``prft`` side data once a sender report has come; pictures with lost parts come out marked as corrupt.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import av
import av.error
import numpy as np
import structlog
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streams.clock import Timing
from streams.sources.decoder import ON_CPU, Decoder
from streams.sources.protocol import FailureReason, SourceError
from throughline.redaction import redact_url
from throughline.times import Instant, to_instant
from throughline.types import ClockSource, Pixels

__all__ = ["AvPicture", "decode", "failure", "first_video_stream", "open_container"]

_log = structlog.get_logger(__name__)

_REMEMBERED: Final = 64
"""Packets whose times are kept until their pictures come out; decoders reorder 16 at most."""
_ERRORS_IN_A_ROW: Final = 50
"""Packets that the decoder refuses, one after the other, before the stream counts as undecodable."""
_PACKETS_WITHOUT_PICTURE: Final = 600
"""The same for packets that merely give nothing: more than the longest distance between two key frames."""

_GPU_FORMATS: Final = ("nv12", "p010le", "p016le")
_MATRICES: Final = {1: "bt709", 7: "bt709", 9: "bt2020", 10: "bt2020"}
"""By FFmpeg's AVColorSpace; SMPTE 240M (7) is all but BT.709, and what does not say is taken for BT.601, as swscale does."""
_FULL_RANGE: Final = 2  # AVCOL_RANGE_JPEG


@dataclass(frozen=True, slots=True)
class AvPicture:
    """A `Picture` held by PyAV."""

    frame: VideoFrame
    timing: Timing

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.frame.width, self.frame.height

    def to_bgr(self) -> Pixels:
        """(height, width, 3) uint8, BGR; on the GPU if it was decoded there into one of the usual formats."""
        frame = self.frame
        if _on_gpu(frame) and frame.sw_format is not None and frame.sw_format.name in _GPU_FORMATS:
            from inference.pictures.decoded import image_of_planes  # brings torch

            matrix = _MATRICES.get(frame.colorspace, "bt601")
            return image_of_planes(frame.planes[:2], matrix=matrix, full_range=frame.color_range == _FULL_RANGE)
        return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def open_container(
    url: str,
    *,
    options: Mapping[str, str] | None = None,
    container_format: str | None = None,
    timeouts: tuple[float, float] | None = None,
    decoder: Decoder = ON_CPU,
) -> InputContainer:
    """Opens ``url`` for reading.

    Args:
        url: What FFmpeg shall open.
        options: For the demuxer.
        container_format: Its name, where it cannot be guessed.
        timeouts: Longest time to open, and to read a packet, in seconds.
        decoder: Where its pictures shall be decoded.

    Raises:
        SourceError: it cannot be opened.
    """
    hardware = decoder.hardware()
    began = time.monotonic()
    try:
        return av.open(url, "r", format=container_format, options=dict(options or {}), timeout=timeouts, hwaccel=hardware)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        # A server that accepts and stays silent ends in "invalid data", after a timeout: only the time tells.
        waited = timeouts is not None and time.monotonic() - began >= 0.9 * min(timeouts)
        raise failure(error, url, timed_out=waited) from None


def first_video_stream(container: InputContainer, url: str) -> VideoStream:
    """The stream to decode, set up for low delay.

    Raises:
        SourceError: there is no video, or no decoder for it.
    """
    if not container.streams.video:
        raise SourceError("undecodable", f"{redact_url(url)} has no video stream")
    stream = container.streams.video[0]
    try:
        stream.thread_type = "SLICE"
        stream.codec_context.thread_count = 1
    except (av.error.FFmpegError, AttributeError) as error:  # PyAV leaves the context out where FFmpeg has no decoder
        raise SourceError("undecodable", f"the video of {redact_url(url)} has no decoder here: {error}") from None
    return stream


def decode(
    container: InputContainer, stream: VideoStream, url: str, decoder: Decoder = ON_CPU
) -> Iterator[tuple[tuple[AvPicture, ...], int]]:
    """Decodes everything, until the container has no more; ``decoder`` is what it was opened with.

    Yields:
        For each packet the whole pictures that came out, on a stream time line that starts anywhere, and how many were damaged.

    Raises:
        SourceError: reading failed, or nothing in it can be decoded.
    """
    times = _PacketTimes(stream)
    refused = idle = 0
    told = decoder.gpu is None
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise failure(error, url) from None
        if packet is None:
            return
        times.remember(packet)
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError) as error:
            frames, refused, problem = [], refused + 1, str(error)
            if refused >= _ERRORS_IN_A_ROW:
                raise SourceError("undecodable", f"{redact_url(url)} cannot be decoded: {redact_url(problem)}") from None
            yield (), 1
            continue
        if frames and not told:
            told = True
            if not _on_gpu(frames[0]):
                _log.warning("decoded on the CPU: the GPU does not know this kind of stream", url=redact_url(url))
        whole = tuple(AvPicture(frame, times.of(frame)) for frame in frames if not frame.is_corrupt)
        refused = 0
        idle = 0 if whole else idle + 1
        if idle >= _PACKETS_WITHOUT_PICTURE:
            raise SourceError("undecodable", f"{redact_url(url)} gave {idle} packets without a whole picture")
        yield whole, len(frames) - len(whole)


def _on_gpu(frame: VideoFrame) -> bool:
    return frame.format.name == "cuda"


class _PacketTimes:
    """Carries times from packets to the pictures that the decoder makes of them, by presentation time."""

    def __init__(self, stream: VideoStream) -> None:
        self._time_base = stream.time_base
        self._arrivals: OrderedDict[int | None, tuple[Instant, Instant | None]] = OrderedDict()

    def remember(self, packet: Packet[VideoStream]) -> None:
        if packet.size == 0:  # the end: it flushes the decoder
            return
        self._arrivals[packet.pts] = (to_instant(time.time()), _camera_time(packet))
        self._arrivals.move_to_end(packet.pts)
        while len(self._arrivals) > _REMEMBERED:
            self._arrivals.popitem(last=False)

    def of(self, frame: VideoFrame) -> Timing:
        arrival, known = self._arrivals.get(frame.pts, (None, None))
        time_base = frame.time_base or self._time_base
        return Timing(
            arrival=to_instant(time.time()) if arrival is None else arrival,
            stream_time=None if frame.pts is None or time_base is None else float(frame.pts * time_base),
            known=known,
            source=ClockSource.ARRIVAL if known is None else ClockSource.RTCP,
        )


def _camera_time(packet: Packet[VideoStream]) -> Instant | None:
    """The producer reference time of ``packet``: microseconds since 1970 by the camera's clock."""
    if not packet.has_sidedata("prft"):
        return None
    return int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], "little", signed=True)


_REASONS: Final[tuple[tuple[type[BaseException], FailureReason, str], ...]] = (
    (av.error.ConnectionRefusedError, "refused", "refused the connection"),
    (av.error.HTTPNotFoundError, "not_found", "does not exist on that server (404)"),
    (av.error.FileNotFoundError, "not_found", "does not exist"),
    (av.error.HTTPUnauthorizedError, "error", "wants other credentials (401)"),
    (av.error.HTTPForbiddenError, "error", "may not be read with these credentials (403)"),
    (av.error.TimeoutError, "timeout", "did not answer in time"),
    (av.error.ExitError, "timeout", "did not answer in time"),
    (av.error.EOFError, "ended", "ended"),
    (av.error.ConnectionResetError, "ended", "closed the connection"),
    (av.error.BrokenPipeError, "ended", "closed the connection"),
    (av.error.InvalidDataError, "undecodable", "is not video that can be read"),
    (av.error.DecoderNotFoundError, "undecodable", "is coded in a way that cannot be decoded here"),
)


def failure(error: BaseException, url: str, *, timed_out: bool = False) -> SourceError:
    """What an exception of PyAV means, without the credentials that FFmpeg repeats in its own messages."""
    place = redact_url(url)
    if timed_out and isinstance(error, (av.error.InvalidDataError, av.error.OSError)):
        return SourceError("timeout", f"{place} did not answer in time")
    for kind, reason, text in _REASONS:
        if isinstance(error, kind):
            return SourceError(reason, f"{place} {text}")
    detail = getattr(error, "strerror", None) or str(error)
    return SourceError("error", f"{place} failed: {redact_url(detail)} ({type(error).__name__})")
