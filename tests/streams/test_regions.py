from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from streams.regions import RegionError, Regions, Zones
from tests.support.tracking import detections
from throughline.settings import CameraSettings

SIZE = (400, 200)
LEFT = ((0.0, 0.0), (199.0, 0.0), (199.0, 199.0), (0.0, 199.0))
CORNER = ((0.0, 100.0), (100.0, 100.0), (100.0, 200.0), (0.0, 200.0))


def _standing_at(*feet: tuple[float, float]) -> np.ndarray:
    """Boxes of 40 x 30 whose middle of the lower edge is there."""
    return np.array([[x - 20, y - 30, x + 20, y] for x, y in feet], np.float32)


def test_without_regions_everything_counts() -> None:
    seen = detections(_standing_at((50, 50), (350, 150)))
    kept, dropped = Regions(CameraSettings(id="c1"), SIZE).keep(seen)
    assert kept is seen
    assert dropped == {}


def test_the_middle_of_the_lower_edge_decides() -> None:
    regions = Regions(CameraSettings(id="c1", roi=(LEFT,)), SIZE)
    kept, dropped = regions.keep(detections(_standing_at((50, 50), (198, 100), (202, 100), (350, 150)), [0.1, 0.2, 0.3, 0.4]))
    assert kept.scores.tolist() == pytest.approx([0.1, 0.2])
    assert dropped == {"roi": 2}


def test_ignored_areas_are_counted_apart() -> None:
    regions = Regions(CameraSettings(id="c1", roi=(LEFT,), ignore=(CORNER,)), SIZE)
    kept, dropped = regions.keep(detections(_standing_at((50, 50), (50, 150), (350, 150)), [0.1, 0.2, 0.3]))
    assert kept.scores.tolist() == pytest.approx([0.1])
    assert dropped == {"roi": 1, "ignored": 1}


def test_a_mask_picture_is_scaled_to_the_frame(tmp_path: Path) -> None:
    mask = np.zeros((50, 100), np.uint8)
    mask[:, :50] = 255
    path = tmp_path / "roi.png"
    cv2.imwrite(str(path), mask)
    regions = Regions(CameraSettings(id="c1", roi=path), SIZE)
    kept, dropped = regions.keep(detections(_standing_at((195, 100), (205, 100)), [0.1, 0.2]))
    assert kept.scores.tolist() == pytest.approx([0.1])
    assert dropped == {"roi": 1}


def test_feet_below_the_picture_count_as_its_last_row() -> None:
    kept, _ = Regions(CameraSettings(id="c1", roi=(LEFT,)), SIZE).keep(detections(_standing_at((-5, 230), (450, 230))))
    assert len(kept) == 1


def test_boxes_that_are_no_numbers_are_left_to_the_tracker() -> None:
    seen = detections([[np.nan, 0, 10, 10], [0, 0, 10, np.inf], [-np.inf, 0, np.inf, 10]])
    kept, dropped = Regions(CameraSettings(id="c1", roi=(CORNER,)), SIZE).keep(seen)
    assert len(kept) == 3
    assert dropped == {}


def test_a_missing_mask_is_named_with_its_camera(tmp_path: Path) -> None:
    with pytest.raises(RegionError, match=r"camera c7: roi: no such file: .*nowhere\.png"):
        Regions(CameraSettings(id="c7", roi=tmp_path / "nowhere.png"), SIZE)


def test_a_mask_that_is_no_picture_is_named_with_its_camera(tmp_path: Path) -> None:
    path = tmp_path / "roi.png"
    path.write_text("white")
    with pytest.raises(RegionError, match=r"camera c7: roi: .*roi\.png is not a picture"):
        Regions(CameraSettings(id="c7", roi=path), SIZE)


def test_zones_name_where_a_vehicle_stands() -> None:
    zones = Zones({"corner": CORNER, "left": LEFT}, SIZE)
    names = [zones.at(box) for box in _standing_at((50, 150), (50, 50), (300, 100), (50, 230))]
    assert names == ["corner", "left", None, "corner"], "the first of the site file where zones overlap"


def test_no_zones_name_nothing() -> None:
    assert Zones({}, SIZE).at(_standing_at((50, 50))[0]) is None
