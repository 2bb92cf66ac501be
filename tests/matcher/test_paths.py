from __future__ import annotations

import numpy as np
import pytest

from matcher.paths import POINTS, Paths, continued, ground_path
from matcher.sightings import look
from tests.support.ground import calibrated_site, moving
from tests.support.traffic import START, tracklet
from throughline.ground import scales
from throughline.settings import GroundSettings


def test_long_paths_are_thinned_evenly_with_both_ends() -> None:
    whole = moving("c1", 0, 100, lambda t: (t, 0.0), every=0.1)
    path = ground_path(whole.path)
    assert path is not None
    assert len(path) == POINTS
    assert (path[0, 0], path[-1, 0]) == (START, whole.end)
    assert np.diff(path[:, 0]).max() < 1.1 * 100e6 / (POINTS - 1)
    assert ground_path(tracklet("c1", 0, 3).path) is None


def test_a_path_goes_on_over_revisions() -> None:
    """Records tell what is new since the last; the last one tells all."""
    first = look(moving("c1", 0, 2, lambda t: (t, 0.0), state="opened"))
    second = look(moving("c1", 2.5, 4, lambda t: (t, 0.0), state="updated")).after(first)
    assert second.path is not None
    assert second.path[:, 1].tolist() == pytest.approx(np.arange(0, 4.1, 0.5).tolist())
    whole = look(moving("c1", 0, 5, lambda t: (t, 1.0))).after(second)
    assert whole.path is not None
    assert set(whole.path[:, 2]) == {1.0}
    assert continued(first.path, None) is first.path


def test_places_are_interpolated_and_slots_used_again() -> None:
    site = calibrated_site()
    paths = Paths([camera.ground for camera in site.cameras], 4)
    paths.put(2, 0, ground_path(moving("c1", 0, 4, lambda t: (t * t, 1.0), every=1.0).path))
    found = paths.placed(np.array([2]), START + np.array([[0, 1_500_000, 4_000_000]]))
    assert found.places[0].tolist() == [[0.0, 1.0], [2.5, 1.0], [16.0, 1.0]]
    assert found.velocities[0, :, 0].tolist() == [1.0, 3.0, 7.0]
    paths.put(2, 0, None)
    assert paths.count[2] == 0
    assert np.isnan(paths.size[2])
    paths.grow(10)
    assert len(paths.count) == len(paths.at) == len(paths.size) == 10


@pytest.mark.parametrize("units", ["metres", "degrees"])
def test_the_scale_of_a_pixel_is_the_derivative_of_the_homography(units: str) -> None:
    """Against differences of places, 0.01 pixels apart."""
    matrix = np.array([[0.02, 0.005, -9.0], [0.007, -0.14, 73.0], [4e-5, -0.0056, 1.0]])
    if units == "degrees":
        matrix = np.diag([1e-5, 1e-5, 1.0]) @ matrix + np.outer([48.0, 11.0, 0.0], matrix[2])
    ground = GroundSettings(homography=tuple(map(tuple, matrix.tolist())), units=units)
    metres = 111_195.0 * np.array([np.cos(np.radians(48.0)), 1.0]) if units == "degrees" else np.ones(2)

    def place(x: float, y: float) -> np.ndarray:
        first, second, depth = matrix @ (x, y, 1.0)
        return np.asarray(np.array([second, first] if units == "degrees" else [first, second]) / depth)

    x, y = np.array([300.0, 1200.0]), np.array([500.0, 900.0])
    by_x, by_y = scales(ground, x, y)
    for k in range(2):
        right = (place(x[k] + 0.01, y[k]) - place(x[k], y[k])) / 0.01 * metres
        down = (place(x[k], y[k] + 0.01) - place(x[k], y[k])) / 0.01 * metres
        assert by_x[:, k] == pytest.approx(right, rel=2e-3, abs=1e-4)
        assert by_y[:, k] == pytest.approx(down, rel=2e-3, abs=1e-4)
