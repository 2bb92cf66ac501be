"""A straight road with two cameras, which several tests look at."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.city import CityCamera, CityVehicle, Road, Scenario, Trajectory


@pytest.fixture
def straight() -> Scenario:
    """A saloon and a bus drive north at 10 m/s; c02 is like c01, 200 m further on; both look along the road."""
    cameras = tuple(
        CityCamera(f"c0{number}", number, (6.0, 200.0 * (number - 1), 8.0), 355.0, 15.0, 1000.0, (960, 540), 80.0)
        for number in (1, 2)
    )
    times = np.arange(0.0, 40.05, 0.5)
    ways = tuple(
        Trajectory(
            vehicle,
            times + start,
            np.column_stack((np.zeros(len(times)), -60.0 + 10.0 * times)),
            np.zeros(len(times)),
        )
        for vehicle, start in ((1, 0.0), (2, 9.25))
    )
    vehicles = {1: CityVehicle(1, "saloon", "white", "", 1.0, 5), 2: CityVehicle(2, "bus", "red", "town-buses", 1.02, 9)}
    roads = (Road("north", np.array([(0.0, -60.0), (0.0, 345.678)]), 2, 3.25), Road("end", np.eye(3)[:, :2], 0, 0.0, "junction"))
    return Scenario("straight", 60.0, cameras, roads, vehicles, ways, {("c01", "c02"): np.array([12.345, 13.0])}, 3)
