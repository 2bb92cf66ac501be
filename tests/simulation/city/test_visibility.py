"""Boxes, sides and what hides what, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulation.city import CityCamera, CityVehicle, Scenario, Trajectory
from simulation.city.visibility import LEAST_HEIGHT, orientations_seen, projected_boxes, side_degrees, sightings
from throughline.types import ORIENTATIONS

LEVEL = CityCamera("level", 1, (0.0, 0.0, 1.0), 0.0, 0.0, 1000.0, (1000, 800), 200.0)
"""At the origin, a metre high, looking north and not down."""


def _standing(*vehicles: tuple[str, float, float, float], camera: CityCamera = LEVEL) -> Scenario:
    """Bodies of scale 1 that stand at x, y with a heading, for a second."""
    return Scenario(
        "standing",
        1.0,
        (camera,),
        (),
        {number: CityVehicle(number, body, "white", "", 1.0, 0) for number, (body, *_) in enumerate(vehicles, 1)},
        tuple(
            Trajectory(number, np.array((0.0, 1.0)), np.array([(x, y), (x, y)]), np.array((heading, heading)))
            for number, (_, x, y, heading) in enumerate(vehicles, 1)
        ),
    )


def test_box_of_a_vehicle_ahead() -> None:
    camera = replace(LEVEL, position=(0.0, 0.0, 10.0))
    (box,) = projected_boxes(camera, np.array([(3.0, 50.0)]), np.array([0.0]), np.array([(4.0, 2.0, 1.5)]))
    # Its rear face is at y = 48; from above, its front edge of the roof at y = 52 is the highest in the picture.
    expected = (500 + 1000 * 2 / 52, 400 + 1000 * 8.5 / 52, 500 + 1000 * 4 / 48, 400 + 1000 * 10 / 48)
    np.testing.assert_allclose(box, expected)


def test_box_of_a_vehicle_across() -> None:
    (box,) = projected_boxes(LEVEL, np.array([(0.0, 20.0)]), np.array([90.0]), np.array([(4.0, 2.0, 1.5)]))
    np.testing.assert_allclose(box, (500 - 1000 * 2 / 19, 400 - 1000 * 0.5 / 19, 500 + 1000 * 2 / 19, 400 + 1000 / 19))


def test_box_that_reaches_behind_the_camera_ends_at_what_is_too_near() -> None:
    camera = replace(LEVEL, position=(-3.0, 0.0, 1.0))
    boxes = projected_boxes(camera, np.array([(0.0, 1.0), (0.0, -9.0)]), np.zeros(2), np.full((2, 3), (4.0, 2.0, 1.5)))
    # Its left side is 2 m, its right one 4 m to the right; it is cut half a metre before the camera, and reaches to 3 m.
    np.testing.assert_allclose(boxes[0], (500 + 1000 * 2 / 3, 400 - 1000 * 0.5 / 0.5, 500 + 1000 * 4 / 0.5, 400 + 1000 / 0.5))
    assert np.isnan(boxes[1]).all()


def test_homography_leads_back_to_the_road() -> None:
    camera = CityCamera("c", 1, (3.0, -7.0, 8.0), 40.0, 20.0, 900.0, (960, 540))
    place = np.array([(18.0, 12.0, 0.0)])
    x, y = camera.to_picture(camera.to_camera(place))[0]
    found = camera.homography() @ (x, y, 1.0)
    np.testing.assert_allclose(found[:2] / found[2], place[0, :2])


@pytest.mark.parametrize(
    ("heading", "side"),
    [
        (180, "front"), (0, "rear"), (90, "right"), (270, "left"), (135, "right-front"), (225, "left-front"),
        (45, "right-rear"), (315, "left-rear"), (180 + 22, "front"), (180 + 23, "left-front"), (-180, "front"),
        (540 + 90, "left"),
    ],
)  # fmt: skip
def test_side_that_is_seen(heading: float, side: str) -> None:
    seen = orientations_seen(LEVEL, np.array([(0.0, 30.0)]), np.array([float(heading)]))
    assert ORIENTATIONS[seen[0]] == side


def test_sides_as_degrees() -> None:
    names = ("front", "right", "rear", "left", "left-front")
    degrees = side_degrees(np.array([ORIENTATIONS.index(name) for name in names]))
    assert degrees.tolist() == [0.0, 90.0, 180.0, 270.0, 315.0]


def test_a_bus_hides_the_half_behind_it() -> None:
    # Its right side is the plane x = 0, in which the camera lies: all left of the middle is hidden, and nothing right of it.
    bus = ("bus", -2.55 / 2, 25.0, 0.0)
    seen = sightings(_standing(("saloon", 0.0, 60.0, 0.0), bus), LEVEL, 1.0)
    assert seen.vehicles.tolist() == [1, 2]
    np.testing.assert_allclose(seen.visible, (0.5, 1.0))


def test_two_that_hide_parts_are_counted_once() -> None:
    row = [("saloon", 0.0, 60.0, 0.0), ("bus", -2.55 / 2, 25.0, 0.0), ("bus", -2.55 / 2, 40.0, 0.0)]
    seen = sightings(_standing(*row), LEVEL, 1.0)
    assert seen.visible[0] == pytest.approx(0.5)
    assert seen.visible[2] < 0.3, "the second bus stands behind the first"
    hidden = sightings(_standing(*row, ("bus", 2.55 / 2, 30.0, 0.0)), LEVEL, 1.0)
    assert hidden.visible[0] == 0.0


def test_nothing_hides_what_is_beside_it() -> None:
    seen = sightings(_standing(("saloon", -4.0, 30.0, 0.0), ("saloon", 4.0, 30.0, 0.0)), LEVEL, 1.0)
    assert seen.visible.tolist() == [1.0, 1.0]


def test_boxes_are_cut_at_the_border() -> None:
    seen = sightings(_standing(("saloon", -10.0, 20.0, 0.0)), LEVEL, 1.0)
    left, right = 500 - 1000 * 10.91 / (20 - 2.35), 500 - 1000 * 9.09 / (20 + 2.35)
    assert seen.boxes[0, 0] == 0.0
    assert seen.boxes[0, 2] == pytest.approx(right, abs=0.01)
    assert seen.inside[0] == pytest.approx(right / (right - left), abs=1e-4)


def test_what_is_too_small_too_far_or_behind_is_not_sighted() -> None:
    assert len(sightings(_standing(("saloon", 0.0, 190.0, 0.0)), LEVEL, 1.0)) == 0, f"lower than {LEAST_HEIGHT} pixels"
    assert len(sightings(_standing(("bus", 0.0, 190.0, 0.0)), LEVEL, 1.0)) == 1
    assert len(sightings(_standing(("bus", 0.0, 201.0, 0.0)), LEVEL, 1.0)) == 0, "beyond its reach"
    assert len(sightings(_standing(("bus", 0.0, -30.0, 0.0)), LEVEL, 1.0)) == 0
    assert len(sightings(_standing(("bus", 60.0, 30.0, 0.0)), LEVEL, 1.0)) == 0, "beside the picture"


def test_frames_are_those_of_the_way_and_of_the_scenario(straight: Scenario) -> None:
    seen = sightings(straight, straight.cameras[0], 4.0)
    bus = seen.where(seen.vehicles == 2)
    assert (np.diff(bus.frames) == 1).all()
    np.testing.assert_allclose(bus.places[:, 1], -60.0 + 10.0 * (bus.frames / 4.0 - 9.25), atol=1e-4)
    assert (seen.frames < straight.seconds * 4.0).all()
    assert (np.lexsort((seen.vehicles, seen.frames)) == np.arange(len(seen))).all()
    cut = sightings(straight.until(12.0), straight.cameras[0], 4.0)
    assert cut.frames.max() == 47
