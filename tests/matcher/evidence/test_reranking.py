"""Looks judged by shared neighbours: what it changes, and that it depends on event time alone."""

from __future__ import annotations

import numpy as np
import pytest

from matcher import Matcher
from matcher.evidence.reranking import Reranking
from matcher.gallery import Gallery
from matcher.readings import Readings
from matcher.sightings import look, unpack
from matcher.state import restored, state_of
from matcher.table import SightingTable
from matcher.topology import Topology
from tests.support.traffic import chain_site, drive, streamed, tracklet
from throughline.messages import MatcherRecord, MatchEvent, Progress, Tracklet, encode_json
from throughline.settings import RerankingSettings, Site
from throughline.types import FloatArray, IntArray

ON = "reranking: {enabled: true}"


def filled(site: Site, tracklets: list[Tracklet]) -> tuple[SightingTable, Topology, Gallery, dict[str, int]]:
    topology = Topology(site)
    table = SightingTable(topology, Readings.of(site))
    gallery = Gallery(table, topology)
    slots = {}
    for one in tracklets:
        slots[one.tracklet] = gallery.put(look(one))
        table.set_looks(slots[one.tracklet], unpack(one.embeddings))
    return table, topology, gallery, slots


def passages(count: int, noise: float = 0.7, *, seed: int = 1) -> list[Tracklet]:
    """As many vehicles, a second apart, past c1 and then c2."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        identity = rng.normal(size=32)
        for camera, at in (("c1", number), ("c2", number + 22)):
            seen = identity + noise * rng.normal(size=32)
            found.append(tracklet(camera, at, at + 1.0, look=seen, name=f"{camera}-{number}"))
    return found


def judged(
    tracklets: list[Tracklet], pairs: list[tuple[str, str]], settings: RerankingSettings, window: float = 2.0
) -> FloatArray:
    """What becomes of a similarity of 0.5 where different vehicles have 0 and one vehicle 1."""
    table, topology, gallery, slots = filled(chain_site(2), tracklets)
    reranking = Reranking(settings, {}, window, topology, table)
    reranking.among(gallery)
    first, second = (np.array([slots[pair[side]] for pair in pairs], np.int64) for side in (0, 1))
    half, zero = np.full(len(pairs), 0.5), np.zeros(len(pairs))
    return np.asarray(reranking.judged(half, zero, zero + 1.0, first, second))


SETTINGS = RerankingSettings(enabled=True)


def test_vehicles_that_share_neighbours_gain_and_others_lose() -> None:
    tracklets = passages(20)
    names = [(f"c1-{one}", f"c2-{other}") for one in range(5, 15) for other in range(5, 15)]
    found = judged(tracklets, names, RerankingSettings(enabled=True, k1=5, k2=2))
    same = np.array([one.split("-")[1] == other.split("-")[1] for one, other in names])
    assert found[same].mean() > 0.5
    assert found[~same].mean() < 0.5
    assert found[same].min() > np.quantile(found[~same], 0.9)


def test_it_does_not_depend_on_what_else_is_asked_or_on_the_order_of_slots() -> None:
    tracklets = passages(12)
    names = [(f"c1-{one}", f"c2-{other}") for one in range(12) for other in range(12)]
    whole = judged(tracklets, names, SETTINGS)
    assert [float(judged(tracklets, [name], SETTINGS)[0]) for name in names] == whole.tolist()
    assert judged(tracklets[::-1], names, SETTINGS).tolist() == whole.tolist()


def test_the_work_is_bounded_by_the_nearest_candidates_in_time() -> None:
    tracklets = passages(20)
    far, near = ("c1-0", "c2-18"), ("c1-15", "c2-18")
    few = RerankingSettings(enabled=True, candidates=10)
    assert judged(tracklets, [far, near], SETTINGS).tolist() != [0.5, 0.5]
    found = judged(tracklets, [far, near], few)
    assert found[0] == 0.5, "40 s away, and ten others are nearer"
    assert found[1] != 0.5


def test_gates_count_before_too() -> None:
    """A vehicle that cannot have come takes no part: the others are judged as if it were not there."""
    tracklets = passages(12)
    names = [(f"c1-{one}", "c2-6") for one in range(12)]
    without = judged(tracklets, names, SETTINGS)
    impostor = tracklet("c1", 27.5, 33.0, name="still-there", look=unpack(tracklets[13].embeddings)["test", "0" * 16][0])
    assert judged([*tracklets, impostor], names, SETTINGS).tolist() == without.tolist()


def test_too_few_candidates_say_nothing() -> None:
    assert judged(passages(1), [("c1-0", "c2-0")], SETTINGS).tolist() == [0.5]


def test_fewer_neighbours_count_less() -> None:
    tracklets = passages(16)
    names = [(f"c1-{one}", f"c2-{one}") for one in range(4, 12)]
    narrow = judged(tracklets, names, RerankingSettings(enabled=True, k1=5, k2=2))
    wide = judged(tracklets, names, RerankingSettings(enabled=True, k1=50, k2=20))
    assert np.abs(wide - 0.5).mean() < 0.3 * np.abs(narrow - 0.5).mean(), "5 or so are looked at either way, of 5 or of 50"


def test_networks_that_not_all_have_seen_are_left_out() -> None:
    tracklets = passages(12)
    blind = tracklet("c1", 5.5, 6.0, name="blind")
    names = [(f"c1-{one}", "c2-6") for one in range(12)]
    assert judged([*tracklets, blind], names, SETTINGS).tolist() == judged(tracklets, names, SETTINGS).tolist()
    assert judged([*tracklets, blind], [("blind", "c2-6")], SETTINGS).tolist() == [0.5]


def run(site: Site, records: list[MatcherRecord]) -> list[MatchEvent]:
    matcher = Matcher(site)
    return [event for record in records for event in matcher.process(record)]


def final(events: list[MatchEvent]) -> list[bytes]:
    kinds = ("confirmed", "revised", "retracted", "new")
    return [encode_json(event).replace(f'"sequence":{event.sequence},'.encode(), b"") for event in events if event.kind in kinds]


def said(events: list[MatchEvent]) -> list[tuple[str, float | None]]:
    return [(event.tracklet.tracklet, event.log_odds) for event in events]


def test_switched_on_it_changes_what_is_decided_and_off_it_changes_nothing() -> None:
    records = streamed(chain_site(3), drive(chain_site(3), 40, seed=3, every=2.0, noise=1.5))
    off = said(run(chain_site(3), records))
    assert said(run(chain_site(3, "reranking: {enabled: false, k1: 5}"), records)) == off
    assert said(run(chain_site(3, ON), records)) != off


@pytest.mark.parametrize("seed", range(2))
def test_final_events_do_not_depend_on_the_order_of_arrival(seed: int) -> None:
    site = chain_site(3, ON)
    records = streamed(site, drive(site, 30, seed=3, every=2.0, noise=1.2))
    ends = [record for record in records if isinstance(record, Progress) and record.end_of_stream]
    body = [record for record in records if not (isinstance(record, Progress) and record.end_of_stream)]
    rng = np.random.default_rng(seed)
    at = [record.end if isinstance(record, Tracklet) else record.complete_to for record in body]  # type: ignore[union-attr]  # no others
    order: IntArray = np.argsort(np.array(at) + rng.uniform(0.0, site.matching.lateness * 1e6, len(body)), kind="stable")
    shuffled = [body[place] for place in order]
    assert shuffled != body
    assert final(run(site, [*shuffled, *ends])) == final(run(site, records))


def test_it_goes_on_after_a_restart() -> None:
    site = chain_site(3, ON)
    records = streamed(site, drive(site, 25, seed=4, every=2.0, noise=1.2))
    whole = run(site, records)
    first = Matcher(site)
    half = len(records) // 2
    events = [event for record in records[:half] for event in first.process(record)]
    second = restored(site, state_of(first))
    events += [event for record in records[half:] for event in second.process(record)]
    assert events == whole
