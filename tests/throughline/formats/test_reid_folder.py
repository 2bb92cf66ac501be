"""What to look for, and among what."""

from __future__ import annotations

from pathlib import Path

import pytest

from throughline.formats import FormatError
from throughline.formats.reid_folder import read_reid_folder


def index(folder: Path, *rows: tuple[str, str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file, _, _ in rows:
        (folder / file).write_bytes(b"")
    (folder / "index.csv").write_text("file,vehicle_id,cam\n" + "".join(f"{','.join(row)}\n" for row in rows))
    return folder


def test_the_lowest_camera_is_looked_for_among_the_others(tmp_path: Path) -> None:
    found = read_reid_folder(index(tmp_path, ("a.jpg", "1", "c10"), ("b.jpg", "1", "c2"), ("c.jpg", "2", "c11")))
    assert [crop.path.name for crop in found.query] == ["b.jpg"]
    assert [crop.path.name for crop in found.gallery] == ["a.jpg", "c.jpg"]


def test_all_may_be_looked_for_among_all(tmp_path: Path) -> None:
    found = read_reid_folder(index(tmp_path, ("a.jpg", "1", "1"), ("b.jpg", "1", "1")), all_queries=True)
    assert found.query == found.gallery
    with pytest.raises(FormatError, match="all pictures are of camera 1"):
        read_reid_folder(tmp_path)


@pytest.mark.parametrize("names", [("query", "gallery"), ("image_query", "image_test")])
def test_folders_with_vehicle_and_camera_in_the_names(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, files in zip(names, (["0002_c003_0001.jpg"], ["0002_c001_0009.jpg", "0007_c002_01.png", "list.txt"]), strict=True):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_bytes(b"")
    found = read_reid_folder(tmp_path)
    assert [(crop.vehicle, crop.camera) for crop in found.query] == [("0002", "c003")]
    assert [(crop.vehicle, crop.camera) for crop in found.gallery] == [("0002", "c001"), ("0007", "c002")]
    (tmp_path / names[1] / "oops.jpg").write_bytes(b"")
    with pytest.raises(FormatError, match=r"oops\.jpg: expected an index\.csv, or names that begin with vehicle and camera"):
        read_reid_folder(tmp_path)


def test_folders_with_an_index_each(tmp_path: Path) -> None:
    index(tmp_path / "query", ("a.jpg", "1", "1"))
    index(tmp_path / "gallery", ("b.jpg", "1", "2"))
    found = read_reid_folder(tmp_path)
    assert [crop.path.parent.name for crop in (*found.query, *found.gallery)] == ["query", "gallery"]


def test_what_is_none_of_these_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"expected index\.csv, or query/ and gallery/ or image_query/ and image_test/"):
        read_reid_folder(tmp_path)
    with pytest.raises(FormatError, match="none: no such folder"):
        read_reid_folder(tmp_path / "none")
    (tmp_path / "query").mkdir()
    (tmp_path / "gallery").mkdir()
    with pytest.raises(FormatError, match="query: no pictures"):
        read_reid_folder(tmp_path)
