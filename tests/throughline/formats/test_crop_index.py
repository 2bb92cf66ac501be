"""Crops with an index."""

from __future__ import annotations

from pathlib import Path

import pytest

from throughline.formats import FormatError
from throughline.formats.crop_index import natural_order, read_crop_index


def write(folder: Path, text: str, *files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(b"")
    (folder / "index.csv").write_text(text)
    return folder


def test_pictures_in_the_order_of_the_index(tmp_path: Path) -> None:
    folder = write(tmp_path, "file,vehicle_id,class,cam,w\nb.jpg,v2,car,2,9\nin/a.jpg, v1 ,,1,9\n\n", "b.jpg", "in/a.jpg")
    second, first = read_crop_index(folder)
    assert (second.path, second.vehicle, second.camera, second.kind) == (folder / "b.jpg", "v2", "2", "car")
    assert (first.path, first.vehicle, first.camera, first.kind) == (folder / "in" / "a.jpg", "v1", "1", "")
    assert first.columns["w"] == "9"


def test_vehicles_and_cameras_may_be_told_by_other_columns(tmp_path: Path) -> None:
    folder = write(tmp_path, "file,sequence,number,view\na.jpg,night,7,0\n", "a.jpg")
    (crop,) = read_crop_index(folder, vehicle=("sequence", "number"), camera="view")
    assert (crop.vehicle, crop.camera) == ("night/7", "0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"index\.csv:1: expected columns file, vehicle_id, cam; missing: file, vehicle_id, cam"),
        ("file,cam\na.jpg,1\n", r"index\.csv:1: .* missing: vehicle_id"),
        ("file,vehicle_id,cam\na.jpg,1\n", r"index\.csv:2: expected 3 values, found 2"),
        ("file,vehicle_id,cam\na.jpg,,1\n", r"index\.csv:2: vehicle_id is empty"),
        ("file,vehicle_id,cam\na.jpg,1,1\na.jpg,1,2\n", r"index\.csv:3: a\.jpg is named twice"),
        ("file,vehicle_id,cam\nb.jpg,1,1\n", r"index\.csv:2: .*b\.jpg: no such file"),
        ("file,vehicle_id,cam\n", r"index\.csv: names no pictures"),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_crop_index(write(tmp_path, text, "a.jpg"))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="none: no such folder"):
        read_crop_index(tmp_path / "none")
    with pytest.raises(FormatError, match=r"index\.csv: no such file"):
        read_crop_index(tmp_path)


def test_names_are_ordered_by_their_numbers() -> None:
    assert sorted(["c10", "c2", "a", "c2b", "10", "9"], key=natural_order) == ["a", "c2", "c2b", "c10", "9", "10"]
