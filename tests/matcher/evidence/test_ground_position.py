from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from matcher.evidence.ground_position import GroundPositionTerm
from matcher.evidence.term import PairBatch
from tests.support.ground import SCALE, calibrated_site, moving
from tests.support.sightings import Scene
from tests.support.traffic import chain_site, tracklet
from throughline.messages import Tracklet

SITE = calibrated_site()


def along(offset: float, speed: float = 10.0) -> Callable[[float], tuple[float, float]]:
    return lambda t: (speed * t, offset)


def driving(x: float, y: float) -> Callable[[float], tuple[float, float]]:
    return lambda t: (10.0 * t + x, y)


def standing(x: float, y: float) -> Callable[[float], tuple[float, float]]:
    return lambda _: (x, y)


def compared(scene: Scene, *tracklets: Tracklet) -> PairBatch:
    slots = [scene.add(one) for one in tracklets]
    return scene.compare((slots[:1], slots[1:]))


def oracle(distance: float, *, variance: float, area: float, wrong: float = 0.2, tails: float = 3.0) -> float:
    """Student's density in the plane against an even one, and a share of wrong places, by the book."""
    density = (1 + distance**2 / variance / tails) ** (-(tails + 2) / 2) / (2 * math.pi * variance)
    return math.log((1 - wrong) * density * area + wrong)


EVEN = 2 * math.pi * math.e * 20.0**2
"""Square metres that vehicles fill before any was seen: a normal distribution of 20 m."""


@pytest.mark.parametrize("distance", [0.0, 1.5, 4.0, 10.0, 80.0])
def test_the_ratio_is_that_of_the_two_densities(distance: float) -> None:
    scene = Scene(SITE)
    batch = compared(scene, moving("c1", 0, 5, along(0.0)), moving("c2", 1, 6, along(distance)))
    term = GroundPositionTerm(scene.topology)
    box = (0.05 * 40.0 * SCALE) ** 2
    assert term.weigh(batch)[0] == pytest.approx(oracle(distance, variance=2 * (2.0**2 + box), area=EVEN), abs=1e-4)
    assert term.measured(batch, 0) == pytest.approx(distance, abs=1e-6)
    assert term.unit == "m"


def test_paths_are_compared_at_the_same_instants() -> None:
    """Two that drive behind each other on one lane are far apart at each instant, though their paths are one."""
    scene = Scene(SITE)
    follower = moving("c2", 2, 8, lambda t: (10.0 * (t - 2.0), 0.0))
    batch = compared(scene, moving("c1", 0, 6, along(0.0)), follower)
    term = GroundPositionTerm(scene.topology)
    assert term.weigh(batch)[0] < -1.0
    assert term.measured(batch, 0) == pytest.approx(20.0)


def test_those_that_cross_each_other_are_not_taken_for_one() -> None:
    scene = Scene(SITE)
    batch = compared(scene, moving("c1", 0, 6, along(0.0)), moving("c2", 0, 6, lambda t: (60.0 - 10.0 * t, 0.0)))
    assert GroundPositionTerm(scene.topology).weigh(batch)[0] < -1.0


def test_a_doubtful_clock_allows_for_the_speed() -> None:
    scene = Scene(SITE)
    exact = compared(scene, moving("c1", 0, 6, along(0.0)), moving("c2", 0, 6, lambda t: (10.0 * t - 15.0, 0.0)))
    doubtful = compared(
        scene, moving("c1", 0, 6, along(0.0), name="a"), moving("c2", 0, 6, lambda t: (10.0 * t - 15.0, 0.0), clock=1.0, name="b")
    )
    aside = compared(
        scene, moving("c1", 0, 6, along(0.0), name="c"), moving("c2", 0, 6, lambda t: (10.0 * t, 15.0), clock=1.0, name="d")
    )
    term = GroundPositionTerm(scene.topology)
    behind, doubted, beside = (float(term.weigh(batch)[0]) for batch in (exact, doubtful, aside))
    assert doubted > behind + 1.0, "15 m along the road may be 1.5 s"
    assert beside < doubted - 1.0, "15 m across it may not"


def test_degrees_are_metres() -> None:
    scene, same = Scene(calibrated_site(units="degrees")), Scene(SITE)
    there = compared(scene, moving("c1", 0, 5, along(0.0), degrees=True), moving("c2", 1, 6, along(3.0), degrees=True))
    here = compared(same, moving("c1", 0, 5, along(0.0)), moving("c2", 1, 6, along(3.0)))
    term, other = GroundPositionTerm(scene.topology), GroundPositionTerm(same.topology)
    assert term.weigh(there)[0] == pytest.approx(other.weigh(here)[0], abs=1e-3)
    assert term.measured(there, 0) == pytest.approx(3.0, rel=1e-3)


