"""VeRi's labels, and what reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from throughline.commands.main import main
from throughline.formats import FormatError
from throughline.formats.crop_index import read_crop_index
from throughline.formats.reid_folder import read_reid_folder
from throughline.formats.veri_labels import VeriLabel, label_file, read_veri_labels

HEAD = '<?xml version="1.0" encoding="gb2312"?>\n<TrainingImages Version="1.0">\n<Items number="2">\n'
TAIL = "</Items>\n</TrainingImages>\n"


def item(name: str, vehicle: str = "0001", camera: str = "c001", more: str = 'colorID="1" typeID="4"') -> str:
    return f'<Item imageName="{name}" vehicleID="{vehicle}" cameraID="{camera}" {more}/>\n'


@pytest.fixture
def veri(tmp_path: Path) -> Path:
    folder = tmp_path / "VeRi"
    labels = {
        "image_train": ("train_label.xml", [item("1.jpg"), item("2.jpg", "0002", "c002")]),
        "image_test": (
            "test_label.xml",
            [item("7.jpg", "0007", "c003"), item("8.jpg", "0007", "c005", ""), item("9.jpg", "0009")],
        ),
        "image_query": (None, []),
    }
    for part, (file, items) in labels.items():
        (folder / part).mkdir(parents=True)
        if file is not None:
            (folder / file).write_text(HEAD + "".join(items) + TAIL)
    for name in ("image_train/1.jpg", "image_train/2.jpg", "image_test/8.jpg", "image_test/9.jpg", "image_query/7.jpg"):
        (folder / name).write_bytes(b"")
    (folder / "list_type.txt").write_text("1 sedan\n4 hatchback\n")
    return folder


def test_labels_tell_what_pictures_show(veri: Path) -> None:
    labels = read_veri_labels(veri / "test_label.xml")
    assert labels["7.jpg"] == VeriLabel("0007", "c003", "hatchback", "colour 1")
    assert labels["8.jpg"] == VeriLabel("0007", "c005")
    assert label_file(veri / "image_query") == veri / "test_label.xml", "queries are pictures of the test"
    (veri / "query_label.xml").write_text(HEAD + item("7.jpg") + TAIL)
    assert label_file(veri / "image_query") == veri / "query_label.xml"


def test_a_folder_is_read_by_its_labels(veri: Path) -> None:
    found = read_reid_folder(veri)
    assert [(crop.vehicle, crop.camera, crop.kind) for crop in found.query] == [("0007", "c003", "hatchback")]
    assert [(crop.vehicle, crop.camera) for crop in found.gallery] == [("0007", "c005"), ("0009", "c001")]


def test_an_import_gives_each_part_an_index(veri: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "veri", str(veri), "--out", str(tmp_path / "out")]) == 0
    assert "2 pictures of 2 vehicles" in capsys.readouterr().err
    crops = read_crop_index(tmp_path / "out" / "train")
    assert [(crop.path.resolve(), crop.vehicle, crop.camera, crop.kind) for crop in crops] == [
        (veri / "image_train" / "1.jpg", "0001", "c001", "hatchback"),
        (veri / "image_train" / "2.jpg", "0002", "c002", "hatchback"),
    ]
    again = read_reid_folder(tmp_path / "out")
    assert [crop.vehicle for crop in (*again.query, *again.gallery)] == ["0007", "0007", "0009"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD + "<Item", r"train_label.xml:4: not valid XML"),
        (HEAD + '<Item imageName="a.jpg" cameraID="c001"/>' + TAIL, "the item a.jpg has no vehicleID"),
        (HEAD + item("a.jpg") + item("a.jpg") + TAIL, "a.jpg is labelled twice"),
        (HEAD + TAIL, "expected items such as"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "train_label.xml").write_text(text)
    with pytest.raises(FormatError, match=problem):
        read_veri_labels(tmp_path / "train_label.xml")


def test_what_is_no_such_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "veri", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "expected image_train/, image_query/, image_test/" in capsys.readouterr().err
