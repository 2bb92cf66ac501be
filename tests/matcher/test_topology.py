from __future__ import annotations

import numpy as np
import pytest

from matcher.topology import Topology
from tests.support.traffic import START
from throughline.settings import SiteFileError, parse_site
from throughline.times import after, to_iso

CAMERAS = "site: test\ncameras: [{id: a}, {id: b}, {id: c, clock: {uncertainty: 0.4}}]\n"


def topology(rest: str) -> Topology:
    return Topology(parse_site(CAMERAS + rest))


def test_links_lead_one_way_unless_they_say_otherwise() -> None:
    found = topology(
        "links:\n  - {from: a, to: b, travel: {min: 1, typical: 2, max: 3}, opposite_view: true}\n"
        "  - {from: b, to: c, travel: {min: 4, max: 8}, both_ways: true}\n"
    )
    link = found.link("a", "b")
    assert link is not None
    assert (link.name, link.minimum, link.typical, link.maximum, link.opposite_view) == ("a->b", 1.0, 2.0, 3.0, True)
    assert found.link("b", "a") is None
    back = found.link("c", "b")
    assert back is not None
    assert (back.minimum, back.typical, back.maximum) == (4.0, 5.0, 8.0)
    assert [link.name for link in found.incoming("b")] == ["a->b", "c->b"]
    assert [link.name for link in found.outgoing("b")] == ["b->c"]
    assert found.longest_travel == 3.0 + 60.0 + 8.0, "over a camera that has missed the vehicle, from a to c"


def test_soft_windows_reach_as_far_as_a_penalty_is_worth_a_thought() -> None:
    found = topology(
        "matching: {window: soft, window_penalty: 0.5}\n"
        "groups: {g: {cameras: [b, c], link: {travel: {min: 0, max: 9}, window: hard}}}\n"
        "links: [{from: a, to: b, travel: {min: 1, max: 3}}]\nunlisted_links: learn\n"
    )
    reaches = dict(zip((link.name for link in found.links), found.reach.tolist(), strict=True))
    assert reaches["a->b"] == 10.0
    assert reaches["b->c"] == reaches["c->b"] == 0.0
    assert reaches["a->c"] == reaches["a->a"] == 0.0, "what nobody has listed, and a broken track, have windows of their own"


def test_a_listed_link_overrides_that_of_its_group() -> None:
    found = topology(
        "groups: {g: {cameras: [a, b], link: {travel: {min: 0, max: 100}}}}\n"
        "links: [{from: a, to: b, travel: {min: 1, max: 3}, both_ways: false}]\n"
    )
    there, back = found.link("a", "b"), found.link("b", "a")
    assert there is not None
    assert back is not None
    assert (there.maximum, back.maximum) == (3.0, 100.0)


def test_a_listed_way_back_is_not_overridden_by_both_ways() -> None:
    found = topology(
        "links: [{from: a, to: b, travel: {min: 1, max: 3}, both_ways: true}, {from: b, to: a, travel: {min: 5, max: 9}}]"
    )
    back = found.link("b", "a")
    assert back is not None
    assert back.maximum == 9.0


@pytest.mark.parametrize(("policy", "exists"), [("deny", False), ("allow", True), ("learn", True)])
def test_what_holds_for_cameras_that_no_link_joins(policy: str, exists: bool) -> None:
    found = topology(f"unlisted_links: {policy}\n")
    link = found.link("a", "b")
    assert (link is not None) == exists
    if link is not None:
        assert not link.listed
        assert (link.minimum, link.maximum) == (-60.0, 180.0)
    assert found.learned.any() == (policy == "learn")


def test_the_window_of_what_nobody_has_listed_is_a_setting_and_what_is_listed_is_not_learned() -> None:
    found = topology(
        "unlisted_links: learn\nunlisted_travel: {min: -1, typical: 2, max: 7}\n"
        "links: [{from: a, to: b, travel: {min: 1, max: 3}, both_ways: true}]\n"
    )
    windows = {link.name: (link.minimum, link.maximum, bool(found.learned[n])) for n, link in enumerate(found.links)}
    assert windows["a->b"] == windows["b->a"] == (1.0, 3.0, False)
    assert windows["a->c"] == windows["c->b"] == (-1.0, 7.0, True)
    assert not windows["a->a"][2]
    assert [found.cameras[camera] for camera in found.from_[: found.between]] == [*"aabbcc"]


