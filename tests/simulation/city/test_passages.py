"""Who passed when, what followed what, and how long it took."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.city import Scenario, Sightings
from simulation.city.passages import LONGEST_GAP, Passage, journeys, passages, travel_times
from simulation.city.visibility import all_sightings
from throughline.types import ORIENTATIONS


def _seen(camera: str, frames: list[int], vehicles: list[int], side: str = "front", fps: float = 10.0) -> Sightings:
    count = len(frames)
    boxes = np.tile(np.array((0, 0, 50, 40), np.float32), (count, 1))
    whole = np.ones(count, np.float32)
    sides = np.full(count, ORIENTATIONS.index(side))
    places, headings = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    return Sightings(camera, fps, np.array(frames), np.array(vehicles), boxes, whole, whole, places, headings, sides)


def _passed(camera: str, start: float, end: float, vehicle: int = 1) -> Passage:
    return Passage(camera, vehicle, start, end, 0.0)


def test_a_gap_ends_a_passage() -> None:
    gap = int(LONGEST_GAP * 10)
    frames = [*range(10), *range(9 + gap, 20 + gap), *range(21 + 2 * gap, 40 + 2 * gap)]
    found = passages([_seen("c01", frames, [1] * len(frames), "rear")])
    ends = [(passage.start, passage.end) for passage in found]
    assert ends == [(0.0, (19 + gap) / 10), ((21 + 2 * gap) / 10, (39 + 2 * gap) / 10)]
    assert abs(found[0].side) == pytest.approx(180.0)


def test_vehicles_are_kept_apart_and_glimpses_left_out() -> None:
    frames = [0, 0, 0, *(frame for frame in range(1, 11) for _ in range(2))]
    vehicles = [1, 2, 3, *([1, 2] * 10)]
    found = passages([_seen("c01", frames, vehicles), _seen("c02", [], [])])
    assert [(passage.vehicle, passage.start, passage.end) for passage in found] == [(1, 0.0, 1.0), (2, 0.0, 1.0)]


def test_the_next_view_follows() -> None:
    way = [_passed("a", 0, 5), _passed("b", 12, 18), _passed("c", 40, 45)]
    assert {link: times.tolist() for link, times in travel_times(way).items()} == {("a", "b"): [7.0], ("b", "c"): [22.0]}


def test_views_that_overlap() -> None:
    way = [_passed("a", 0, 8), _passed("b", 5, 12), _passed("c", 20, 25)]
    assert {link: times.tolist() for link, times in travel_times(way).items()} == {("a", "b"): [-3.0], ("b", "c"): [8.0]}


def test_a_view_within_another_one_is_not_on_the_way() -> None:
    way = [_passed("a", 0, 12), _passed("b", 5, 8), _passed("c", 20, 25)]
    links = {link: times.tolist() for link, times in travel_times(way).items()}
    assert links == {("a", "b"): [-7.0], ("a", "c"): [8.0], ("b", "c"): [12.0]}


def test_returns_and_other_vehicles_are_no_links() -> None:
    way = [_passed("a", 0, 5), _passed("b", 3, 9, vehicle=2), _passed("a", 20, 25), _passed("b", 30, 31)]
    found = journeys(way)
    assert list(found) == [("a", "b")]
    assert [(earlier.start, later.start) for earlier, later in found["a", "b"]] == [(20, 30)]


def test_times_are_those_of_the_ways(straight: Scenario) -> None:
    seen = passages(all_sightings(straight, 10.0))
    assert [(passage.camera, passage.vehicle) for passage in seen] == [("c01", 1), ("c01", 2), ("c02", 1), ("c02", 2)]
    times = travel_times(seen)["c01", "c02"]
    # The second view is the first one, 20 s of driving further on.
    np.testing.assert_allclose(times, [20.0 - (passage.end - passage.start) for passage in seen[:2]], atol=0.11)
    assert (times > 10.0).all()
