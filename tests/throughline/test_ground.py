from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from throughline.ground import GroundPlane
from throughline.messages import GroundPoint
from throughline.settings import GroundSettings, load_site

SIZE = (1920, 1080)
Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


def _camera(scale: float = 1.0) -> Matrix:
    """8 m above the ground, looking down a road a little: horizon at y = 300; x across, y along the road in metres."""
    height, focal, horizon, middle = 8.0, 1000.0, 300.0, 960.0
    # along = height * focal / (y - horizon), across = (x - middle) * along / focal
    rows = ((height, 0.0, -middle * height), (0.0, 0.0, height * focal), (0.0, 1.0, -horizon))
    return tuple(tuple(scale * value for value in row) for row in rows)  # type: ignore[return-value]  # 3 x 3 as it was


@pytest.mark.parametrize("scale", [1.0, -1.0, 1e-4])
def test_places_do_not_depend_on_the_scale_of_the_matrix(scale: float) -> None:
    plane = GroundPlane(GroundSettings(homography=_camera(scale)), SIZE)
    place = plane.at(1460, 700)
    assert place is not None
    assert (place.x, place.y) == pytest.approx((10.0, 20.0))


@pytest.mark.parametrize("scale", [1.0, -1.0])
def test_there_is_no_ground_at_or_above_the_horizon(scale: float) -> None:
    plane = GroundPlane(GroundSettings(homography=_camera(scale)), SIZE)
    assert plane.at(960, 300) is None
    assert plane.at(960, 120) is None
    assert plane.at(960, 301) is not None


def test_places_beyond_all_numbers_are_none() -> None:
    plane = GroundPlane(GroundSettings(homography=((1e150, 0, 0), (0, 1e150, 0), (0, 0, 1e-200))), SIZE)
    assert plane.at(1900, 1000) is None


def test_degrees_are_given_as_longitude_and_latitude() -> None:
    settings = GroundSettings(homography=((0.001, 0, 48.1), (0, 0.0001, 11.5), (0, 0, 1)))
    degrees = settings.model_copy(update={"units": "degrees"})
    assert GroundPlane(settings, SIZE).at(100, 200) == GroundPoint(48.2, 11.52)
    assert GroundPlane(degrees, SIZE).at(100, 200) == GroundPoint(11.52, 48.2)


@pytest.mark.shared_data
def test_every_vehicle_of_a_calibrated_scene_stands_on_the_ground(shared_data: Path) -> None:
    """Overlapping views: the places of all cameras lie within one crossing."""
    folder = shared_data / "association" / "S01"
    site = load_site(folder / "site.yaml")
    for camera in site.cameras:
        assert camera.ground is not None
        plane = GroundPlane(camera.ground, SIZE)
        rows = np.loadtxt(folder / "tracks" / f"{camera.id}.txt", delimiter=",")
        places = [plane.at(row[2] + row[4] / 2, row[3] + row[5]) for row in rows[::50]]
        found = np.array([(place.x, place.y) for place in places if place is not None])
        assert len(found) > 0.95 * len(places)
        assert np.ptp(np.quantile(found, [0.05, 0.95], axis=0), axis=0).max() < 400
