from __future__ import annotations

import msgspec
import pytest

from matcher.gates import relate
from matcher.sightings import Sighting, look
from matcher.topology import Topology
from tests.support.traffic import tracklet
from throughline.messages import Clock
from throughline.settings import parse_site
from throughline.types import ClockSource

TOPOLOGY = Topology(
    parse_site(
        "site: test\ncameras: [{id: a}, {id: b}, {id: c}]\n"
        "links: [{from: a, to: b, travel: {min: -2, typical: 1, max: 10}}, {from: b, to: a, travel: {min: 5, max: 9}}]"
    )
)


def seen(camera: str, start: float, end: float, *, state: str = "closed", doubt: float = 0.0) -> Sighting:
    whole = tracklet(camera, start, end, state=state)
    return look(msgspec.structs.replace(whole, clock=Clock(ClockSource.RTCP, doubt)))


@pytest.mark.parametrize(
    ("start", "rejected", "impossible"),
    [(18.0, None, False), (17.9, "travel_window", True), (30.0, None, False), (30.1, "travel_window", False)],
)
def test_the_window_of_the_link(start: float, rejected: str | None, impossible: bool) -> None:
    relation = relate(seen("b", start, start + 5), seen("a", 10, 20), TOPOLOGY)
    assert (relation.rejected, relation.impossible) == (rejected, impossible)
    assert relation.earlier.camera == "a"
    assert relation.travel == pytest.approx(start - 20)


def test_doubt_about_the_clocks_widens_it() -> None:
    relation = relate(seen("a", 10, 20, doubt=0.1), seen("b", 30.2, 35), TOPOLOGY)
    assert relation.rejected is None
    (gate,) = relation.gates()
    assert gate.low == pytest.approx(-2.3)
    assert gate.high == pytest.approx(10.3)


def test_the_direction_counts() -> None:
    assert relate(seen("b", 10, 20), seen("a", 27, 30), TOPOLOGY).link is not None
    assert relate(seen("b", 10, 20), seen("a", 21, 30), TOPOLOGY).impossible, "b -> a takes five seconds at least"


def test_where_clocks_leave_open_which_was_first_both_ways_are_tried() -> None:
    first, second = seen("b", 10.0, 11.0, doubt=0.5), seen("a", 10.5, 11.5, doubt=0.5)
    relation = relate(first, second, TOPOLOGY)
    assert relation.link is not None
    assert relation.link.name == "a->b"


def test_an_open_end_rejects_only_what_no_end_could_satisfy() -> None:
    opened = seen("a", 10, 20, state="updated")
    assert relate(opened, seen("b", 100, 101), TOPOLOGY).rejected is None, "it may stay in view until then"
    assert relate(opened, seen("b", 17, 25), TOPOLOGY).impossible, "a later end makes it worse"


def test_no_road() -> None:
    relation = relate(seen("a", 10, 20), seen("c", 21, 25), TOPOLOGY)
    assert (relation.rejected, relation.impossible) == ("no_link", False)
    assert relation.gates() == ()


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
    relation = relate(seen("a", 10, 20), seen("a", start, start + 3), TOPOLOGY)
    assert (relation.rejected, relation.impossible) == (rejected, impossible)
