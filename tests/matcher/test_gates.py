from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from matcher.gates import REASONS, Relations, straight
from matcher.gates import relate as relate_slots
from tests.support.sightings import Scene
from tests.support.traffic import tracklet
from throughline.messages import Clock, Gate, Tracklet
from throughline.settings import Site, parse_site
from throughline.types import ClockSource

SITE = parse_site(
    "site: test\nmatching: {window: hard}\ncameras: [{id: a}, {id: b}, {id: c}]\n"
    "links: [{from: a, to: b, travel: {min: -2, typical: 1, max: 10}}, {from: b, to: a, travel: {min: 5, max: 9}}]"
)


@dataclass
class Relation:
    """What is found about one pair."""

    earlier: str
    rejected: str | None
    impossible: bool
    link: str | None
    travel: float
    gates: tuple[Gate, ...]


def relate(first: Tracklet, second: Tracklet, site: Site = SITE) -> Relation:
    scene = Scene(site)
    relations = scene.relate(scene.add(first), scene.add(second))
    link = int(relations.link[0])
    return Relation(
        scene.table.at(relations.earlier[0]).camera,
        REASONS[relations.rejected[0]] or None,
        bool(relations.impossible[0]),
        None if link < 0 else scene.topology.links[link].name,
        float(relations.travel[0]),
        relations.gates(0, scene.topology),
    )


def seen(camera: str, start: float, end: float, *, state: str = "closed", doubt: float = 0.0) -> Tracklet:
    whole = tracklet(camera, start, end, state=state)
    return msgspec.structs.replace(whole, clock=Clock(ClockSource.RTCP, doubt))


@pytest.mark.parametrize(
    ("start", "rejected", "impossible"),
    [(18.0, None, False), (17.9, "travel_window", True), (30.0, None, False), (30.1, "travel_window", False)],
)
def test_the_window_of_the_link(start: float, rejected: str | None, impossible: bool) -> None:
    relation = relate(seen("b", start, start + 5), seen("a", 10, 20))
    assert (relation.rejected, relation.impossible) == (rejected, impossible)
    assert relation.earlier == "a"
    assert relation.travel == pytest.approx(start - 20)


def test_the_window_is_that_of_a_slow_test_of_intervals() -> None:
    """It walks in steps from where the one track ends, and looks whether the other one begins there."""
    rng = np.random.default_rng(7)
    passed = 0
    for _ in range(300):
        starts = rng.integers(0, 40, 2) / 2
        ends = starts + rng.integers(2, 20, 2) / 2
        first, second = seen("a", starts[0], ends[0]), seen("b", starts[1], ends[1])
        relation = relate(first, second)
        (low, high), (earlier, later) = ((-2, 10), (0, 1)) if relation.earlier == "a" else ((5, 9), (1, 0))
        slow = any(ends[earlier] + step / 2 == starts[later] for step in range(2 * low, 2 * high + 1))
        assert (relation.link is not None) == slow
        assert relation.impossible == (not slow and starts[later] < ends[earlier] + low)
        passed += slow
    assert 50 < passed < 250


@pytest.mark.parametrize(("start", "impossible"), [(23.0, False), (22.9, True), (39.9, False), (40.0, False)])
def test_a_vehicle_may_come_sooner_by_way_of_a_view_that_overlaps(start: float, impossible: bool) -> None:
    """Straight from a to c it takes 20 s; by way of b, which c's view overlaps, 3 s may do."""
    site = parse_site(
        "site: test\nmatching: {window: hard}\ncameras: [{id: a}, {id: b}, {id: c}]\n"
        "links: [{from: a, to: c, travel: {min: 20, max: 90}}, "
        "{from: a, to: b, travel: {min: 7, max: 30}}, {from: b, to: c, travel: {min: -4, max: 3}}]"
    )
    relation = relate(seen("a", 10, 20), seen("c", start, start + 5), site)
    assert relation.impossible == impossible
    assert relation.rejected == ("travel_window" if start < 40.0 else None)


def test_doubt_about_the_clocks_widens_it() -> None:
    relation = relate(seen("a", 10, 20, doubt=0.1), seen("b", 30.2, 35))
    assert relation.rejected is None
    (gate,) = relation.gates
    assert gate.low == pytest.approx(-2.3)
    assert gate.high == pytest.approx(10.3)


def test_the_direction_counts() -> None:
    assert relate(seen("b", 10, 20), seen("a", 27, 30)).link is not None
    assert relate(seen("b", 10, 20), seen("a", 21, 30)).impossible, "b -> a takes five seconds at least"


def test_where_clocks_leave_open_which_was_first_both_ways_are_tried() -> None:
    first, second = seen("b", 10.0, 11.0, doubt=0.5), seen("a", 10.5, 11.5, doubt=0.5)
    relation = relate(first, second)
    assert relation.link == "a->b"


