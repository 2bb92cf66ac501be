from __future__ import annotations

import numpy as np
import pytest

from streams.tracklets.path import VehiclePath
from throughline.ground import GroundPlane
from throughline.settings import GroundSettings
from throughline.times import to_instant


def _box(x: float, y: float = 100.0) -> np.ndarray:
    return np.array([x, y, x + 60, y + 40], np.float32)


def _drive(path: VehiclePath, seconds: float, speed: tuple[float, float], begin: float = 0.0, fps: int = 10) -> None:
    for number in range(round(seconds * fps)):
        time = begin + number / fps
        path.observe(to_instant(time), _box(100 + speed[0] * time, 100 + speed[1] * time))


def test_thinned_to_the_interval_with_the_first_and_the_latest_sighting() -> None:
    path = VehiclePath(0.25, None)
    _drive(path, 2.1, (80, 0))
    points = path.points()
    assert [round(point.at / 1e6, 1) for point in points] == [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.0]
    assert (points[-1].x, points[-1].y, points[-1].width, points[-1].height) == (260, 100, 60, 40)


def test_each_point_is_fresh_once_and_all_are_there_in_the_end() -> None:
    path = VehiclePath(0.25, None)
    _drive(path, 1.0, (80, 0))
    first = path.fresh()
    assert path.fresh() == ()
    _drive(path, 1.0, (80, 0), begin=1.0)
    second = path.fresh()
    assert first[-1].at == to_instant(0.9)
    assert second[0].at > first[-1].at
    assert path.points() == first + second


def test_a_standing_vehicle_gives_few_points() -> None:
    path = VehiclePath(0.25, None)
    random = np.random.default_rng(0)
    for number in range(200):
        path.observe(number * to_instant(0.1), _box(100) + random.normal(0, 0.2, 4).astype(np.float32))
    assert len(path.points()) == pytest.approx(11, abs=1)


def test_days_in_view_do_not_fill_the_memory() -> None:
    path = VehiclePath(0.25, None)
    for number in range(30_000):
        path.observe(number * to_instant(0.3), _box(number % 500))
    points = path.points()
    assert len(points) <= 1001
    assert (points[0].at, points[-1].at) == (0, 29_999 * to_instant(0.3))
    assert [point.at for point in points] == sorted({point.at for point in points})


def test_the_place_is_under_the_middle_of_the_lower_edge() -> None:
    ground = GroundPlane(GroundSettings(homography=((0.1, 0, 0), (0, 0.1, 0), (0, 0, 1))), (640, 480))
    path = VehiclePath(0.25, ground)
    path.observe(0, _box(100))
    place = path.points()[0].ground
    assert place is not None
    assert (place.x, place.y) == pytest.approx((13.0, 14.0))


@pytest.mark.parametrize(
    ("speed", "heading"), [((50, 0), 0.0), ((0, 50), 90.0), ((-50, 0), 180.0), ((0, -50), 270.0), ((40, 40), 45.0)]
)
def test_heading_is_where_it_goes_in_the_picture(speed: tuple[float, float], heading: float) -> None:
    path = VehiclePath(0.25, None)
    _drive(path, 4, speed)
    assert path.heading() == pytest.approx(heading)


def test_one_bad_box_does_not_turn_a_vehicle_round() -> None:
    path = VehiclePath(0.25, None)
    _drive(path, 4, (50, 0))
    path.observe(to_instant(4.5), _box(0, 300))
    path.points()
    assert path.heading() == pytest.approx(0.0, abs=5)


def test_what_hardly_moved_has_no_heading() -> None:
    path = VehiclePath(0.25, None)
    assert path.heading() is None
    _drive(path, 4, (3, 0))
    assert path.heading() is None
