"""From fronts to vehicles: they turn as if they had wheels, and are kept where cameras are."""

from __future__ import annotations

import numpy as np

from simulation.city import CityCamera, CityVehicle
from simulation.city.sumo.ways import NEAR_A_CAMERA, follow, near, trajectories


def test_straight_on_the_middle_is_half_a_length_behind() -> None:
    fronts = np.column_stack((np.arange(0.0, 50.0, 1.3), np.zeros(39)))
    middles, headings = follow(fronts, np.pi / 2, 4.6)
    np.testing.assert_allclose(middles, fronts - (2.3, 0.0), atol=1e-9)
    np.testing.assert_allclose(headings, 90.0)


def test_round_a_corner_the_rear_cuts_it_and_headings_go_on() -> None:
    corner = [*((0.0, y) for y in np.arange(-30.0, 0.0, 0.5)), *((x, 0.0) for x in np.arange(0.0, 40.0, 0.5))]
    middles, headings = follow(np.array(corner), 0.0, 5.0)
    assert (np.abs(np.diff(headings)) < 12.0).all(), "never at once, though the front turns at once"
    assert headings[0] == 0.0
    assert abs(headings[-1] - 90.0) < 0.1
    inner = (middles[:, 0] > 0.3) & (middles[:, 1] < -0.3)
    assert inner.any()


def test_a_whole_circle_is_unwrapped() -> None:
    angle = np.linspace(0.0, 4.0 * np.pi, 400)
    _, headings = follow(20.0 * np.column_stack((np.sin(angle), np.cos(angle))), np.pi / 2, 4.5)
    assert headings[-1] - headings[0] > 700.0


def test_standing_still_keeps_the_heading() -> None:
    fronts = np.array([(0.0, 0.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)])
    middles, headings = follow(fronts, np.pi / 4, 4.0)
    np.testing.assert_allclose(headings, 45.0)
    np.testing.assert_allclose(middles[1], middles[3])


def test_only_what_is_near_a_camera_is_kept() -> None:
    camera = CityCamera("c", 1, (0.0, 0.0, 8.0), 0.0, 15.0, 1000.0, (960, 540), 80.0)
    places = np.array([(0.0, 40.0), (0.0, 79.0 + NEAR_A_CAMERA), (0.0, 82.0 + NEAR_A_CAMERA), (0.0, -30.0), (45.0, 30.0)])
    assert near(places, [camera]).tolist() == [True, True, False, False, False]
    vehicles = {4: CityVehicle(4, "saloon", "red", "", 1.0, 0)}
    times = np.arange(0.0, 80.0, 0.5)
    there_and_back = np.concatenate((np.linspace(200.0, 20.0, 80), np.linspace(20.0, 200.0, 80)))
    fronts = np.column_stack((times, np.zeros(160), there_and_back, np.full(160, 180.0)))
    ways = trajectories({4: fronts}, vehicles, [camera], 2)
    assert len(ways) == 1
    assert ways[0].places[:, 1].max() < 80.0 + NEAR_A_CAMERA + 1.0
    np.testing.assert_allclose(np.diff(ways[0].times), 1.0)
    everywhere = trajectories({4: fronts}, vehicles, None, 1)
    assert len(everywhere[0].times) == 160
