from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from matcher.evidence.direction import DirectionTerm
from tests.support.ground import calibrated_site, moving
from tests.support.sightings import Scene
from tests.support.traffic import tracklet

SITE = calibrated_site()


def heading(degrees: float, speed: float = 10.0) -> Callable[[float], tuple[float, float]]:
    """Anticlockwise from east."""
    radians = math.radians(degrees)
    return lambda t: (100.0 + speed * t * math.cos(radians), 100.0 + speed * t * math.sin(radians))


class Road:
    """A road from c1 to c2 that is asked what directions say."""

    def __init__(self) -> None:
        self.scene = Scene(SITE)
        self.term = DirectionTerm(self.scene.topology)

    def add(self, camera: str, way: Callable[[float], tuple[float, float]]) -> int:
        start = 0.0 if camera == "c1" else 8.0
        return self.scene.add(moving(camera, start, start + 5.0, way, name=f"t{len(self.scene.table)}"))

    def see(self, camera: str, way: Callable[[float], tuple[float, float]], count: int) -> None:
        for _ in range(count):
            self.term.closed(self.scene.table, self.add(camera, way))

    def join(self, first: float, second: float, count: int) -> None:
        for _ in range(count):
            slots = self.add("c1", heading(first)), self.add("c2", heading(second))
            self.term.joined(self.scene.table, self.scene.relate(*slots), np.ones(1))

    def ratio(self, first: Callable[[float], tuple[float, float]], second: Callable[[float], tuple[float, float]]) -> float:
        return float(self.term.weigh(self.scene.compare(([self.add("c1", first)], [self.add("c2", second)])))[0])


def busy_road() -> Road:
    """Both cameras see both carriageways; who takes the link drives east at the first, and has turned north at the second."""
    road = Road()
    for degrees in (0.0, 180.0):
        road.see("c1", heading(degrees), 40)
    for degrees in (90.0, 270.0):
        road.see("c2", heading(degrees), 40)
    return road


def test_nothing_is_said_before_joins_have_shown_something() -> None:
    assert abs(busy_road().ratio(heading(0.0), heading(90.0))) < 1e-9


def test_those_who_drive_the_other_way_do_not_come() -> None:
    road = busy_road()
    road.join(0.0, 90.0, 60)
    right = road.ratio(heading(0.0), heading(90.0))
    assert 0.8 < right < 2 * math.log(2.4)
    assert road.ratio(heading(180.0), heading(90.0)) < right - 1.5
    assert road.ratio(heading(180.0), heading(270.0)) < right - 3.0
    assert abs(road.ratio(heading(10.0), heading(95.0)) - right) < 1e-9


def test_who_stands_or_is_seen_once_has_no_direction() -> None:
    road = busy_road()
    road.join(0.0, 90.0, 60)
    assert math.isnan(road.ratio(heading(0.0, 0.5), heading(90.0, 0.5)))
    half = road.ratio(heading(0.0, 0.5), heading(90.0))
    assert 0.0 < half < road.ratio(heading(0.0), heading(90.0))


def test_without_ground_there_is_no_direction() -> None:
    road = busy_road()
    road.join(0.0, 90.0, 20)
    slots = [road.scene.add(tracklet(camera, start, start + 5, name=camera)) for camera, start in (("c1", 0), ("c2", 8))]
    assert math.isnan(road.term.weigh(road.scene.compare((slots[:1], slots[1:])))[0])


def test_the_turn_between_the_views_is_told() -> None:
    road = busy_road()
    batch = road.scene.compare(([road.add("c1", heading(0.0))], [road.add("c2", heading(90.0))]))
    road.term.weigh(batch)
    assert road.term.measured(batch, 0) == 90.0
