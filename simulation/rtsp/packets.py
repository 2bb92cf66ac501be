"""RTP packets of H.264 (RFC 6184) and RTCP sender reports (RFC 3550)."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence

from throughline.times import MICROSECONDS, Instant

__all__ = ["CLOCK_RATE", "PAYLOAD_TYPE", "RtpStream", "noise_report", "packetise"]

CLOCK_RATE = 90_000
"""Ticks a second of RTP timestamps for video."""
PAYLOAD_TYPE = 96

_VERSION = 0x80
_MARKER = 0x80
_FU_A = 28
_FU_START, _FU_END = 0x80, 0x40
_SENDER_REPORT, _SOURCE_DESCRIPTION, _CNAME = 200, 202, 1
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970


def packetise(nals: Sequence[bytes], limit: int = 1400) -> list[tuple[bytes, bool]]:
    """RTP payloads of one access unit in packetization mode 1.

    Args:
        nals: Its NAL units; each is a payload of its own, or is cut into FU-A fragments.
        limit: Bytes of the longest payload.

    Returns:
        (payload, marker) pairs; the marker stands on the last one.
    """
    payloads: list[bytes] = []
    for nal in nals:
        if len(nal) <= limit:
            payloads.append(nal)
            continue
        indicator, kind = (nal[0] & 0xE0) | _FU_A, nal[0] & 0x1F
        step = limit - 2
        for start in range(1, len(nal), step):
            end = min(start + step, len(nal))
            flags = (_FU_START if start == 1 else 0) | (_FU_END if end == len(nal) else 0)
            payloads.append(bytes((indicator, flags | kind)) + nal[start:end])
    return [(payload, position == len(payloads) - 1) for position, payload in enumerate(payloads)]


class RtpStream:
    """One sender's numbering: what a receiver of one RTP session sees.

    Args:
        name: Canonical name in reports.
        generator: Source of the random start values that RFC 3550 asks for.
    """

    def __init__(self, name: str, generator: random.Random) -> None:
        self.ssrc = generator.getrandbits(32)
        self._name = name.encode()[:255]
        self._sequence = generator.getrandbits(16)
        self._base = generator.getrandbits(31)
        self._packets = 0
        self._octets = 0

    def timestamp(self, ticks: int) -> int:
        """RTP timestamp of an instant ``ticks`` of `CLOCK_RATE` after the camera's time zero."""
        return (self._base + ticks) & 0xFFFFFFFF

    def packets(self, payloads: Iterable[tuple[bytes, bool]], ticks: int) -> list[bytes]:
        """Numbered packets of one access unit, which is presented at ``ticks``."""
        timestamp = self.timestamp(ticks)
        packets = []
        for payload, marker in payloads:
            kind = PAYLOAD_TYPE | (_MARKER if marker else 0)
            packets.append(struct.pack(">BBHII", _VERSION, kind, self._sequence, timestamp, self.ssrc) + payload)
            self._sequence = (self._sequence + 1) & 0xFFFF
        return packets

    def count(self, packets: Iterable[bytes]) -> None:
        """Notes packets as sent, for the reports."""
        for packet in packets:
            self._packets += 1
            self._octets += len(packet) - 12

    def report(self, wall: Instant, ticks: int) -> bytes:
        """Sender report with the canonical name: at ``ticks`` the camera's clock showed ``wall``."""
        seconds, rest = divmod(wall, MICROSECONDS)
        # Rounded up, so that a receiver that rounds down gets the same microsecond back.
        fraction = -(-(rest << 32) // MICROSECONDS)
        report = struct.pack(
            ">BBHIIIIII",
            _VERSION,
            _SENDER_REPORT,
            6,
            self.ssrc,
            (seconds + _NTP_EPOCH) & 0xFFFFFFFF,
            fraction,
            self.timestamp(ticks),
            self._packets & 0xFFFFFFFF,
            self._octets & 0xFFFFFFFF,
        )
        item = bytes((_CNAME, len(self._name))) + self._name
        item += b"\0" * (4 - len(item) % 4)  # at least one zero ends the list
        return report + struct.pack(">BBHI", _VERSION | 1, _SOURCE_DESCRIPTION, 1 + len(item) // 4, self.ssrc) + item


def noise_report(generator: random.Random) -> bytes:
    """What stands where a report should be: half of the time under the head of a sender report, else not even that."""
    noise = generator.randbytes(4 * generator.randint(1, 24))
    if generator.random() < 0.5:
        return noise
    return struct.pack(">BBH", _VERSION, _SENDER_REPORT, 6) + noise
