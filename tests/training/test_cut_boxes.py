"""Vehicles cut out of labelled pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from throughline.commands.main import main
from throughline.formats import FormatError
from throughline.formats.crop_index import read_crop_index
from training.cut_boxes import CutReport, cut_boxes


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A picture with a red car of 40 x 30 pixels, a green vehicle of unknown type of 24 x 24, and one of 10 x 30."""
    folder = tmp_path / "yard"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[10:40, 20:60] = (0, 0, 255)
    picture[50:74, 100:124] = (0, 255, 0)
    cv2.imwrite(str(folder / "images" / "a.png"), picture)
    lines = ("0 0.2 0.25 0.2 0.3", "4 0.56 0.62 0.12 0.24", "3 0.9 0.5 0.05 0.3")
    (folder / "labels" / "a.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_each_box_becomes_a_vehicle_of_its_own_with_its_type(labelled: Path, tmp_path: Path) -> None:
    assert cut_boxes(labelled, tmp_path / "out") == CutReport(cut=2, small=1)
    crops = read_crop_index(tmp_path / "out")
    assert [(crop.vehicle, crop.camera, crop.kind) for crop in crops] == [("a_000", "yard", "car"), ("a_001", "yard", "vehicle")]
    red, green = (cv2.imread(str(crop.path)) for crop in crops)
    assert red is not None
    assert green is not None
    assert red.shape == (30, 40, 3)
    assert green.shape == (24, 24, 3)
    np.testing.assert_allclose(red.mean((0, 1)), (0, 0, 255), atol=3)
    np.testing.assert_allclose(green.mean((0, 1)), (0, 255, 0), atol=3)


def test_the_command_says_what_it_left_out(labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["train", "cut", str(labelled), "--out", str(out), "--least", "25", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"cut": 1, "small": 2, "folder": str(out)}
    assert "1 vehicles cut; 2 left out, smaller than 25 pixels" in printed.err
    assert main(["train", "cut", str(labelled), "--out", str(out)]) == 2
    assert "exists already; name a new folder" in capsys.readouterr().err


def test_a_picture_that_is_none_is_named(labelled: Path, tmp_path: Path) -> None:
    (labelled / "images" / "a.png").write_bytes(b"no picture")
    with pytest.raises(FormatError, match=r"a\.png: cannot be read as a picture"):
        cut_boxes(labelled, tmp_path / "out")
