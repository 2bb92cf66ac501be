"""H.264 footage as access units in memory, demuxed once and never decoded, on a timeline that loops without a break."""

from __future__ import annotations

import bisect
import itertools
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

__all__ = ["AccessUnit", "Footage", "FootageError", "ParameterSets", "Scheduled", "parse_avcc", "split_nals"]

_SPS, _PPS = 7, 8
_AVCC_VERSION = 1


class FootageError(ValueError):
    """A file that cannot be served; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """What an avcC record says.

    Attributes:
        sps: Sequence parameter sets, NAL units without start code.
        pps: Picture parameter sets.
        length_size: Bytes of the length that stands before each NAL unit of the file.
    """

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    length_size: int


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture.

    Attributes:
        presented: Presentation time in ticks of the footage, from 0 for the first picture shown.
        due: When a live camera would have it coded, in ticks: never before ``presented``, and in decoding order.
        keyframe: Whether decoding can begin here; parameter sets stand in front.
        nals: Its NAL units.
    """

    presented: int
    due: int
    keyframe: bool
    nals: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An access unit at its place on the endless timeline; ticks count from time zero of loop 0, before it they are negative."""

    unit: AccessUnit
    presented: int
    due: int


@dataclass(frozen=True, slots=True)
class Footage:
    """A clip, and its endless repetition.

    Attributes:
        units: Access units in decoding order.
        tick: Seconds of one tick.
        duration: Ticks of one loop.
        parameter_sets: What a decoder needs beforehand.
    """

    units: tuple[AccessUnit, ...]
    tick: Fraction
    duration: int
    parameter_sets: ParameterSets

    @property
    def seconds(self) -> float:
        """Duration of one loop in seconds."""
        return float(self.duration * self.tick)

    @property
    def fps(self) -> float:
        """Mean pictures a second; frame f of a clip of constant rate is presented at f / fps."""
        return float(len(self.units) / (self.duration * self.tick))

    def scheduled(self, index: int) -> Scheduled:
        """The ``index``-th access unit of the endless timeline, in decoding order; -1 is the last one before loop 0."""
        loop, position = divmod(index, len(self.units))
        unit = self.units[position]
        start = loop * self.duration
        return Scheduled(unit, start + unit.presented, start + unit.due)

    def index_due(self, seconds: float) -> int:
        """Index of the first access unit that is due at or after ``seconds`` on the endless timeline."""
        loop, within = divmod(Fraction(seconds) / self.tick, self.duration)
        # An access unit held back for reordering may be due after its loop has ended: look from the loop before on.
        first = (int(loop) - 1) * len(self.units)
        target = math.ceil(loop * self.duration + within)
        return first + bisect.bisect_left(range(2 * len(self.units)), target, key=lambda k: self.scheduled(first + k).due)

    @classmethod
    def load(cls, path: Path) -> Footage:
        """Reads the first video track of an MP4, MOV or Matroska file; other tracks are ignored.

        Raises:
            FootageError: it cannot be read, or is not H.264 that can be looped.
        """
        try:
            with av.open(path) as container:
                if not container.streams.video:
                    raise FootageError(f"{path}: no video track")
                stream = container.streams.video[0]
                codec = stream.codec_context
                if codec.name != "h264":
                    raise FootageError(f"{path}: the video is {codec.name}; expected H.264")
                if codec.extradata is None or codec.extradata[0] != _AVCC_VERSION:
                    raise FootageError(f"{path}: no avcC record; put the stream into an MP4 file (ffmpeg -i IN -c copy OUT.mp4)")
                sets = parse_avcc(codec.extradata)
                assert stream.time_base is not None  # noqa: S101 - every demuxed track has one
                return cls._assemble(path, list(_packets(container, stream)), stream.time_base, sets)
        except (OSError, av.FFmpegError) as error:
            raise FootageError(f"{path}: cannot be read as a video: {error}") from error
        except (struct.error, IndexError) as error:
            raise FootageError(f"{path}: damaged H.264: {error}") from error

    @classmethod
    def _assemble(cls, path: Path, packets: list[_Packet], tick: Fraction, sets: ParameterSets) -> Footage:
        if len(packets) < 2:
            raise FootageError(f"{path}: {len(packets)} pictures; expected at least two")
        if not packets[0].keyframe:
            raise FootageError(f"{path}: does not start with a keyframe; re-encode it")
        shown = sorted(packet.pts for packet in packets)
        if any(later <= earlier for earlier, later in itertools.pairwise(shown)):
            raise FootageError(f"{path}: two pictures have one presentation time; re-encode it at a constant frame rate")
        origin = shown[0]
        # A picture that others were coded from before it was shown (pts > dts) is sent when it exists, not when it is decoded.
        reordering = max(packet.pts - packet.dts for packet in packets)
        units = []
        for packet in packets:
            nals = split_nals(packet.data, sets.length_size)
            if packet.keyframe:
                nals = (*sets.sps, *sets.pps, *(nal for nal in nals if nal[0] & 31 not in (_SPS, _PPS)))
            units.append(AccessUnit(packet.pts - origin, packet.dts + reordering - origin, packet.keyframe, nals))
        span = shown[-1] - origin
        return cls(tuple(units), tick, span + round(span / (len(shown) - 1)), sets)


@dataclass(frozen=True, slots=True)
class _Packet:
    pts: int
    dts: int
    keyframe: bool
    data: bytes


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[_Packet]:
    for packet in container.demux(stream):
        if packet.size == 0:  # the demuxer's end mark
            continue
        if packet.pts is None or packet.dts is None:
            raise FootageError(f"{container.name}: a picture has no time; re-encode it")
        yield _Packet(packet.pts, packet.dts, packet.is_keyframe, bytes(packet))


def parse_avcc(record: bytes) -> ParameterSets:
    """Reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
    length_size = (record[4] & 3) + 1
    position = 6
    sps, position = _counted(record, record[5] & 31, position)
    pps, position = _counted(record, record[position], position + 1)
    return ParameterSets(sps, pps, length_size)


def _counted(record: bytes, count: int, position: int) -> tuple[tuple[bytes, ...], int]:
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from(">H", record, position)
        position += 2
        found.append(record[position : position + size])
        position += size
    return tuple(found), position


def split_nals(data: bytes, length_size: int) -> tuple[bytes, ...]:
    """The NAL units of an access unit in which each has its length in front, ``length_size`` bytes, big-endian."""
    nals = []
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        if size == 0 or position + size > len(data):
            raise FootageError(f"damaged H.264: a NAL unit of {size} bytes at byte {position} of {len(data)}")
        nals.append(data[position : position + size])
        position += size
    return tuple(nals)
