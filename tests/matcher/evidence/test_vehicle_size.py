from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from matcher.evidence.vehicle_size import VehicleSizeTerm
from tests.support.ground import SCALE, calibrated_site, moving
from tests.support.sightings import Scene
from tests.support.traffic import tracklet
from throughline.messages import Tracklet

SITE = calibrated_site()
USUAL = 2.0


def tall(camera: str, metres: float, name: str) -> Tracklet:
    return moving(camera, 0, 3, lambda t: (t, 0.0), height=metres / SCALE, name=name)


@pytest.fixture
def scene() -> Scene:
    return Scene(SITE)


@pytest.fixture
def term(scene: Scene) -> VehicleSizeTerm:
    """Has seen 200 vehicles of 2 m, give or take 15 %, in either camera."""
    term = VehicleSizeTerm(scene.topology)
    usual = USUAL * np.exp(0.15 * norm.ppf((np.arange(200) + 0.5) / 200))
    for camera in ("c1", "c2"):
        for number, metres in enumerate(usual):
            term.closed(scene.table, scene.add(tall(camera, float(metres), f"{camera}-{number}")))
    return term


def ratio(term: VehicleSizeTerm, scene: Scene, one: float, other: float) -> float:
    slots = [scene.add(tall("c1", one, f"a{len(scene.table)}")), scene.add(tall("c2", other, f"b{len(scene.table)}"))]
    return float(term.weigh(scene.compare(([slots[0]], [slots[1]])))[0])


@pytest.mark.parametrize(("one", "other"), [(2.0, 2.0), (2.4, 2.4), (2.4, 1.7), (2.2, 1.9)])
def test_the_ratio_is_that_of_normal_densities(term: VehicleSizeTerm, scene: Scene, one: float, other: float) -> None:
    a, b = (np.log(size / USUAL) / 0.15 for size in (one, other))
    r = term.correlation
    same = multivariate_normal([0, 0], [[1, r], [r, 1]]).pdf([a, b])
    likelier = same / norm.pdf(a) / norm.pdf(b)
    assert ratio(term, scene, one, other) == pytest.approx(np.log(0.9 * likelier + 0.1), abs=0.03)


def test_unusual_sizes_say_more_and_all_is_bounded(term: VehicleSizeTerm, scene: Scene) -> None:
    assert ratio(term, scene, 2.6, 2.6) > ratio(term, scene, 2.0, 2.0)
    assert ratio(term, scene, 9.0, 0.5) >= np.log(0.1)


def test_how_far_sizes_agree_is_learned_from_joins(term: VehicleSizeTerm, scene: Scene) -> None:
    before = ratio(term, scene, 2.4, 2.4)
    rng = np.random.default_rng(2)
    for number, metres in enumerate(USUAL * np.exp(rng.normal(0.0, 0.15, 200))):
        slots = [scene.add(tall(camera, float(metres), f"j{camera}{number}")) for camera in ("c1", "c2")]
        term.joined(scene.table, scene.relate(*slots), np.ones(1))
    assert term.correlation > 0.8
    assert ratio(term, scene, 2.4, 2.4) > before + 0.3


def test_the_measured_value_is_the_ratio_of_sizes(term: VehicleSizeTerm, scene: Scene) -> None:
    slots = [scene.add(tall("c1", 2.0, "a")), scene.add(tall("c2", 3.0, "b"))]
    batch = scene.compare(([slots[0]], [slots[1]]))
    term.weigh(batch)
    assert term.measured(batch, 0) == pytest.approx(1.5)


def test_it_says_nothing_of_what_it_does_not_know(scene: Scene, term: VehicleSizeTerm) -> None:
    unplaced = scene.add(tracklet("c2", 0, 3, name="unplaced"))
    known = scene.add(tall("c1", 2.0, "known"))
    assert np.isnan(term.weigh(scene.compare(([known], [unplaced])))).all()
    fresh = VehicleSizeTerm(scene.topology)
    assert np.isnan(fresh.weigh(scene.compare(([known], [scene.add(tall("c2", 2.0, "other"))])))).all(), "nothing is usual yet"
