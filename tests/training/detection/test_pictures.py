"""Reading of labelled pictures, and what is held out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.detection.pictures import LabelledPicture, load_pictures
from training.detection.recipe import SourceSettings
from training.detection.task import split
from training.errors import DataError, FittingError


def write(folder: Path, name: str, label: str | None) -> None:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "images" / f"{name}.png"), np.zeros((50, 100, 3), np.uint8))
    if label is not None:
        (folder / "labels" / f"{name}.txt").write_text(label)


def named(*names: str) -> list[LabelledPicture]:
    empty = np.zeros((0, 4), np.float32)
    return [LabelledPicture(name, np.zeros((8, 8, 3), np.uint8), empty, np.zeros(0, np.int64), empty) for name in names]


def source(scene: str = r"^[^_]+", held_out: tuple[str, ...] = ()) -> SourceSettings:
    return SourceSettings(name="roads", folder=Path("roads"), scene=scene, held_out=held_out)


def test_labels_become_boxes_in_pixels(tmp_path: Path) -> None:
    write(tmp_path, "b", "0 0.5 0.5 0.2 0.4\n4 0.1 0.2 0.1 0.2\n")
    write(tmp_path, "a", "\n")
    first, second = load_pictures(tmp_path)
    assert (first.name, len(first.boxes)) == ("a.png", 0)
    np.testing.assert_allclose(second.boxes, [[40, 15, 60, 35], [5, 5, 15, 15]], atol=1e-4)
    assert second.classes.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        (None, r"a\.png: has no file in .*labels"),
        ("0 0.5 0.5 0.2\n", r"a\.txt:1: expected"),
        ("0 0.5 0.5 0.2 0.1\n7 0.5 0.5 0.2 0.1\n", r"a\.txt:2: there is no class 7"),
    ],
)
def test_bad_labels_are_named(tmp_path: Path, label: str | None, problem: str) -> None:
    write(tmp_path, "a", label)
    with pytest.raises(DataError, match=problem):
        load_pictures(tmp_path)


def test_regions_that_nobody_has_labelled_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "a", "")
    (tmp_path / "ignore").mkdir()
    (tmp_path / "ignore" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (picture,) = load_pictures(tmp_path)
    more = picture.ignoring(np.array([[0, 0, 9, 9]], np.float32))
    np.testing.assert_allclose(more.ignored, [[40, 15, 60, 35], [0, 0, 9, 9]], atol=1e-4)


def test_no_picture_of_a_held_out_scene_is_learned_from() -> None:
    learned, held_out = split(named("a_1.jpg", "a_2.jpg", "b_1.jpg", "c_1.jpg"), source(held_out=("a", "c")))
    assert [picture.name for picture in held_out] == ["a_1.jpg", "a_2.jpg", "c_1.jpg"]
    assert {scene: len(pictures) for scene, pictures in learned.items()} == {"b": 1}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (source(held_out=("z",)), "there is no scene z; there are a, b"),
        (source(held_out=("a", "b")), "no pictures to learn from"),
        (source(scene="^[0-9]+"), r"`\^\[0-9\]\+` finds nothing in a_1\.jpg"),
    ],
)
def test_splits_that_make_no_sense_are_refused(settings: SourceSettings, problem: str) -> None:
    with pytest.raises(FittingError, match=problem):
        split(named("a_1.jpg", "b_1.jpg"), settings)
