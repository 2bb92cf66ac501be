"""What sources keep of sets in each layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from training.data import LabelledCrop, SourceSettings, read_source
from training.errors import DataError

_SOURCE: TypeAdapter[SourceSettings] = TypeAdapter(SourceSettings)


def read(**settings: Any) -> list[LabelledCrop]:
    return read_source(_SOURCE.validate_python(settings))


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))


@pytest.fixture
def veri(tmp_path: Path) -> Path:
    for part, names in {
        "train": ["0002_c001_00000010_0.jpg", "0002_c003_00000020_0.jpg", "0010_c001_00000030_0.jpg"],
        "query": ["0005_c002_00000040_0.jpg"],
        "test": ["0005_c004_00000050_0.jpg", "0005_c002_00000040_0.jpg"],
    }.items():
        for name in names:
            picture(tmp_path / f"image_{part}" / name)
    (tmp_path / "train_label.xml").write_bytes(
        b'<?xml version="1.0" encoding="gb2312"?>\n<TrainingImages Version="1.0"><Items number="3">\n'
        b'<Item imageName="0002_c001_00000010_0.jpg" vehicleID="0002" cameraID="c001" colorID="5" typeID="9" />\n'
        b'<Item imageName="0010_c001_00000030_0.jpg" vehicleID="0010" cameraID="c001" colorID="4" typeID="1" />\n'
        b"</Items></TrainingImages>"
    )
    (tmp_path / "list_color.txt").write_text("4 gray\n5 red\n")
    (tmp_path / "keypoints.txt").write_text(
        "image_train/0002_c001_00000010_0.jpg " + "3 4 " * 20 + "0\nimage_train/0010_c001_00000030_0.jpg " + "-1 -1 " * 20 + "7\n"
    )
    return tmp_path


def test_veri(veri: Path) -> None:
    train = read(layout="veri", path=veri)
    assert [(crop.vehicle, crop.camera) for crop in train] == [("0002", "001"), ("0002", "003"), ("0010", "001")]
    assert [dict(crop.labels) for crop in train] == [{"colour": "red", "type": "9"}, {}, {"colour": "gray", "type": "1"}]
    assert [crop.path.name for crop in read(layout="veri", path=veri, part="test")] == [
        "0005_c002_00000040_0.jpg",
        "0005_c004_00000050_0.jpg",
    ]
    picture(veri / "image_query" / "nonsense.jpg")
    with pytest.raises(DataError, match=r"nonsense\.jpg: expected a name like 0001_c001"):
        read(layout="veri", path=veri, part="query")


def test_veri_orientations(veri: Path) -> None:
    found = read(layout="veri-keypoints", path=veri, annotation="keypoints.txt")
    assert [(crop.vehicle, crop.labels["orientation"]) for crop in found] == [("0002", "front"), ("0010", "right-rear")]
    (veri / "bad.txt").write_text("image_train/0002_c001_00000010_0.jpg " + "3 4 " * 20 + "8\n")
    with pytest.raises(DataError, match=r"bad\.txt:1: expected .* an orientation from 0 to 7"):
        read(layout="veri-keypoints", path=veri, annotation="bad.txt")
    with pytest.raises(DataError, match=r"absent\.txt: no such file"):
        read(layout="veri-keypoints", path=veri, annotation="absent.txt")


def test_ai_city(tmp_path: Path) -> None:
    for name in ("000001.jpg", "000002.jpg", "000003.jpg"):
        picture(tmp_path / "image_train" / name)
    with pytest.raises(DataError, match=r"train_label\.xml: missing or empty"):
        read(layout="aicity", path=tmp_path)
    items = [
        f'<Item imageName="00000{n}.jpg" vehicleID="{v}" cameraID="c00{c}"/>' for n, v, c in ((1, 241, 1), (2, 7, 1), (3, 7, 2))
    ]
    (tmp_path / "train_label.xml").write_text("<Items>" + "".join(items[:2]) + "</Items>")
    with pytest.raises(DataError, match=r"000003\.jpg: train_label\.xml tells no vehicleID"):
        read(layout="aicity", path=tmp_path)
    (tmp_path / "train_label.xml").write_text("<Items>" + "".join(items) + "</Items>")
    (tmp_path / "train_track.txt").write_text("000001.jpg\n000003.jpg 000002.jpg\n")
    found = read(layout="aicity", path=tmp_path)
    assert [(crop.vehicle, crop.camera, crop.sequence, crop.frame) for crop in found] == [
        ("241", "c001", "0", 0),
        ("7", "c001", "1", 1),
        ("7", "c002", "1", 0),
    ]
    # 7 comes before 241: identities are counted in the order of their numbers
    assert {crop.vehicle for crop in read(layout="aicity", path=tmp_path, identities=(0, 1))} == {"7"}


def test_our_own(drawn_sets: Path) -> None:
    folder = drawn_sets / "train"
    found = read(layout="crops", path=folder, sequence="sequence", frame="frame")
    assert len(found) == 48
    assert found[7].vehicle == "v001"
    assert found[7].camera == "c0"
    assert found[7].sequence == "s0"
    assert found[7].frame == 11
    assert found[7].labels["colour"] == "green"
    assert found[7].labels["type"] == "truck"  # the column is called class
    by_sequence = read(layout="crops", path=folder, vehicle=("sequence", "vehicle_id"))
    assert len({crop.vehicle for crop in by_sequence}) == 24
    with pytest.raises(DataError, match="has no column take"):
        read(layout="crops", path=folder, sequence="take")
    with pytest.raises(DataError, match="missing: lens"):
        read(layout="crops", path=folder, camera="lens")


def test_folds_part_the_vehicles_and_do_not_move_them_when_others_come(drawn_sets: Path) -> None:
    def vehicles(*take: int, without: tuple[str, ...] = ()) -> set[str]:
        fold = {"of": 3, "take": take}
        return {crop.vehicle for crop in read(layout="crops", path=drawn_sets / "train", fold=fold, without=without)}

    parts = [vehicles(0), vehicles(1), vehicles(2)]
    assert set.union(*parts) == {f"v00{number}" for number in range(8)}
    assert sum(map(len, parts)) == 8
    assert vehicles(0, 2) == parts[0] | parts[2]
    gone = min(parts[1])
    assert vehicles(0, without=(gone,)) == parts[0]
    assert vehicles(1, without=(gone,)) == parts[1] - {gone}


def test_what_is_left_out(drawn_sets: Path) -> None:
    path = drawn_sets / "train"
    assert {crop.vehicle for crop in read(layout="crops", path=path, identities=(2, 4))} == {"v002", "v003"}
    with pytest.raises(DataError, match="`without` names v099"):
        read(layout="crops", path=path, without=("v099",))
    with pytest.raises(DataError, match="none of its 8 vehicles is left"):
        read(layout="crops", path=path, least_pictures=7)
    assert len(read(layout="crops", path=path, least_pictures=6)) == 48
    with pytest.raises(DataError, match="no such folder; set `path`"):
        read(layout="crops", path=path / "absent")
