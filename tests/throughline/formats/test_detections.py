from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from throughline.formats import FormatError
from throughline.formats.detections import RecordedDetections, detection_lines, read_detections
from throughline.settings import parse_site
from throughline.types import Detections

SITE = parse_site("site: s\ncameras: [{id: c2}, {id: c1}]")


def read(folder: Path, text: str, frames: str | None = None) -> RecordedDetections:
    (folder / "c1.txt").write_text(text)
    if frames is not None:
        (folder / "c1.frames").write_text(frames)
    (recorded,) = read_detections(folder, SITE)
    return recorded


def test_rows_of_any_order_become_frames(tmp_path: Path) -> None:
    recorded = read(tmp_path, "4,-1,10,20,30,40,0.5,2,-1,-1\n2,-1,1,2,3,4,0.75,-1,-1,-1\n\n4,-1,0,0,9,9\n")
    assert recorded.camera == "c1"
    assert recorded.frames.numbers.tolist() == [1, 2, 3, 4]
    assert [len(recorded.of(index)) for index in range(4)] == [0, 1, 0, 2]
    assert recorded.of(1).boxes.tolist() == [[1, 2, 4, 6]]
    last = recorded.of(3)
    assert last.boxes.tolist() == [[10, 20, 40, 60], [0, 0, 9, 9]]
    assert last.scores.tolist() == [0.5, 1.0], "a detection without a confidence is sure"
    assert last.classes.tolist() == [2, 4], "-1 and nothing are a vehicle of unknown class"
    assert recorded.of(1).classes.tolist() == [4]


def test_listed_frames_without_rows_are_empty_and_unlisted_ones_dropped(tmp_path: Path) -> None:
    recorded = read(tmp_path, "4,-1,0,0,9,9,1,0\n7,-1,0,0,9,9,1,0\n", "2\n4\n7\n9\n")
    assert recorded.frames.numbers.tolist() == [2, 4, 7, 9]
    assert [len(recorded.of(index)) for index in range(4)] == [0, 1, 1, 0]


def test_rows_of_an_unlisted_frame_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"c1\.txt:3: frame 5 is not listed in c1\.frames"):
        read(tmp_path, "4,-1,0,0,9,9,1,0\n\n5,-1,0,0,9,9,1,0\n", "4\n6\n")


def test_boxes_and_scores_survive_to_the_last_bit() -> None:
    random = np.random.default_rng(0)
    corner = random.normal(0, 500, (2000, 2))
    boxes = np.concatenate((corner, corner + random.lognormal(2, 3, (2000, 2))), axis=1).astype(np.float32)
    seen = Detections(boxes, random.random(2000).astype(np.float32), random.integers(0, 5, 2000))
    text = detection_lines(3, seen)
    values = np.array([[float(part) for part in line.split(",")] for line in text.splitlines()])
    again = np.concatenate((values[:, 2:4], values[:, 2:4] + values[:, 4:6]), axis=1).astype(np.float32)
    np.testing.assert_array_equal(again, boxes)
    np.testing.assert_array_equal(values[:, 6].astype(np.float32), seen.scores)
    assert text.splitlines()[0].endswith(",-1,-1")


def test_boxes_that_no_tracker_can_use_are_left_to_it(tmp_path: Path) -> None:
    recorded = read(tmp_path, "1,-1,nan,0,9,9,1,0\n1,-1,0,0,0,9,1,0\n1,-1,0,0,inf,9,1e300,0\n1,-1,1e300,-1e300,9,9,nan,0\n")
    assert len(recorded.of(0)) == 4


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,-1,0,0,9", "expected at least 6 numbers"),
        ("1,-1,0,0,9,nine", "expected numbers, frame,-1,x,y"),
        ("0,-1,0,0,9,9", "frame must be a whole number from 1 on, found 0"),
        ("1.5,-1,0,0,9,9", "frame must be a whole number"),
        ("1,-1,0,0,9,9,0.5,5", "class must be a whole number from -1 to 4, found 5"),
        ("1,-1,0,0,9,9,0.5,0.5", "class must be a whole number"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem) as caught:
        read(tmp_path, f"1,-1,0,0,9,9,1,0\n\n{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'c1.txt'}:3: ")


def test_a_frame_number_beyond_reason_asks_for_a_list(tmp_path: Path) -> None:
    row = "1700000000,-1,0,0,9,9,1,0\n"
    with pytest.raises(FormatError, match=r"list those that were analysed in c1\.frames"):
        read(tmp_path, row)
    assert len(read(tmp_path, row, "1700000000\n").of(0)) == 1


def test_cameras_come_in_the_order_of_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "c1.txt").write_text("1,-1,0,0,9,9\n")
    (tmp_path / "c2.json").write_text(json.dumps([{"image_id": 2, "category_id": 3, "bbox": [0, 0, 9, 9], "score": 0.5}]))
    second, first = read_detections(tmp_path, SITE)
    assert (second.camera, first.camera) == ("c2", "c1")
    assert second.frames.numbers.tolist() == [1, 2]
    (tmp_path / "c2.frames").write_text("2\n5\n")
    second, _ = read_detections(tmp_path, SITE)
    assert second.frames.numbers.tolist() == [2, 5]
    for other in ("5\n", ""):
        (tmp_path / "c2.frames").write_text(other)
        with pytest.raises(FormatError, match=r"c2\.json: frame 2 is not listed in c2\.frames"):
            list(read_detections(tmp_path, SITE))


def test_a_coco_data_set_lists_its_frames_itself(tmp_path: Path) -> None:
    (tmp_path / "c1.json").write_text(json.dumps({"images": [{"id": 4}], "annotations": []}))
    (recorded,) = read_detections(tmp_path, SITE)
    assert recorded.frames.numbers.tolist() == [4]
    (tmp_path / "c1.frames").write_text("4\n")
    with pytest.raises(FormatError, match=r"c1\.frames: c1\.json lists its frames itself"):
        list(read_detections(tmp_path, SITE))


def test_folders_that_do_not_fit_the_site(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        list(read_detections(tmp_path / "none", SITE))
    with pytest.raises(FormatError, match=r"expected <camera>\.txt or <camera>\.json .* such as c2\.txt"):
        list(read_detections(tmp_path, SITE))
    (tmp_path / "c1.txt").write_text("")
    (tmp_path / "c1.json").write_text("[]")
    with pytest.raises(FormatError, match="is there as well"):
        list(read_detections(tmp_path, SITE))
    (tmp_path / "c1.json").rename(tmp_path / "c9.json")
    with pytest.raises(FormatError, match=r"c9\.json: the site s has no camera c9; it has c1, c2"):
        list(read_detections(tmp_path, SITE))
