"""With every feature on, and over several cities: a matcher that is cut anywhere goes on as if it had not been."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache

import msgspec
import numpy as np
import pytest

from matcher import Matcher
from matcher.state import restored, state_of
from matcher.state.core import classes
from matcher.state.encoding import encode
from matcher.state.snapshot import _parts
from matcher.topology import Topology
from tests.support.ground import calibrated_site, moving
from tests.support.traffic import Seen, chain_site, complete_at_end, drive, streamed
from throughline.messages import Embedding, MatcherRecord, encode_json
from throughline.settings import Site
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS


def _road(seed: int) -> tuple[Site, list[MatcherRecord]]:
    """A road, second looks at looks, and vehicles whose colours and sides are seen."""
    site = chain_site(4, "confirm_after: 10, horizon: 90, reranking: {enabled: true}")
    seen = []
    for one in drive(site, 22, seed=seed, every=3.0):
        colour = np.full(len(VEHICLE_COLOURS), 0.02)
        colour[one.vehicle % len(VEHICLE_COLOURS)] = 0.7
        side = np.full(len(ORIENTATIONS), 0.02)
        side[int(one.tracklet.camera[1:])] = 0.8  # each camera sees another one
        types = {"car": 0.8, "truck": 0.2} if one.vehicle % 3 else {"bus": 0.7, "truck": 0.3}
        attributes = {"colour": tuple(colour.tolist())}
        more = msgspec.structs.replace(one.tracklet, attributes=attributes, orientation=tuple(side.tolist()), types=types)
        seen.append(Seen(more, one.vehicle))
    return site, streamed(site, seen, step=2.0)


def _unlisted(seed: int) -> tuple[Site, list[MatcherRecord]]:
    """Roads that nobody has listed are learned."""
    site = chain_site(4, "confirm_after: 10, horizon: 90", extra="unlisted_links: learn")
    bare = site.model_copy(update={"links": site.links[:1]})
    return bare, streamed(bare, drive(site, 30, seed=seed, every=3.0), step=2.0)


def _junction(seed: int) -> tuple[Site, list[MatcherRecord]]:
    """Cameras that see one junction at once, calibrated; some tracks break and go on."""
    site = calibrated_site(3, "confirm_after: 8, horizon: 60")
    rng = np.random.default_rng(seed)
    seen = []
    for vehicle in range(24):
        identity, at = rng.normal(size=48), 4.0 * vehicle
        lane, height = 4.0 * (vehicle % 3), 30.0 + 15.0 * (vehicle % 4 == 0)
        for number in range(1, 4):
            start, end = at + float(rng.uniform(0, 1)), at + float(rng.uniform(6, 8))
            cuts = [start, (start + end) / 2 - 0.3, (start + end) / 2 + 0.3, end] if rng.random() < 0.2 else [start, end]
            for part in range(0, len(cuts), 2):
                name = f"c{number}-{vehicle}-{part}"
                look = identity + 0.8 * rng.normal(size=48)

                def place(t: float, at: float = at, lane: float = lane) -> tuple[float, float]:
                    return 8.0 * (t - at), lane

                one = moving(
                    f"c{number}",
                    cuts[part],
                    cuts[part + 1],
                    place,
                    height=height,
                    name=name,
                )
                embedding = Embedding.of("test", "0" * 16, (look / np.linalg.norm(look)).astype(np.float32))
                seen.append(Seen(msgspec.structs.replace(one, embeddings=(embedding,)), vehicle))
    seen.sort(key=lambda one: (one.tracklet.end, one.tracklet.tracklet))
    return site, streamed(site, seen, step=2.0)


CITIES: dict[str, Callable[[int], tuple[Site, list[MatcherRecord]]]] = {
    "road": _road,
    "unlisted": _unlisted,
    "junction": _junction,
}


@cache
def whole(city: str, seed: int) -> tuple[Site, list[MatcherRecord], list[bytes], bytes]:
    site, records = CITIES[city](seed)
    matcher = Matcher(site)
    events = lines(matcher, records)
    return site, records, events, state_of(matcher)


def lines(matcher: Matcher, records: Sequence[MatcherRecord]) -> list[bytes]:
    return [encode_json(event) for record in records for event in matcher.process(record)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("city", CITIES)
def test_a_matcher_cut_in_the_middle_goes_on_to_the_same_bytes(city: str, seed: int) -> None:
    site, records, expected, end = whole(city, seed)
    matcher, events, done = Matcher(site), [], 0
    for cut in (0.3, 0.5, 0.8):
        until = round(cut * len(records))
        events += lines(matcher, records[done:until])
        done = until
        state = state_of(matcher)
        matcher = restored(site, state)
        assert state_of(matcher) == state
    assert events + lines(matcher, records[done:]) == expected
    assert state_of(matcher) == end


@pytest.mark.parametrize("city", CITIES)
def test_there_is_something_to_lose(city: str) -> None:
    events = [json.loads(line) for line in whole(city, 0)[2]]
    assert {event["kind"] for event in events} >= {"provisional", "confirmed", "new"}
    joins = [event for event in events if event["kind"] == "confirmed"]
    assert len(joins) > 15
    terms = {term["term"] for event in joins for term in event["evidence"]}
    wanted = {"road": {"colour", "orientation"}, "unlisted": {"travel_time"}, "junction": {"ground_position", "vehicle_size"}}
    assert terms >= wanted[city] | {"prior", "appearance"}


@pytest.mark.parametrize("city", CITIES)
def test_what_a_matcher_is_built_around_never_changes(city: str) -> None:
    """It is not written to the state, so whatever changes in it would be lost without a trace."""
    site, records, _, _ = whole(city, 0)
    matcher = Matcher(site)
    parts = dict(_parts("site", site))
    before = encode(Topology(site), classes(), parts)
    text = site.model_dump_json()
    lines(matcher, records)
    assert encode(matcher.topology, classes(), parts) == before
    assert site.model_dump_json() == text


def test_nothing_is_kept_beside_the_matcher() -> None:
    """Another matcher of another city in the same process, in between, makes no difference."""
    site, records, expected, _ = whole("junction", 1)
    other_site, others, other_expected, _ = whole("road", 1)
    one, other = Matcher(site), Matcher(other_site)
    found: list[bytes] = []
    other_found: list[bytes] = []
    for place in range(0, max(len(records), len(others)), 40):
        found += lines(one, records[place : place + 40])
        other_found += lines(other, others[place : place + 40])
    assert found == expected
    assert other_found == other_expected


@pytest.mark.parametrize("seed", range(2))
def test_a_state_grows_with_what_is_there_and_not_with_time(seed: int) -> None:
    site = chain_site(3, "confirm_after: 8, horizon: 60, reranking: {enabled: true}")
    seen = drive(site, 500, seed=seed, every=3.0)
    matcher, sizes = Matcher(site), []
    for place, record in enumerate(complete_at_end(site, seen)):
        matcher.process(record)
        if place % 250 == 0:
            sizes.append(len(state_of(matcher)))
    early, late = max(sizes[4:10]), max(sizes[-6:-1])
    assert matcher.statistics.gallery < 150
    assert late < 1.15 * early, sizes
