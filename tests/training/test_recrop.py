"""Cutting a set's pictures anew."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from throughline.types import Detections, Frame, Image, host_image
from training.recrop import RecropError, RecropRule, recrop_folder, vehicle_box

RULE = RecropRule(least_score=0.3, least_share=0.25, margin=0.0, border=0.25)


def detections(*boxes: tuple[float, float, float, float, float]) -> Detections:
    """Corners and score of each."""
    rows = np.array(boxes, np.float32).reshape(-1, 5)
    return Detections(rows[:, :4], rows[:, 4], np.zeros(len(rows), np.int64))


class BrightParts:
    """A detector that finds the white part of a picture; grey as put around a picture is not white."""

    name = "bright-parts"
    hash = "0" * 16

    def __init__(self, score: float = 0.9) -> None:
        self.score = score
        self.sizes: list[tuple[int, ...]] = []

    async def detect(self, frame: Frame) -> Detections:
        self.sizes.append(frame.image.shape)
        rows, columns = np.nonzero(host_image(frame.image).min(axis=2) > 200)
        if len(rows) == 0:
            return detections()
        return detections((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, self.score))

    def close(self) -> None:
        """Holds nothing."""


def dark_with_white(x1: int, y1: int, x2: int, y2: int) -> Image:
    picture = np.full((80, 60, 3), 20, np.uint8)
    picture[y1:y2, x1:x2] = 255
    return picture


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "image_train").mkdir(parents=True)
    cv2.imwrite(str(folder / "image_train" / "0001_c001.png"), dark_with_white(10, 20, 50, 70))
    cv2.imwrite(str(folder / "image_train" / "0002_c001.jpg"), dark_with_white(0, 0, 60, 60))
    cv2.imwrite(str(folder / "image_train" / "0003_c001.png"), dark_with_white(10, 20, 15, 25))
    cv2.imwrite(str(folder / "image_train" / "0004_c001.png"), dark_with_white(0, 0, 0, 0))
    (folder / "image_train" / "0005_c001.jpg").write_bytes(b"no picture")
    (folder / "index.csv").write_text("file,vehicle_id,cam\n")
    return folder


def test_pictures_are_cut_to_their_vehicle_and_all_else_is_copied(source: Path, tmp_path: Path) -> None:
    detector, seen = BrightParts(), list[tuple[int, int]]()
    report = recrop_folder(source, tmp_path / "out", detector, rule=RULE, progress=lambda *step: seen.append(step))
    assert (report.cut, report.copied) == (2, 1)
    assert report.to_json()["kept"] == {"no vehicle": 1, "small": 1, "unreadable": 1}
    assert report.share == pytest.approx((2000 + 3600) / 2 / 4800)
    assert sorted(seen) == [(done, 5) for done in range(1, 6)]
    cut = cv2.imread(str(tmp_path / "out" / "image_train" / "0001_c001.png"))
    assert cut is not None
    assert cut.tolist() == np.full((50, 40, 3), 255).tolist()
    other = cv2.imread(str(tmp_path / "out" / "image_train" / "0002_c001.jpg"))
    assert other is not None
    assert other.shape == (60, 60, 3)
    for name in ("image_train/0003_c001.png", "image_train/0004_c001.png", "image_train/0005_c001.jpg", "index.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (source / name).read_bytes()
    assert set(detector.sizes) == {(120, 90, 3)}, "with a quarter of grey on each side"


def test_the_box_is_that_of_the_largest_sure_vehicle() -> None:
    found = detections((0, 0, 50, 50, 0.9), (20, 20, 100, 100, 0.8), (0, 0, 100, 100, 0.2), (0, 0, 10, 10, 0.99))
    assert vehicle_box(found, (100, 100), RULE) == (20, 20, 100, 100)
    assert vehicle_box(detections((0, 0, 100, 100, 0.2)), (100, 100), RULE) == "no vehicle"
    assert vehicle_box(detections((0, 0, 10, 10, 0.99)), (100, 100), RULE) == "small"
    assert vehicle_box(detections(), (100, 100), RULE) == "no vehicle"


def test_the_margin_ends_at_the_picture() -> None:
    rule = RecropRule(least_score=0.3, least_share=0.25, margin=0.1)
    assert vehicle_box(detections((-5, 20, 80, 90, 0.9)), (100, 100), rule) == (0, 13, 88, 97)


def test_folders_that_do_not_allow_it(source: Path, tmp_path: Path) -> None:
    detector = BrightParts()
    with pytest.raises(RecropError, match="no such folder"):
        recrop_folder(tmp_path / "none", tmp_path / "out", detector)
    with pytest.raises(RecropError, match="must not lie inside"):
        recrop_folder(source, source / "out", detector)
    with pytest.raises(RecropError, match="something there already"):
        recrop_folder(source / "image_train", source, detector)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecropError, match="no pictures"):
        recrop_folder(tmp_path / "empty", tmp_path / "out", detector)