def test_an_open_end_rejects_only_what_no_end_could_satisfy() -> None:
    opened = seen("a", 10, 20, state="updated")
    assert relate(opened, seen("b", 100, 101)).rejected is None, "it may stay in view until then"
    assert relate(opened, seen("b", 17, 25)).impossible, "a later end makes it worse"


def test_no_road() -> None:
    relation = relate(seen("a", 10, 20), seen("c", 21, 25))
    assert (relation.rejected, relation.impossible) == ("no_link", False)
    assert relation.gates == ()


@pytest.mark.parametrize("policy", ["allow", "learn"])
def test_what_nobody_has_listed_excludes_nothing(policy: str) -> None:
    scene = Scene(parse_site(f"site: test\ncameras: [{{id: a}}, {{id: b}}]\nunlisted_links: {policy}\n"))
    slots = [scene.add(seen("a", 0, 200)), scene.add(seen("b", 139, 150)), scene.add(seen("b", 141, 150))]
    far, near = scene.relate(slots[0], slots[1]), scene.relate(slots[0], slots[2])
    assert REASONS[far.rejected[0]] == "travel_window"
    assert not far.impossible[0], "views may overlap for longer than was looked for"
    assert near.link[0] >= 0


@pytest.mark.parametrize(
    ("start", "rejected", "impossible"),
    [
        (15.0, "same_camera_overlap", True),
        (20.0, "same_camera_overlap", True),
        (22.0, None, False),
        (30.0, "same_camera", True),
        (90.0, "same_camera", False),
    ],
)
def test_one_camera_sees_a_vehicle_twice_only_when_the_track_broke_or_it_came_back(
    start: float, rejected: str | None, impossible: bool
) -> None:
    relation = relate(seen("a", 10, 20), seen("a", start, start + 3))
    assert (relation.rejected, relation.impossible) == (rejected, impossible)


@pytest.mark.parametrize(("start", "passes"), [(24.0, True), (34.0, False), (15.0, False)])
def test_parts_of_a_broken_track_leave_with_the_last_of_them(start: float, passes: bool) -> None:
    """A window of -2..10 s from 20 s on, where the second part ends; the first ended at 10 s."""
    scene = Scene(SITE)
    parts = [scene.add(seen("a", 0, 10)), scene.add(seen("a", 12, 20))]
    later = scene.add(seen("b", start, start + 5))
    batch = scene.compare((parts, [later]))
    assert (bool(batch.linked.any()) and not batch.relations.impossible.any()) == passes
    if passes:
        assert batch.left[batch.linked].tolist() == [parts[1]], "from the first part it would be too long"


def test_sightings_that_start_at_once_are_ordered_by_their_ids_whatever_the_order_of_the_question() -> None:
    scene = Scene(SITE)
    slots = scene.add(seen("a", 10, 11)), scene.add(seen("b", 10, 12))
    for first, second in (slots, slots[::-1]):
        relations = scene.relate(first, second)
        assert (int(relations.earlier[0]), int(relations.later[0])) == slots


def test_many_pairs_are_tested_as_each_alone() -> None:
    rng = np.random.default_rng(1)
    scene = Scene(SITE)
    slots = []
    for _ in range(60):
        start = float(rng.uniform(0, 60))
        state = "closed" if rng.random() < 0.7 else "updated"
        doubt = float(rng.choice([0.0, 0.1, 0.5]))
        slots.append(
            scene.add(seen(str(rng.choice(["a", "b", "c"])), start, start + float(rng.uniform(1, 9)), state=state, doubt=doubt))
        )
    first, second = np.array(slots), np.roll(slots, 1)
    together = relate_slots(scene.table, scene.topology, first, second)
    assert len(set(together.rejected.tolist())) == 5, "each gate occurs"
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        alone = scene.relate(one, other)
        for name in Relations.__slots__:
            assert getattr(together, name)[place] == getattr(alone, name)[0]


def test_a_bridge_counts_only_where_the_camera_in_between_has_not_seen_the_vehicle() -> None:
    site = parse_site(
        "site: test\ncameras: [{id: a}, {id: b}, {id: c}]\n"
        "links: [{from: a, to: b, travel: {min: 5, max: 10}}, {from: b, to: c, travel: {min: 5, max: 10}}]"
    )
    scene = Scene(site)
    first, second, third = (scene.add(seen(camera, start, start + 2.0)) for camera, start in (("a", 0), ("b", 9), ("c", 18)))
    relations = relate_slots(scene.table, scene.topology, np.array([first, second, first]), np.array([third] * 3))
    names = [scene.topology.links[link].name for link in relations.link]
    assert names == ["a->c", "b->c", "a->c"]
    kept = straight(relations, np.array([0, 0, 1]), scene.topology)
    assert kept.link.tolist() == [-1, relations.link[1], relations.link[2]]
