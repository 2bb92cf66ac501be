from __future__ import annotations

from pathlib import Path

import pytest

from throughline.formats import FormatError
from throughline.formats.frames import AnalysedFrames, frame_line, read_frames
from throughline.formats.recorded_tracks import frame_time
from throughline.settings import CameraSettings

CAMERA = CameraSettings.model_validate({"id": "c1", "fps": 8, "recorded_fps": 29.97, "clock": {"offset": -1.5}})


def read(folder: Path, text: str) -> AnalysedFrames:
    (folder / "c1.frames").write_text(text)
    return read_frames(folder / "c1.frames")


def test_numbers_alone_become_times_by_the_frame_rate(tmp_path: Path) -> None:
    frames = read(tmp_path, "5\n1\n\n1000003\n")
    assert frames.numbers.tolist() == [1, 5, 1_000_003]
    assert frames.times(CAMERA).tolist() == [frame_time(CAMERA, number) for number in (1, 5, 1_000_003)]
    assert frames.sizes is None
    assert frames.cuts is None
    every = AnalysedFrames.up_to(3000)
    assert every.times(CAMERA).tolist() == [frame_time(CAMERA, number) for number in range(1, 3001)]


def test_what_is_written_is_read_to_the_microsecond(tmp_path: Path) -> None:
    written = [
        (3, 1_700_000_000_123_457, (1920, 1080), False),
        (4, 1_700_000_000_123_458, (1920, 1080), False),
        (9, 1_999_999_999_999_999, (640, 480), True),
    ]
    frames = read(tmp_path, "".join(frame_line(number, clock, size, cut=cut) for number, clock, size, cut in written))
    assert frames.numbers.tolist() == [3, 4, 9]
    assert frames.times(CAMERA).tolist() == [clock - 1_500_000 for _, clock, _, _ in written]
    assert frames.sizes is not None
    assert frames.sizes.tolist() == [[1920, 1080], [1920, 1080], [640, 480]]
    assert frames.cuts is not None
    assert frames.cuts.tolist() == [False, False, True]


def test_lines_may_come_in_any_order(tmp_path: Path) -> None:
    frames = read(tmp_path, "9,3.5,64,48,1\n2,1.25,32,24,0\n")
    assert frames.numbers.tolist() == [2, 9]
    assert frames.clock is not None
    assert frames.clock.tolist() == [1_250_000, 3_500_000]
    assert frames.sizes is not None
    assert frames.sizes.tolist() == [[32, 24], [64, 48]]
    assert frames.cuts is not None
    assert frames.cuts.tolist() == [False, True]


def test_a_camera_may_have_seen_no_frame(tmp_path: Path) -> None:
    frames = read(tmp_path, "")
    assert len(frames) == 0
    assert frames.times(CAMERA).tolist() == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0", "the number of a frame must be a whole number from 1 on, found 0"),
        ("2.5", "whole number from 1 on, found 2.5"),
        ("1", "frame 1 stands there twice"),
        ("two", "expected numbers, number"),
    ],
)
def test_errors_of_numbers_name_file_and_line(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem) as caught:
        read(tmp_path, f"1\n\n{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'c1.frames'}:3: ")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("2", "expected a time in seconds, as on the other lines"),
        ("2,inf,64,48", "expected a time in seconds"),
        ("2,1700000000000,64,48", "expected a time in seconds"),
        ("2,1.5", "width must be a whole number from 1 to 65536"),
        ("2,1.5,64", "height must be a whole number"),
        ("2,1.5,0,48", "width must be a whole number"),
        ("2,1.5,64,48,2", "cut must be a whole number from 0 to 1, found 2"),
    ],
)
def test_errors_of_the_other_columns_name_file_and_line(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem) as caught:
        read(tmp_path, f"1,1.0,64,48\n{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'c1.frames'}:2: ")
