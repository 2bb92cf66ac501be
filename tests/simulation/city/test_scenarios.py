"""What is shipped is what is promised."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import simulation
from simulation.city import Scenario
from simulation.city.passages import passages, travel_times
from simulation.city.storage import SHIPPED, shipped_scenario
from simulation.city.truth import annotated
from simulation.city.visibility import all_sightings, sightings
from throughline.types import ORIENTATIONS

FOLDER = Path(simulation.__file__).parent / "scenarios"


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request: pytest.FixtureRequest) -> Scenario:
    return shipped_scenario(request.param)


@pytest.fixture(scope="module")
def demo() -> Scenario:
    return shipped_scenario("demo")


@pytest.fixture(scope="module")
def standard() -> Scenario:
    return shipped_scenario("standard")


def test_every_scenario_holds_together(shipped: Scenario) -> None:
    assert [camera.number for camera in shipped.cameras] == list(range(1, len(shipped.cameras) + 1))
    assert len({camera.id for camera in shipped.cameras}) == len(shipped.cameras)
    assert set(shipped.vehicles) == {way.vehicle for way in shipped.trajectories}
    starts = [way.times[0] for way in shipped.trajectories]
    assert starts == sorted(starts)
    assert starts[0] >= 0.0
    ids = {camera.id for camera in shipped.cameras}
    assert all(first in ids and second in ids and len(times) for (first, second), times in shipped.links.items())


def test_vehicles_drive_as_vehicles_do(shipped: Scenario) -> None:
    for way in shipped.trajectories[:400]:
        seconds = np.diff(way.times)
        assert (seconds > 0.0).all()
        metres = np.hypot(*np.diff(way.places, axis=0).T)
        assert (metres / seconds < 30.0).all()
        assert (np.abs(np.diff(way.headings)) < 100.0).all()


def test_fleets_look_alike(shipped: Scenario) -> None:
    fleets: dict[str, list[tuple[str, str, float, int]]] = {}
    for vehicle in shipped.vehicles.values():
        fleets.setdefault(vehicle.fleet, []).append((vehicle.body, vehicle.colour, vehicle.scale, vehicle.seed))
    private = fleets.pop("")
    assert len(set(private)) == len(private)
    assert fleets
    for looks in fleets.values():
        assert len(looks) > 1
        assert len(set(looks)) == 1


@pytest.mark.parametrize(
    ("name", "cameras", "seconds", "most"), [("demo", 4, 120, 0.3), ("standard", 12, 1200, 2), ("load", 500, 600, 6)]
)
def test_sizes(name: str, cameras: int, seconds: float, most: float) -> None:
    scenario = shipped_scenario(name)
    assert (len(scenario.cameras), scenario.seconds) == (cameras, seconds)
    assert (FOLDER / f"{name}.npz").stat().st_size < most * 1e6


def test_demo_is_empty_at_both_ends(demo: Scenario) -> None:
    for shown in all_sightings(demo, 10.0):
        assert shown.frames.min() > 20
        assert shown.frames.max() < 1180


def test_demo_has_what_it_shows(demo: Scenario) -> None:
    assert 40 <= len(demo.vehicles) <= 60
    fleets = Counter(vehicle.fleet for vehicle in demo.vehicles.values())
    assert (fleets["city-taxi"], fleets["parcel-vans"]) == (6, 4)
    saloons = [vehicle for vehicle in demo.vehicles.values() if (vehicle.body, vehicle.colour) == ("saloon", "white")]
    assert len(saloons) >= 5
    assert {road.kind for road in demo.roads} == {"street", "junction"}
    for link in (("c01", "c02"), ("c02", "c04"), ("c04", "c02"), ("c02", "c01")):
        assert len(demo.links[link]) >= 10
        assert 5.0 <= np.median(demo.links[link]) <= 20.0
    assert np.median(demo.links["c02", "c03"]) < 0.0


def test_demo_links_are_measured_from_its_ways(demo: Scenario) -> None:
    times = travel_times(passages(map(annotated, all_sightings(demo, 10.0))))
    assert list(times) == list(demo.links)
    for link, seconds in demo.links.items():
        np.testing.assert_allclose(times[link], seconds, atol=0.001)


def test_one_camera_of_the_demo_looks_the_other_way(demo: Scenario) -> None:
    """What goes east is seen from the front by three cameras, and from the rear by the fourth."""
    shares = {}
    for camera in demo.cameras:
        shown = sightings(demo, camera, 2.0)
        east = shown.where((np.sin(np.radians(shown.headings)) > 0.5) & (shown.inside > 0.9))
        fronts = [index for index, name in enumerate(ORIENTATIONS) if "front" in name]
        shares[camera.id] = np.isin(east.orientations, fronts).mean()
    assert shares["c01"] > 0.9
    assert shares["c02"] > 0.8
    assert shares["c04"] < 0.1


def test_standard_has_passages_a_jam_and_vehicles_that_park(standard: Scenario) -> None:
    main = [("c01", "c02"), ("c02", "c04"), ("c04", "c05"), ("c05", "c06"), ("c06", "c07")]
    for first, second in main:
        assert len(standard.links[first, second]) >= 200
        assert len(standard.links[second, first]) >= 200
    assert np.median(standard.links["c02", "c03"]) < 0.0
    assert max(times.max() for times in standard.links.values()) > 180.0, "somebody parks for minutes"
    calm, rush, jam, after = (np.median(part) for part in np.array_split(standard.links["c02", "c04"], 4))
    assert jam > 1.4 * max(calm, after)
    assert rush < 1.4 * calm


def test_standard_has_many_look_alikes(standard: Scenario) -> None:
    alike = [
        vehicle.fleet != "" or (vehicle.body == "saloon" and vehicle.colour in ("white", "silver", "black"))
        for vehicle in standard.vehicles.values()
    ]
    assert 0.2 < np.mean(alike) < 0.35


def test_load_has_thousands_at_once() -> None:
    load = shipped_scenario("load")
    at = [sum(way.times[0] <= second <= way.times[-1] for way in load.trajectories) for second in (100.0, 300.0, 500.0)]
    assert min(at) > 1000, "near cameras alone"
    assert len(load.vehicles) > 5000
    assert sum(len(times) >= 2 for times in load.links.values()) > 1000
