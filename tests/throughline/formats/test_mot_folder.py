from __future__ import annotations

from pathlib import Path

import pytest

from throughline.formats import FormatError
from throughline.formats.mot import MotRow
from throughline.formats.mot_folder import read_mot_folder


def put(path: Path, text: str = "1,4,0,0,9,9\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_every_layout_is_read_by_the_name_of_the_camera(tmp_path: Path) -> None:
    put(tmp_path / "c2.txt")
    put(tmp_path / "c1" / "gt" / "gt.txt", "1,5,0,0,9,9,0\n")
    put(tmp_path / "c3" / "gt.txt", "")
    put(tmp_path / "c3" / "notes.txt", "not rows")
    put(tmp_path / "readme.md", "not rows")
    rows = read_mot_folder(tmp_path)
    assert rows == {"c1": [MotRow(1, 5, 0, 0, 9, 9, 0.0)], "c2": [MotRow(1, 4, 0, 0, 9, 9)], "c3": []}
    assert list(rows) == ["c1", "c2", "c3"]


def test_the_rows_of_all_cameras_that_associate_adds_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "c1.txt")
    put(tmp_path / "tracks.txt", "1 4 1 0 0 9 9 -1 -1\n")
    assert list(read_mot_folder(tmp_path)) == ["c1"]


def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="none: no such folder"):
        read_mot_folder(tmp_path / "none")
    with pytest.raises(FormatError, match=r"expected <camera>\.txt"):
        read_mot_folder(tmp_path)
    put(tmp_path / "c1.txt")
    put(tmp_path / "c1" / "gt.txt")
    with pytest.raises(FormatError, match="camera c1 has two files"):
        read_mot_folder(tmp_path)
    (tmp_path / "c1.txt").unlink()
    put(tmp_path / "c2.txt", "1,4,0,0,9,9\n2,5,0,0,9,9\n2,4,0,0,9,9\n2,5,1,1,9,9\n")
    with pytest.raises(FormatError, match=r"c2\.txt: track 5 has two boxes in one frame, 2"):
        read_mot_folder(tmp_path)
