"""CityFlow's calibrations: which way they lead, lenses, and what is wrong with a file."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from throughline.formats import FormatError
from throughline.formats.cityflow_calibration import ground_of, read_calibration
from throughline.ground import METRES_A_DEGREE, GroundPlane

SIZE = (1920, 1080)
PLACE = (42.498780, -90.689925)


def picture_to_degrees() -> np.ndarray:
    """A camera 8 m above a street that looks 20 degrees down, to the north."""
    depression, focal = math.radians(20.0), 1400.0
    right, forward = np.array((1.0, 0.0, 0.0)), np.array((0.0, math.cos(depression), -math.sin(depression)))
    axes = np.stack((right, np.cross(forward, right), forward))
    camera = np.array(((focal, 0.0, SIZE[0] / 2), (0.0, focal, SIZE[1] / 2), (0.0, 0.0, 1.0)))
    from_metres = camera @ np.column_stack((axes[:, 0], axes[:, 1], -axes @ np.array((0.0, 0.0, 8.0))))
    east, north = METRES_A_DEGREE * math.cos(math.radians(PLACE[0])), METRES_A_DEGREE
    degrees = np.array(((0.0, 1 / north, PLACE[0]), (1 / east, 0.0, PLACE[1]), (0.0, 0.0, 1.0)))
    return np.asarray(degrees @ np.linalg.inv(from_metres))


def line(matrix: np.ndarray) -> str:
    scaled = matrix / matrix[2, 2]
    return ";".join(" ".join(f"{value:.15f}" for value in row) for row in scaled)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "calibration.txt"
    path.write_text(text)
    return path


def metres_between(ground: GroundPlane, x: float, y: float, expected: np.ndarray) -> float:
    found = ground.at(x, y)
    assert found is not None
    lat, lon = (expected @ (x, y, 1.0))[:2] / (expected @ (x, y, 1.0))[2]
    return math.hypot(found.y - lat, (found.x - lon) * math.cos(math.radians(lat))) * METRES_A_DEGREE


@pytest.mark.parametrize("to_pixels", [True, False], ids=["ground to pixels", "pixels to ground"])
@pytest.mark.parametrize("name", ["Homography matrix: ", ""])
def test_either_way_leads_from_pixels_to_degrees(tmp_path: Path, to_pixels: bool, name: str) -> None:
    matrix = picture_to_degrees()
    path = written(tmp_path, name + line(np.linalg.inv(matrix) if to_pixels else matrix) + "\n")
    settings = ground_of(read_calibration(path), SIZE)
    assert settings.units == "degrees"
    assert settings.uncertainty == 2.0
    ground = GroundPlane(settings, SIZE)
    for x, y in ((960, 1000), (200, 700), (1700, 600)):
        assert metres_between(ground, x, y, matrix) < 0.5, "as far as 15 decimals of the file reach"


def test_a_reprojection_error_makes_places_less_certain(tmp_path: Path) -> None:
    text = f"Homography matrix: {line(np.linalg.inv(picture_to_degrees()))}\nReprojection error: 100.0\n"
    assert 2.1 < ground_of(read_calibration(written(tmp_path, text)), SIZE).uncertainty < 6.0


def test_a_bent_picture_is_straightened_as_well_as_a_homography_can(tmp_path: Path) -> None:
    matrix = picture_to_degrees()
    intrinsic = np.array(((1400.0, 0.0, 960.0), (0.0, 1400.0, 540.0), (0.0, 0.0, 1.0)))
    bends = np.array((-0.12, 0.02, 0.0, 0.0))
    text = "\n".join((
        f"Homography matrix: {line(np.linalg.inv(matrix))}",
        "Intrinsic parameter matrix: " + ";".join(" ".join(map(str, row)) for row in intrinsic.tolist()),
        "Distortion coefficients: " + " ".join(map(str, bends.tolist())),
        "Reprojection error: 0.0",
    ))  # fmt: skip
    settings = ground_of(read_calibration(written(tmp_path, text)), SIZE)
    bent = GroundPlane(settings, SIZE)
    straight = GroundPlane(ground_of(read_calibration(written(tmp_path, text.splitlines()[0])), SIZE), SIZE)
    off, unbent = [], []
    for x, y in ((300.0, 800.0), (960.0, 900.0), (1600.0, 800.0), (1400.0, 1000.0)):
        (true,) = cv2.undistortPoints(np.array([[[x, y]]]), intrinsic, bends, P=intrinsic).reshape(-1, 2)
        place = matrix @ (*true, 1.0)
        expected = np.array(((0, 0, place[0]), (0, 0, place[1]), (0, 0, place[2])))
        off.append(metres_between(bent, x, y, expected))
        unbent.append(metres_between(straight, x, y, expected))
    assert np.mean(off) < 0.5 * np.mean(unbent)
    assert max(off) < 3 * settings.uncertainty
    assert settings.uncertainty > 2.0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Homography matrix: 1 2 3;4 5\n", ":1: expected 3 x 3 numbers"),
        ("Homography matrix: 1 2 3;4 5 6;7 8 x\n", ":1: expected 3 x 3 numbers"),
        ("Homography matrix: 1 2 3;2 4 6;7 8 9\n", "cannot be inverted"),
        ("Reprojection error: 3\n", "expected a line 'Homography matrix"),
        ("1 0 0;0 1 0;0 0 1\nDistortion coefficients: 1 2 3 4\n", "expected both an intrinsic"),
        (
            "1 0 0;0 1 0;0 0 1\nDistortion coefficients: 1 2\n",
            ":2: expected 4 or 5 or 8 or 12 or 14 distortion coefficients, found 2",
        ),
        ("1 0 0;0 1 0;0 0 1\n\nPose: 4\n", ":3: expected 'Homography matrix"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem) as caught:
        read_calibration(written(tmp_path, text))
    assert str(tmp_path) in str(caught.value)


def test_a_homography_to_nowhere_on_earth_is_refused(tmp_path: Path) -> None:
    calibration = read_calibration(written(tmp_path, "1 0 0;0 1 0;0 0 1\n"))
    with pytest.raises(FormatError, match="neither way"):
        ground_of(calibration, SIZE)
