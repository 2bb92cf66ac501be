"""RTP payloads carry every NAL unit through, and reports say what time it is."""

from __future__ import annotations

import itertools
import random
import struct

import pytest

from simulation.rtsp.packets import RtpStream, packetise
from tests.support.rtsp_client import RtpPacket, depacketise
from throughline.times import Instant

NTP_1970 = 2_208_988_800


@pytest.mark.parametrize("size", [1, 2, 99, 100, 101, 197, 198, 199, 1000])
def test_nal_units_come_out_as_they_went_in(size: int) -> None:
    generator = random.Random(size)
    nals = (b"\x67" + generator.randbytes(10), b"\x68\x01", b"\x65" + generator.randbytes(size - 1), b"\x41\x02")
    stream = RtpStream("c01", generator)
    packets = [RtpPacket.parse(packet) for packet in stream.packets(packetise(nals, limit=100), ticks=900)]

    assert depacketise(packets) == list(nals)
    assert all(len(packet.payload) <= 100 for packet in packets)
    assert [packet.marker for packet in packets] == [False] * (len(packets) - 1) + [True]
    assert {packet.timestamp for packet in packets} == {stream.timestamp(900)}
    assert {packet.ssrc for packet in packets} == {stream.ssrc}


def test_sequence_numbers_go_on_over_access_units_and_wrap() -> None:
    stream = RtpStream("c01", random.Random(1))
    numbers = [
        RtpPacket.parse(packet).sequence
        for ticks in range(700)
        for packet in stream.packets(packetise([bytes(9000)], limit=90), ticks)
    ]
    assert len(numbers) > 65_536
    assert all((second - first) % 65_536 == 1 for first, second in itertools.pairwise(numbers))


def test_a_report_maps_the_stream_s_time_to_the_clock() -> None:
    stream = RtpStream("c01", random.Random(3))
    packets = stream.packets(packetise([bytes(2500)]), ticks=0)
    stream.count(packets)
    wall: Instant = 1_700_000_000_123_457
    report = stream.report(wall, ticks=123_456)

    head, kind, words, ssrc, seconds, fraction, timestamp, count, octets = struct.unpack_from(">BBHIIIIII", report)
    assert (head, kind, words, ssrc) == (0x80, 200, 6, stream.ssrc)
    assert (seconds - NTP_1970) * 1_000_000 + (fraction * 1_000_000 >> 32) == wall
    assert timestamp == stream.timestamp(123_456)
    assert (count, octets) == (2, sum(len(packet) - 12 for packet in packets))


@pytest.mark.parametrize("name", ["c", "c01", "camera", "cameras", "x" * 300])
def test_a_report_names_its_sender_in_a_well_formed_description(name: str) -> None:
    stream = RtpStream(name, random.Random(3))
    description = stream.report(0, 0)[28:]
    head, kind, words, ssrc, item, length = struct.unpack_from(">BBHIBB", description)
    assert (head, kind, ssrc, item) == (0x81, 202, stream.ssrc, 1)
    assert len(description) == 4 * (words + 1)
    assert description[10 : 10 + length].decode() == name[:255]
    padding = description[10 + length :]
    assert padding
    assert not padding.strip(b"\0")
