from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from matcher.evidence.vehicle_type import VehicleTypeTerm
from matcher.readings import TYPES
from tests.support.sightings import Scene
from tests.support.traffic import chain_site, tracklet
from throughline.settings import SiteFileError

CARS, TRUCKS, BUSES = {"car": 1.0}, {"truck": 1.0}, {"bus": 1.0}
UNKNOWN = {"vehicle": 1.0}


class Types:
    """A site that has seen vehicles, and is asked what the types of two say."""

    def __init__(self, matching: str = "", c2: str = "", seen: Iterable[tuple[int, dict[str, float]]] = ()) -> None:
        site = chain_site(2, matching, by_camera={"c2": c2})
        self.scene = Scene(site)
        self.term = VehicleTypeTerm(site.matching.type_doubt)
        for count, types in seen:
            for _ in range(count):
                self.term.closed(self.scene.table, self.add("c1", types))

    def add(self, camera: str, types: dict[str, float]) -> int:
        start = 0 if camera == "c1" else 23
        return self.scene.add(tracklet(camera, start, start + 3, name=f"t{len(self.scene.table)}", types=types))

    def ratio(self, first: dict[str, float], second: dict[str, float]) -> float:
        return float(self.term.weigh(self.scene.compare(([self.add("c1", first)], [self.add("c2", second)])))[0])


def test_rare_types_say_more_and_contradictions_speak_against() -> None:
    types = Types(seen=[(95, CARS), (5, TRUCKS)])
    assert types.ratio(TRUCKS, TRUCKS) > 1.5 > 0.5 > types.ratio(CARS, CARS) > 0.0
    assert types.ratio(CARS, TRUCKS) == pytest.approx(math.log(0.05), abs=1e-4)
    assert types.ratio({"car": 0.5, "truck": 0.5}, TRUCKS) == pytest.approx(0.0, abs=0.8)


def test_not_to_know_a_type_is_no_evidence() -> None:
    types = Types(seen=[(30, CARS), (10, TRUCKS)])
    for known in (CARS, TRUCKS, UNKNOWN):
        assert types.ratio(UNKNOWN, known) == pytest.approx(0.0, abs=1e-5)
        assert types.ratio(dict.fromkeys(TYPES, 0.25), known) == pytest.approx(0.0, abs=1e-5)
    assert math.isnan(types.ratio(CARS, {}))


def test_the_doubt_bounds_a_contradiction() -> None:
    for doubt in (0.01, 0.2):
        assert Types(f"type_doubt: {doubt}").ratio(CARS, TRUCKS) == pytest.approx(math.log(doubt), abs=1e-3)


def test_merged_types_are_one() -> None:
    apart, merged = (
        Types(matching, seen=[(60, CARS), (30, TRUCKS), (10, BUSES)]) for matching in ("", "merged_types: [[bus, truck]]")
    )
    assert apart.ratio(BUSES, TRUCKS) < -2.5
    assert merged.ratio(BUSES, TRUCKS) == merged.ratio(BUSES, BUSES) == merged.ratio(TRUCKS, TRUCKS)
    rare = 120 / (30 + 10 + 2 * 5)  # vehicles over those of the two types, with five of each type assumed
    assert merged.ratio(BUSES, TRUCKS) == pytest.approx(math.log(0.95 * rare + 0.05), abs=1e-4)
    assert merged.ratio(CARS, BUSES) == apart.ratio(CARS, BUSES), "others are as they were"


def test_a_camera_is_trusted_as_far_as_the_site_file_says() -> None:
    seen = [(30, CARS), (30, TRUCKS)]
    ratios = [Types(c2=f"type_trust: {trust}", seen=seen).ratio(CARS, TRUCKS) for trust in (1.0, 0.7, 0.3, 0.0)]
    assert ratios == sorted(ratios)
    assert ratios[0] < -2.9
    assert ratios[-1] == pytest.approx(0.0, abs=1e-5)


def test_one_type_of_one_camera_can_be_distrusted() -> None:
    types = Types(c2="type_trust: {truck: 0.1}", seen=[(30, CARS), (30, TRUCKS)])
    assert types.ratio(CARS, TRUCKS) > -0.5, "what this camera calls a truck may be anything"
    assert types.ratio(TRUCKS, CARS) < -2.9, "what it calls a car is none"


def test_distrusted_types_are_not_counted_as_common() -> None:
    site = chain_site(2, by_camera={"c2": "type_trust: 0"})
    scene = Scene(site)
    term = VehicleTypeTerm(0.05)
    batch = scene.compare(
        ([scene.add(tracklet("c1", 0, 3, types=TRUCKS))], [scene.add(tracklet("c2", 23, 26, name="x", types={"car": 0.1}))])
    )
    before = term.weigh(batch)[0]
    for number in range(50):
        term.closed(scene.table, scene.add(tracklet("c2", 30, 33, name=f"t{number}", types=TRUCKS)))
    assert term.weigh(batch)[0] == before


def test_the_type_of_a_vehicle_is_the_mean_over_its_sightings() -> None:
    types = Types()
    mixed = [types.add("c1", CARS), types.add("c1", TRUCKS)]
    other = types.add("c2", {"truck": 0.8, "car": 0.2})
    half = types.add("c1", {"car": 0.5, "truck": 0.5})
    batch = types.scene.compare((mixed, [other]), ([half], [other]))
    ratios = types.term.weigh(batch)
    assert ratios[0] == ratios[1]
    assert types.term.measured(batch, 0) == pytest.approx(0.5, abs=1e-5)


def test_it_is_silent_where_no_types_are_known() -> None:
    scene = Scene(chain_site(2))
    slots = [scene.add(tracklet("c1", 0, 3)), scene.add(tracklet("c2", 23, 26))]
    assert np.isnan(VehicleTypeTerm(0.05).weigh(scene.compare(([slots[0]], [slots[1]])))).all()


def test_a_type_in_two_groups_is_refused() -> None:
    with pytest.raises(SiteFileError, match="bus is named twice"):
        chain_site(2, "merged_types: [[bus, truck], [bus, car]]")