def test_it_says_nothing_without_time_in_common_or_ground() -> None:
    scene = Scene(SITE)
    term = GroundPositionTerm(scene.topology)
    later = compared(scene, moving("c1", 0, 5, along(0.0)), moving("c2", 7, 9, along(0.0)))
    assert np.isnan(term.weigh(later)).all()
    unplaced = compared(scene, moving("c1", 0, 5, along(0.0), name="a"), tracklet("c2", 1, 6, name="b"))
    assert np.isnan(term.weigh(unplaced)).all()
    plain = Scene(chain_site(2))
    assert plain.table.paths is None, "a site without calibrated cameras keeps no paths"
    passing = compared(plain, tracklet("c1", 0, 3), tracklet("c2", 23, 30))
    assert np.isnan(GroundPositionTerm(plain.topology).weigh(passing)).all()


def joins(scene: Scene, term: GroundPositionTerm, apart: tuple[float, float], count: int, noise: float, seed: int = 1) -> None:
    rng = np.random.default_rng(seed)
    for number in range(count):
        x, y = np.array(apart) + noise * rng.normal(size=2)
        slots = [
            scene.add(moving("c1", 0, 5, along(0.0), name=f"a{seed}{number}")),
            scene.add(moving("c2", 1, 6, driving(x, y), name=f"b{seed}{number}")),
        ]
        term.joined(scene.table, scene.relate(*slots), np.array([0.95]))


def test_what_two_cameras_disagree_by_is_learned_from_joins() -> None:
    scene = Scene(SITE)
    term = GroundPositionTerm(scene.topology)
    batch = compared(scene, moving("c1", 0, 5, along(0.0)), moving("c2", 1, 6, lambda t: (10.0 * t + 3.0, -4.0)))
    before = term.weigh(batch)[0]
    joins(scene, term, (3.0, -4.0), 60, noise=0.5)
    assert term.weigh(batch)[0] > before + 1.0, "as far off as always, and more exactly so than was said"
    right = compared(scene, moving("c1", 0, 5, along(0.0), name="r"), moving("c2", 1, 6, along(0.0), name="s"))
    assert term.weigh(right)[0] < term.weigh(batch)[0] - 1.0


def test_calibrations_that_do_not_fit_together_silence_it() -> None:
    scene = Scene(SITE)
    term = GroundPositionTerm(scene.topology)
    batch = compared(scene, moving("c1", 0, 5, along(0.0)), moving("c2", 1, 6, along(90.0)))
    assert term.weigh(batch)[0] < -1.0
    joins(scene, term, (100.0, 0.0), 60, noise=60.0)
    assert -0.3 < term.weigh(batch)[0] < 0.3


def test_where_vehicles_are_is_learned() -> None:
    """Where all keep to one spot, being there says little."""
    scene = Scene(SITE)
    term = GroundPositionTerm(scene.topology)
    batch = compared(scene, moving("c1", 0, 5, along(0.0)), moving("c2", 1, 6, along(0.0)))
    wide = term.weigh(batch)[0]
    for camera in ("c1", "c2"):
        for number in range(80):
            place = (0.1 * number, 0.5 * (number % 3))
            term.closed(scene.table, scene.add(moving(camera, 0, 2, standing(*place), name=f"{camera}{number}")))
    assert term.weigh(batch)[0] < wide - 0.8


def test_it_weighs_a_comparison_alone_as_among_others() -> None:
    rng = np.random.default_rng(7)
    scene = Scene(calibrated_site(3))
    term = GroundPositionTerm(scene.topology)
    slots = []
    for number in range(30):
        camera, start, speed, aside = f"c{1 + number % 3}", float(rng.uniform(0, 5)), *rng.normal(size=2) * 5
        path = moving(camera, start, start + float(rng.uniform(6, 30)), along(float(aside), float(speed)), name=f"t{number}")
        slots.append(scene.add(path))
    asked = [([slots[k]], [slots[k + 1], slots[k + 2]]) for k in range(27)]
    whole = scene.compare(*asked)
    alone = [float(term.weigh(scene.compare(one))[0]) for one in asked]
    assert np.isfinite(alone).all()
    assert term.weigh(whole).tolist() == alone
