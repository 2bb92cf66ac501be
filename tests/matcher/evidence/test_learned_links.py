from __future__ import annotations

import numpy as np
import pytest

from evaluation.pairs import pair_score
from matcher.engine import Matcher
from matcher.evidence.prior import PriorTerm
from matcher.evidence.term import PairBatch
from matcher.evidence.travel_time import TravelTimeTerm
from matcher.topology import Topology
from tests.support.sightings import Scene
from tests.support.traffic import chain_site, complete_at_end, drive, tracklet
from throughline.settings import Site, parse_site

PUBLISHED = ("confirmed", "revised", "retracted", "new")


def site(policy: str, links: str = "") -> Site:
    return parse_site(f"site: test\ncameras: [{{id: a}}, {{id: b}}, {{id: c}}]\nunlisted_links: {policy}\nlinks: [{links}]\n")


def passing(scene: Scene, camera: str, seconds: float) -> PairBatch:
    """A vehicle leaves camera a, and one comes to ``camera`` so many seconds later."""
    slots = [
        scene.add(tracklet(*seen, name=f"{len(scene.table)}-{seen[0]}"))
        for seen in (("a", 0, 3), (camera, 3 + seconds, 8 + seconds))
    ]
    return scene.compare((slots[:1], slots[1:]))


def number(topology: Topology, name: str) -> int:
    return next(place for place, link in enumerate(topology.links) if link.name == name)


def taught(scene: Scene, link: str, seconds: float) -> TravelTimeTerm:
    term = TravelTimeTerm(scene.topology)
    for more in np.random.default_rng(1).normal(0.0, 2.0, 100):
        term.learn(number(scene.topology, link), seconds + float(more), 1.0)
    term.refresh()
    return term


@pytest.mark.parametrize(("policy", "gain"), [("learn", 1.0), ("allow", 0.0)])
def test_what_vehicles_need_anywhere_is_expected_where_nobody_has_listed_a_link(policy: str, gain: float) -> None:
    scene = Scene(site(policy))
    fresh, term = TravelTimeTerm(scene.topology), taught(scene, "b->c", 40.0)
    seen, elsewhere = passing(scene, "b", 40.0), passing(scene, "b", 120.0)
    assert term.weigh(seen)[0] - fresh.weigh(seen)[0] >= gain
    if gain:
        assert term.weigh(elsewhere)[0] < fresh.weigh(elsewhere)[0]
    else:
        assert term.weigh(elsewhere)[0] == fresh.weigh(elsewhere)[0]


def test_a_listed_link_expects_what_its_site_file_says_whatever_is_learned_elsewhere() -> None:
    scene = Scene(site("learn", "{from: a, to: b, travel: {min: 0, max: 100}}"))
    fresh, term = TravelTimeTerm(scene.topology), taught(scene, "b->c", 40.0)
    seen = passing(scene, "b", 40.0)
    assert term.weigh(seen)[0] == fresh.weigh(seen)[0]


def test_a_link_of_its_own_is_believed_more_than_the_others() -> None:
    scene = Scene(site("learn"))
    term = taught(scene, "b->c", 40.0)
    for _ in range(40):
        term.learn(number(scene.topology, "a->b"), 120.0, 1.0)
    term.refresh()
    assert term.weigh(passing(scene, "b", 120.0))[0] > term.weigh(passing(scene, "b", 40.0))[0] + 1.0


def decided(scene: Scene, comes: float) -> PriorTerm:
    """Of 200 vehicles at camera a, this share is found to have come to b; none goes to c."""
    prior = PriorTerm(0.3, scene.topology)
    rng = np.random.default_rng(2)
    batch = passing(scene, "b", 10.0)
    for _ in range(200):
        prior.decided("a", 0.3)
        prior.joined(batch.relations, np.array([0.9 * (rng.random() < comes)]))
    return prior


def test_a_road_that_vehicles_take_is_expected_and_one_that_none_takes_is_not() -> None:
    scene = Scene(site("learn"))
    taken, seldom = decided(scene, 1.0), decided(scene, 0.1)
    assert taken.weigh(passing(scene, "b", 10.0))[0] > seldom.weigh(passing(scene, "b", 10.0))[0] + 1.0
    assert taken.weigh(passing(scene, "b", 10.0))[0] > taken.weigh(passing(scene, "c", 10.0))[0] + 2.0


@pytest.mark.parametrize("rest", ["allow", "deny", "learn"])
def test_a_listed_road_that_few_take_needs_more_evidence(rest: str) -> None:
    scene = Scene(site(rest, "{from: a, to: b, travel: {min: 0, max: 100}}"))
    taken, seldom = decided(scene, 1.0), decided(scene, 0.1)
    assert taken.weigh(passing(scene, "b", 10.0))[0] > seldom.weigh(passing(scene, "b", 10.0))[0] + 0.5


def test_unlisted_roads_that_are_allowed_are_taken_by_all_that_are_not_new() -> None:
    scene = Scene(site("allow"))
    taken, seldom = decided(scene, 1.0), decided(scene, 0.1)
    assert taken.weigh(passing(scene, "b", 10.0))[0] == seldom.weigh(passing(scene, "b", 10.0))[0]


def test_a_site_without_links_finds_its_vehicles_and_learns_the_travel_times() -> None:
    listed = chain_site(3)
    bare = listed.model_copy(update={"links": (), "unlisted_links": "learn"})
    seen = drive(listed, 120, seed=5)
    truth = {one.tracklet.tracklet: one.vehicle for one in seen}
    found = []
    for each in (listed, bare):
        matcher = Matcher(each)
        events = [event for record in complete_at_end(each, seen) for event in matcher.process(record)]
        vehicles = {event.tracklet.tracklet: event.vehicle for event in events if event.kind in PUBLISHED}
        found.append(pair_score(truth, vehicles).f1)
    assert found[0] > 0.97
    assert found[1] > 0.94
    road = number(matcher.topology, "c1->c2")
    times = [
        (two.tracklet.start - one.tracklet.end) / 1e6
        for one in seen
        for two in seen
        if one.vehicle == two.vehicle and (one.tracklet.camera, two.tracklet.camera) == ("c1", "c2")
    ]
    assert matcher.scorer.travel_time.density(road).mean == pytest.approx(np.mean(times), abs=3.0)
