"""COCO data sets as labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from throughline.formats import FormatError
from throughline.formats.coco_pictures import read_coco_pictures
from throughline.formats.yolo_folder import corners

DATA: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "b.jpg", "width": 200, "height": 100},
        {"id": 9, "file_name": "a.jpg", "width": 640, "height": 480},
    ],
    "annotations": [
        {"image_id": 7, "category_id": 1, "bbox": [10, 20, 40, 30]},
        {"image_id": 7, "category_id": 2, "bbox": [0, 0, 5, 5]},
        {"image_id": 7, "category_id": 3, "bbox": [100, 0, 100, 50], "iscrowd": 1},
    ],
    "categories": [{"id": 1, "name": "Truck"}, {"id": 2, "name": "person"}, {"id": 3, "name": "car"}],
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "annotations.json"
    path.write_text(json.dumps({**DATA, **changes}))
    return path


@pytest.mark.parametrize("place", [".", "images", "elsewhere"])
def test_pictures_have_their_vehicles_and_crowds(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / place / name).write_bytes(b"")
    empty, full = read_coco_pictures(written(tmp_path), tmp_path / place if place == "elsewhere" else None)
    assert (empty.path.name, len(empty.classes), empty.labelled) == ("a.jpg", 0, True)
    assert full.classes.tolist() == [3]
    np.testing.assert_allclose(corners(full.boxes, 200, 100), [[10, 20, 50, 50]])
    np.testing.assert_allclose(corners(full.ignored, 200, 100), [[100, 0, 200, 50]])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"images": []}, "names no pictures"),
        ({"images": [{"id": 7, "file_name": "b.jpg"}]}, r"images\[0\]: Object missing required field `width`"),
        ({"images": DATA["images"] * 2}, r"images\[2\]: the id 7 is given twice"),
        ({"annotations": [{"image_id": 8, "category_id": 1, "bbox": [0, 0, 1, 1]}]}, r"annotations\[0\]: no image has the id 8"),
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [0, 0, 0, 1]}]}, r"annotations\[0\]: a box must have"),
        ({}, r"images\[0\]: no b\.jpg in"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        read_coco_pictures(written(tmp_path, **changes))


def test_results_are_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(FormatError, match="expected a COCO data set"):
        read_coco_pictures(tmp_path / "results.json")