def test_clocks_in_doubt_widen_the_windows() -> None:
    found = topology("")
    vague = np.array([found.variance("a", START) + 0.3**2]), np.array([found.variance("c", START)])
    assert found.slack(np.zeros(1), np.array([found.variance("b", START)])) == 0.0
    assert found.slack(*vague) == pytest.approx(3 * 0.5)


def test_a_clock_that_drifts_is_doubted_more_the_longer_ago_it_was_set() -> None:
    drifting = "{drift: 0.3, uncertainty: 0.4, set_at: 2023-11-14T22:13:20Z}"
    found = Topology(parse_site(f"site: test\ncameras: [{{id: a, clock: {drifting}}}, {{id: b}}]\n"))
    assert to_iso(START).startswith("2023-11-14T22:13:20")
    for days, deviation in ((0.0, 0.4), (1.0, 0.5), (-1.0, 0.5), (10.0, np.hypot(0.4, 3.0))):
        at = after(START, 86_400.0 * days)
        assert found.variance("a", at) == pytest.approx(deviation**2)
        assert found.variance("b", at) == 0.0
        assert found.largest_slack(at, after(at, 5.0)) >= 3.0 * deviation
    with pytest.raises(SiteFileError, match="set_at"):
        parse_site("site: test\ncameras: [{id: a, clock: {drift: 0.3}}]\n")
    with pytest.raises(SiteFileError, match="ISO 8601"):
        parse_site("site: test\ncameras: [{id: a, clock: {drift: 0.3, set_at: yesterday}}]\n")


def test_links_are_found_by_the_numbers_of_their_cameras() -> None:
    found = topology("links: [{from: b, to: a, travel: {min: 1, max: 3}}, {from: a, to: c, travel: {min: 2, max: 4}}]")
    number = {camera: found.number(camera) for camera in found.cameras}
    first, second = np.array([number[c] for c in "abacb"]), np.array([number[c] for c in "baccb"])
    names = [None if link < 0 else found.links[link].name for link in found.find(first, second)]
    assert names == [None, "b->a", "a->c", "c->c", "b->b"]
    for link, low, high in zip(found.links, found.minimum, found.maximum, strict=True):
        assert (link.minimum, link.maximum) == (low, high)


ROAD = (
    "links: [{from: a, to: b, travel: {min: 10, typical: 12, max: 20}}, {from: b, to: c, travel: {min: 5, typical: 6, max: 9}}]\n"
)


def test_a_bridge_leads_over_a_camera_that_has_missed_a_vehicle() -> None:
    found = topology(ROAD)
    bridge = found.link("a", "c")
    assert bridge is not None
    assert bridge.bridge
    assert (bridge.minimum, bridge.typical, bridge.maximum) == (15.0, 28.0, 89.0), "with the time in view of b"
    assert [link.name for link in found.bridges_from("a")] == [link.name for link in found.bridges_to("c")] == ["a->c"]
    assert [link.name for link in found.outgoing("a")] == ["a->b"]
    assert found.link("c", "a") is None


def test_there_is_no_bridge_where_a_link_leads_straight_or_none_is_wanted() -> None:
    straight = topology(ROAD.replace("]\n", ", {from: a, to: c, travel: {min: 1, max: 2}}]\n")).link("a", "c")
    assert straight is not None
    assert not straight.bridge
    assert topology("matching: {missed_share: 0}\n" + ROAD).link("a", "c") is None
    unlisted = topology("unlisted_links: allow\n" + ROAD).link("a", "c")
    assert unlisted is not None
    assert not unlisted.bridge


def test_bridges_over_different_cameras_are_one() -> None:
    found = Topology(
        parse_site(
            "site: test\ncameras: [{id: a}, {id: b}, {id: c}, {id: d}]\nlinks:\n"
            "  - {from: a, to: b, travel: {min: 10, max: 20}, opposite_view: true}\n"
            "  - {from: b, to: d, travel: {min: 5, max: 9}}\n"
            "  - {from: a, to: c, travel: {min: 2, max: 4}}\n  - {from: c, to: d, travel: {min: 1, max: 3}}\n"
        )
    )
    bridge = found.link("a", "d")
    assert bridge is not None
    assert (bridge.minimum, bridge.maximum, bridge.opposite_view) == (3.0, 89.0, False)
