"""Pictures with boxes in YOLO's text form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from throughline.formats import FormatError
from throughline.formats.yolo_folder import corners, read_yolo_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images", "labels", "ignore"):
        (tmp_path / name).mkdir()
    for name in ("b.jpg", "a.PNG", "notes.txt"):
        (tmp_path / "images" / name).write_bytes(b"")
    (tmp_path / "labels" / "b.txt").write_text("0 0.5 0.5 0.2 0.4\n4 0.25 0.25 0.5 0.5\n")
    (tmp_path / "ignore" / "b.txt").write_text("9 0.9 0.9 0.2 0.2\n")
    (tmp_path / "labels" / "classes.txt").write_text("car\n")
    return tmp_path


def test_pictures_by_name_with_their_boxes(folder: Path) -> None:
    first, second = read_yolo_folder(folder)
    assert (first.path.name, first.labelled, first.boxes.shape, first.ignored.shape) == ("a.PNG", False, (0, 4), (0, 4))
    assert (second.path.name, second.labelled, second.classes.tolist()) == ("b.jpg", True, [0, 4])
    assert second.boxes.tolist() == [[0.5, 0.5, 0.2, 0.4], [0.25, 0.25, 0.5, 0.5]]
    assert second.ignored.tolist() == [[0.9, 0.9, 0.2, 0.2]]


def test_corners_are_in_pixels_and_inside_the_picture() -> None:
    boxes = np.array([[0.5, 0.5, 0.2, 0.4], [0.95, 0.5, 0.2, 1.0]])
    assert corners(boxes, 200, 100) == pytest.approx(np.array([[80, 30, 120, 70], [170, 0, 200, 100]]))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("5 0.5 0.5 0.1 0.1", r"b\.txt:1: there is no class 5: 0 car, 1 motorcycle"),
        ("0.5 0.5 0.5 0.1 0.1", r"b\.txt:1: class must be a whole number"),
        ("0 0.5 0.5 0.1", r"b\.txt:1: expected at least 5 finite numbers, class cx cy w h"),
        ("0 0.5 0.5 0.1 x", r"b\.txt:1: expected numbers, class cx cy w h"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", r"b\.txt:1: .* outlines are no boxes"),
        ("0 0.5 0.5 0 0.1", r"b\.txt:1: expected a box inside the picture"),
        ("0 50 50 20 20", r"b\.txt:1: expected a box inside the picture"),
    ],
)
def test_rows_that_are_no_boxes_are_refused(folder: Path, row: str, message: str) -> None:
    (folder / "labels" / "b.txt").write_text(f"{row}\n")
    with pytest.raises(FormatError, match=message):
        read_yolo_folder(folder)


def test_files_that_do_not_fit_together_are_refused(folder: Path) -> None:
    (folder / "labels" / "c.txt").write_text("")
    with pytest.raises(FormatError, match=r"c\.txt: there is no picture c in"):
        read_yolo_folder(folder)
    (folder / "images" / "b.png").write_bytes(b"")
    with pytest.raises(FormatError, match=r"b\.png: b\.jpg has the same labels"):
        read_yolo_folder(folder)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"images: no such folder; expected .*/images and .*/labels"):
        read_yolo_folder(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(FormatError, match=r"images: no pictures; looked for \.bmp"):
        read_yolo_folder(tmp_path)
    (tmp_path / "images" / "a.jpg").write_bytes(b"")
    with pytest.raises(FormatError, match="labels: no such folder"):
        read_yolo_folder(tmp_path)
