from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from throughline.formats import FormatError
from throughline.formats.coco import CocoDetections, read_coco


def read(folder: Path, data: object) -> CocoDetections:
    path = folder / "c1.json"
    path.write_text(json.dumps(data))
    return read_coco(path)


def annotation(image: int, category: int, **more: object) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": [1, 2.5, 30, 40], **more}


def test_results_have_frame_numbers_and_the_ids_of_coco(tmp_path: Path) -> None:
    results = [annotation(7, category, score=category / 10) for category in (3, 4, 6, 8)] + [annotation(1, 1, score=0.9)]
    found = read(tmp_path, results)
    assert found.numbers.tolist() == [7, 7, 7, 7]
    assert found.classes.tolist() == [0, 1, 2, 3]
    assert found.scores.tolist() == [0.3, 0.4, 0.6, 0.8]
    assert found.boxes.tolist() == [[1, 2.5, 30, 40]] * 4
    assert found.frames is None
    assert found.left_out == {"category": 1}, "a person"


def test_a_data_set_names_categories_and_frames(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            "images": [
                {"id": 1, "file_name": "x/000031.jpg", "frame_id": 30},
                {"id": 2, "file_name": "clip-2/frame_000031.png"},
                {"id": 40, "file_name": "overview.png"},
                {"id": 41},
            ],
            "categories": [
                {"id": number, "name": name}
                for number, name in enumerate(["Car", "motorbike", "bus", "truck", "van", "vehicle", "person", "motorcycle"])
            ],
            "annotations": [annotation((1, 2, 40)[kind % 3], kind) for kind in range(8)] + [annotation(2, 0, iscrowd=1)],
        },
    )
    assert found.frames is not None
    assert found.frames.tolist() == [30, 31, 40, 41], "a picture without annotations is a frame in which nothing was seen"
    assert found.classes.tolist() == [0, 1, 2, 3, 4, 4, 1]
    assert found.numbers.tolist() == [30, 31, 40, 30, 31, 40, 31]
    assert found.scores.tolist() == [1.0] * 7
    assert found.left_out == {"category": 1, "crowd": 1}


def test_a_data_set_without_categories_has_those_of_coco(tmp_path: Path) -> None:
    found = read(tmp_path, {"images": [{"id": 1}], "annotations": [annotation(1, 8), annotation(1, 2)]})
    assert found.classes.tolist() == [3]
    assert found.left_out == {"category": 1}


def test_nothing_at_all_is_no_error(tmp_path: Path) -> None:
    assert read(tmp_path, []).boxes.shape == (0, 4)
    found = read(tmp_path, {"images": [], "annotations": []})
    assert found.frames is not None
    assert found.frames.tolist() == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (7, "expected a list of COCO results, or a COCO data set"),
        ({"images": []}, "expected a list of COCO results, or a COCO data set"),
        ({"images": {}, "annotations": []}, "images: expected a list"),
        ([annotation(1, 3), annotation(0, 3)], r"results\[1\]: image_id, .* must be a whole number from 1 on, found 0"),
        ([annotation(1, 3, score="high")], r"results\[0\]: Expected `float`, got `str` - at `\$.score`"),
        ([{"image_id": 1, "category_id": 3}], r"results\[0\]: Object missing required field `bbox`"),
        ([{"image_id": 1, "category_id": 3, "bbox": [1, 2, 3]}], r"results\[0\]: Expected `array` of length 4"),
        ({"images": [{"id": 1, "frame_id": 0}], "annotations": []}, r"images\[0\]: frame_id, .* from 1 on, found 0"),
        ({"images": [{"id": 5, "file_name": "f0.jpg"}], "annotations": []}, r"images\[0\]: file_name, .* from 1 on, found 0"),
        ({"images": [{"id": 0}], "annotations": []}, r"images\[0\]: id, .* from 1 on, found 0"),
        ({"images": [{"id": 1}, {"id": 1}], "annotations": []}, r"images\[1\]: the id 1 is given twice"),
        (
            {"images": [{"id": 1, "file_name": "a/7.jpg"}, {"id": 2, "file_name": "b/7.jpg"}], "annotations": []},
            "images 1 and 2 are both frame 7, by their file_name",
        ),
        ({"images": [{"id": 1}], "annotations": [annotation(2, 3)]}, r"annotations\[0\]: no image has the id 2"),
        ({"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1}]}, r"categories\[0\]: .*`name`"),
    ],
)
def test_errors_name_the_file_and_the_entry(tmp_path: Path, data: object, problem: str) -> None:
    with pytest.raises(FormatError, match=problem) as caught:
        read(tmp_path, data)
    assert str(caught.value).startswith(f"{tmp_path / 'c1.json'}: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.json: cannot be read"):
        read_coco(tmp_path / "none.json")
    (tmp_path / "c1.json").write_text("[{")
    with pytest.raises(FormatError, match=r"c1\.json: not valid JSON"):
        read_coco(tmp_path / "c1.json")
