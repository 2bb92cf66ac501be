"""A city's site file: it can be read, and holds what its operator would know."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.city import Scenario
from simulation.city.site import site_of, travel_of
from simulation.city.storage import shipped_scenario
from throughline.ground import GroundPlane
from throughline.settings import Site, dump_site, parse_site


@pytest.fixture(scope="module")
def demo() -> tuple[Scenario, Site]:
    scenario = shipped_scenario("demo")
    return scenario, site_of(scenario, 10.0)


def test_it_reads_back(demo: tuple[Scenario, Site]) -> None:
    _, site = demo
    assert parse_site(dump_site(site)) == site


def test_links_are_the_roads_that_were_driven(demo: tuple[Scenario, Site]) -> None:
    scenario, site = demo
    often = {link: times for link, times in scenario.links.items() if len(times) >= 2}
    assert {(link.from_, link.to) for link in site.links} == set(often)
    for link in site.links:
        times = often[link.from_, link.to]
        within = (times >= link.travel.min) & (times <= link.travel.max)
        assert within.mean() >= 0.95
        assert link.travel.mode == pytest.approx(np.median(times), abs=0.26)


def test_overlapping_and_opposite_views(demo: tuple[Scenario, Site]) -> None:
    _, site = demo
    overlapping = {frozenset((link.from_, link.to)) for link in site.links if link.travel.min < 0.0}
    assert overlapping == {frozenset(("c02", "c03"))}
    opposite = {frozenset((link.from_, link.to)) for link in site.links if link.opposite_view}
    assert frozenset(("c02", "c04")) in opposite
    assert not opposite & {frozenset(("c01", "c02")), frozenset(("c02", "c03"))}


def test_ground_is_where_vehicles_stand(demo: tuple[Scenario, Site]) -> None:
    scenario, site = demo
    for camera in scenario.cameras:
        settings = site.camera(camera.id)
        assert settings.ground is not None
        assert settings.size == camera.size
        ahead = camera.axes()[2][:2] / np.hypot(*camera.axes()[2][:2]) * 40.0
        place = np.array([(camera.position[0] + ahead[0], camera.position[1] + ahead[1], 0.0)])
        x, y = camera.to_picture(camera.to_camera(place))[0]
        found = GroundPlane(settings.ground, camera.size).at(x, y)
        assert found is not None
        assert (found.x, found.y) == pytest.approx(tuple(place[0, :2]), abs=1e-6)


def test_travel_times_are_widened_and_round() -> None:
    travel = travel_of(np.linspace(10.03, 20.03, 101))
    assert 6.0 <= travel.min < 10.0
    assert travel.mode == 15.0
    assert 21.0 <= travel.max <= 30.0
    assert (2 * travel.min) % 1 == 0.0
    assert travel.max % 1 == 0.0
    assert travel_of(np.array([0.3, 0.4])).min == 0.0, "views that do not overlap are not told to"
    assert travel_of(np.array([-3.0, -2.0])).min < -3.0
