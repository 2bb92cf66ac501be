"""SUMO drives a plan; skipped where SUMO is not installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from simulation.city import CityCamera, CityVehicle
from simulation.city.making import SEEDS, make_scenario, make_shipped
from simulation.city.plans.plan import Plan
from simulation.city.storage import SHIPPED, shipped_scenario
from simulation.city.sumo import run
from simulation.city.sumo.demand import Halt, Trip
from simulation.city.sumo.network import Edge, Junction, Network, both_ways
from simulation.city.sumo.run import SumoError

needs_sumo = pytest.mark.skipif(importlib.util.find_spec("sumo") is None, reason="SUMO (the extra `simulation`) is not installed")

CAMERA = CityCamera("c01", 1, (-20.0, -9.0, 8.0), 85.0, 15.0, 1000.0, (960, 540))


def _plan(*trips: Trip, green: float = 20.0) -> Plan:
    """A crossing with lights; the camera looks east at it."""
    junctions = (
        Junction("x", (0.0, 0.0), "traffic_light", ((green, ("w-x", "e-x")), (20.0, ("s-x",)))),
        Junction("w", (-150.0, 0.0)),
        Junction("e", (150.0, 0.0)),
        Junction("s", (0.0, -150.0)),
    )
    edges = tuple(edge for name in "wes" for edge in both_ways(Edge(f"{name}-x", name, "x"), f"x-{name}"))
    return Plan("crossing", 90.0, Network(junctions, edges), (CAMERA,), trips, everywhere=True)


def _saloon(number: int) -> CityVehicle:
    return CityVehicle(number, "saloon", "red", "", 1.0, 0)


@needs_sumo
def test_vehicles_keep_to_the_right_wait_at_lights_and_stop_on_the_way() -> None:
    plan = _plan(
        Trip(_saloon(1), 0.0, "w-x", "x-e"),
        Trip(_saloon(2), 0.0, "s-x", "x-e"),
        Trip(_saloon(3), 30.0, "e-x", "x-w", halts=(Halt("e-x", 60.0, 12.0, parked=False),)),
    )
    scenario = make_scenario(plan, 3)
    east, turns, stops = scenario.trajectories
    assert [way.vehicle for way in scenario.trajectories] == [1, 2, 3]
    straight = np.abs(east.places[:, 0]) > 20.0
    np.testing.assert_allclose(east.places[straight, 1], -1.7, atol=1.2)
    np.testing.assert_allclose(east.headings, 90.0, atol=12.0)
    assert east.times[-1] < 30.0, "it has green"
    speeds = np.hypot(*np.diff(turns.places, axis=0).T) / np.diff(turns.times)
    assert np.count_nonzero(speeds < 0.05) * 0.1 > 8.0, "it waits for its green"
    assert turns.times[turns.places[:, 1] > -6.0].min() > 24.0
    assert turns.headings[0] == pytest.approx(0.0, abs=1.0)
    assert turns.headings[-1] == pytest.approx(90.0, abs=1.0)
    speeds = np.hypot(*np.diff(stops.places, axis=0).T) / np.diff(stops.times)
    assert np.count_nonzero(speeds < 0.05) * 0.1 >= 11.5
    kinds = [road.kind for road in scenario.roads]
    assert (kinds.count("street"), kinds.count("junction")) == (6, 1)
    assert all(road.lanes == 1 and road.lane_width == 3.4 for road in scenario.roads if road.kind == "street")


@needs_sumo
def test_the_same_seed_gives_the_same_traffic() -> None:
    trips = [Trip(_saloon(number), 3.0 * number, "w-x", "x-e", pace=0.9 + number / 50) for number in range(1, 8)]
    ways = [make_scenario(_plan(*trips), seed).trajectories for seed in (3, 3, 4)]
    same = [np.array_equal(first.places, second.places) for first, second in zip(ways[0], ways[1], strict=True)]
    other = [np.array_equal(first.places, second.places) for first, second in zip(ways[0], ways[2], strict=True)]
    assert all(same)
    assert not all(other)


@needs_sumo
def test_what_sumo_refuses_is_told() -> None:
    with pytest.raises(SumoError, match=r"sumo failed.*nowhere"):
        make_scenario(_plan(Trip(_saloon(1), 0.0, "w-x", "nowhere")), 1)


def test_without_sumo_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    with pytest.raises(SumoError, match=r"throughline\[simulation\]"):
        make_shipped("demo")


def test_shipped_scenarios_tell_their_seed() -> None:
    assert tuple(SEEDS) == SHIPPED
    assert shipped_scenario("demo").seed == SEEDS["demo"]
