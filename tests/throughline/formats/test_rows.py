from __future__ import annotations

from pathlib import Path

import pytest

from throughline.formats import FormatError
from throughline.formats.aicity import AiCityRow, read_aicity, write_aicity
from throughline.formats.mot import MotRow, read_mot, write_mot


def test_mot_rows_survive_writing(tmp_path: Path) -> None:
    rows = [MotRow(1, 4, 10.25, 20.5, 30.0, 40.0, 0.75, 2), MotRow(2, -1, -3.5, 0.0, 1.0, 1.0)]
    write_mot(tmp_path / "c1.txt", rows)
    assert (tmp_path / "c1.txt").read_text().splitlines()[0] == "1,4,10.25,20.50,30.00,40.00,0.75,2,-1,-1"
    assert read_mot(tmp_path / "c1.txt") == rows


def test_short_mot_rows_and_trailing_commas_are_read(tmp_path: Path) -> None:
    path = tmp_path / "c1.txt"
    path.write_text("1,4,0,0,9,9\n\n 2, 4, 1, 1, 9, 9, 0.5,\n")
    assert read_mot(path) == [MotRow(1, 4, 0, 0, 9, 9), MotRow(2, 4, 1, 1, 9, 9, 0.5)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,4,0,0,9", "at least 6"),
        ("1,4,0,0,nine,9", "expected numbers"),
        ("1.5,4,0,0,9,9", "frame must be a whole number"),
        ("1,4.2,0,0,9,9", "id must be a whole number"),
        ("0,4,0,0,9,9", "counted from 1"),
        ("1,4,0,0,0,9", "width and a height"),
        ("1,4,nan,0,9,9", "finite"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "c1.txt"
    path.write_text(f"1,4,0,0,9,9\n{line}\n")
    with pytest.raises(FormatError, match=problem) as caught:
        read_mot(path)
    assert str(caught.value).startswith(f"{path}:2: ")


def test_a_missing_or_binary_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        read_mot(tmp_path / "none.txt")
    (tmp_path / "bin.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="cannot be read"):
        read_mot(tmp_path / "bin.txt")


def test_aicity_rows_survive_writing(tmp_path: Path) -> None:
    rows = [AiCityRow(1, 7, 3, 10.0, 20.0, 30.0, 40.0), AiCityRow(16, 7, 9, 0.5, 0.25, 3.0, 4.0)]
    write_aicity(tmp_path / "tracks.txt", rows)
    assert (tmp_path / "tracks.txt").read_text().splitlines()[0] == "1 7 3 10.00 20.00 30.00 40.00 -1 -1"
    assert read_aicity(tmp_path / "tracks.txt") == rows
    (tmp_path / "bad.txt").write_text("1 7 3 10\n")
    with pytest.raises(FormatError, match=r"bad\.txt:1: expected at least 7"):
        read_aicity(tmp_path / "bad.txt")
