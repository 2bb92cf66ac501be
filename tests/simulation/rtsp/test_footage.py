"""Footage is demuxed once, and loops without a break."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from simulation.rtsp import Footage, FootageError
from simulation.rtsp.footage import parse_avcc, split_nals
from tests.support.clips import coded_picture, write_clip


def _seconds(footage: Footage, ticks: int) -> Fraction:
    return ticks * footage.tick


def test_presentation_times_are_evenly_spaced_over_loops_and_before_time_zero(clip: Path) -> None:
    footage = Footage.load(clip)
    assert (footage.fps, footage.seconds, len(footage.units)) == (20.0, 1.5, 30)
    times = [_seconds(footage, footage.scheduled(index).presented) for index in range(-70, 100)]
    assert times == [Fraction(index, 20) for index in range(-70, 100)]


def test_without_reordering_a_picture_is_due_when_it_is_captured(clip: Path) -> None:
    footage = Footage.load(clip)
    assert all(unit.due == unit.presented for unit in footage.units)


def test_reordered_pictures_are_never_due_before_their_capture(reordered_clip: Path) -> None:
    footage = Footage.load(reordered_clip)
    scheduled = [footage.scheduled(index) for index in range(-40, 80)]
    due = [item.due for item in scheduled]
    presented = [item.presented for item in scheduled]

    assert presented != sorted(presented), "the clip should have B-frames"
    assert due == sorted(due)
    assert all(item.due >= item.presented for item in scheduled)
    assert sorted(item.presented for item in scheduled[40:70]) == [footage.duration * n // 30 for n in range(30)]


@pytest.mark.parametrize("which", ["clip", "reordered_clip"])
def test_index_due_finds_the_next_access_unit_at_any_time(which: str, request: pytest.FixtureRequest) -> None:
    footage = Footage.load(request.getfixturevalue(which))
    for seconds in (-3.01, -1.5, -0.02, 0.0, 0.001, 0.05, 1.49, 1.5, 7.77):
        index = footage.index_due(seconds)
        assert _seconds(footage, footage.scheduled(index).due) >= seconds
        assert _seconds(footage, footage.scheduled(index - 1).due) < seconds


def test_keyframes_carry_their_parameter_sets_once(clip: Path) -> None:
    footage = Footage.load(clip)
    kinds = [[nal[0] & 31 for nal in unit.nals] for unit in footage.units]
    for unit, kind in zip(footage.units, kinds, strict=True):
        assert (kind[:2] == [7, 8]) == unit.keyframe
        assert kind.count(7) == kind.count(8) == int(unit.keyframe)
    assert [unit.keyframe for unit in footage.units] == [number % 5 == 0 for number in range(30)]


def test_a_decoder_reads_what_was_demuxed(clip: Path) -> None:
    footage = Footage.load(clip)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = 0
    for unit in footage.units:
        shown += len(decoder.decode(av.Packet(b"".join(b"\0\0\0\1" + nal for nal in unit.nals))))
    shown += len(decoder.decode(None))
    assert shown == 30


def test_an_avcc_record_with_two_parameter_sets_of_each_kind() -> None:
    record = bytes((1, 66, 0, 30, 0xFD, 0xE2, 0, 2, 0x67, 1, 0, 3, 0x67, 2, 2, 2, 0, 1, 0x68, 0, 2, 0x68, 9))
    sets = parse_avcc(record)
    assert sets.sps == (b"\x67\x01", b"\x67\x02\x02")
    assert sets.pps == (b"\x68", b"\x68\x09")
    assert sets.length_size == 2
    assert split_nals(b"\0\x02ab\0\x01c", sets.length_size) == (b"ab", b"c")


def test_a_nal_unit_longer_than_its_access_unit_is_refused() -> None:
    with pytest.raises(FootageError, match="5 bytes"):
        split_nals(b"\0\0\0\x05ab", 4)


@pytest.mark.parametrize(
    ("suffix", "codec", "complaint"),
    [("mp4", "mpeg4", "mpeg4; expected H.264"), ("ts", "libx264", "no avcC record")],
)
def test_footage_that_cannot_be_served_is_refused_with_a_reason(tmp_path: Path, suffix: str, codec: str, complaint: str) -> None:
    path = write_clip(tmp_path / f"clip.{suffix}", [coded_picture(n) for n in range(4)], codec=codec)
    with pytest.raises(FootageError, match=complaint):
        Footage.load(path)


def test_what_is_no_video_is_refused_with_a_reason(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("nothing to see here")
    with pytest.raises(FootageError, match=r"notes\.txt: cannot be read as a video"):
        Footage.load(text)
    with pytest.raises(FootageError, match=r"absent\.mp4: cannot be read as a video"):
        Footage.load(tmp_path / "absent.mp4")
    with pytest.raises(FootageError, match="1 pictures; expected at least two"):
        Footage.load(write_clip(tmp_path / "still.mp4", [coded_picture(0)]))
