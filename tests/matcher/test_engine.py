"""The whole matcher on a small city with a known truth."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from matcher import Matcher
from tests.support.traffic import START, Seen, chain_site, complete_at_end, drive, streamed, tracklet, without_looks
from throughline.messages import (
    Correction,
    MatcherRecord,
    MatchEvent,
    Progress,
    Tracklet,
    UnreadableMessageError,
    Watch,
    encode_json,
)
from throughline.settings import Site
from throughline.times import after

FINAL = ("confirmed", "revised", "retracted", "new")


def run(site: Site, records: list[MatcherRecord]) -> list[MatchEvent]:
    matcher = Matcher(site)
    return [event for record in records for event in matcher.process(record)]


def vehicles_of(events: list[MatchEvent]) -> dict[str, str]:
    return {event.tracklet.tracklet: event.vehicle for event in events if event.kind in FINAL}


def joins_of(events: list[MatchEvent]) -> dict[str, str | None]:
    final = (event for event in events if event.kind in FINAL)
    return {event.tracklet.tracklet: event.joined.tracklet if event.joined else None for event in final}


def pairs(groups: dict[str, str | int]) -> set[tuple[str, str]]:
    names = sorted(groups)
    return {(one, other) for one in names for other in names if one < other and groups[one] == groups[other]}


def timeless(events: list[MatchEvent]) -> list[MatchEvent]:
    """Final events without what provisional ones in between change: their numbers in the sequence."""
    return [msgspec.structs.replace(event, sequence=0) for event in events if event.kind in FINAL]


def f1(events: list[MatchEvent], seen: list[Seen]) -> float:
    truth = pairs({one.tracklet.tracklet: one.vehicle for one in seen})
    found = pairs(dict(vehicles_of(events)))
    return 2 * len(truth & found) / (len(truth) + len(found))


def test_vehicles_are_followed_along_a_road() -> None:
    site = chain_site(4)
    seen = drive(site, 60, seed=1)
    events = run(site, complete_at_end(site, seen))
    assert f1(events, seen) > 0.97
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert set(vehicles_of(events)) == {one.tracklet.tracklet for one in seen}, "each tracklet is decided"


@pytest.mark.parametrize("switch", ["appearance", "travel_time", "vehicle_type"])
def test_a_term_that_is_switched_off_is_in_no_event(switch: str) -> None:
    site = chain_site(3, f"{switch}: false")
    look = np.ones(8)
    records = complete_at_end(
        site,
        [
            Seen(tracklet("c1", 0, 3, look=look, types={"truck": 1.0}), 0),
            Seen(tracklet("c2", 23, 26, look=look, types={"truck": 1.0}), 0),
        ],
    )
    (joined,) = [event for event in run(site, records) if event.kind == "confirmed"]
    terms = {part.term for part in joined.evidence}
    assert terms == {"prior", "appearance", "travel_time", "vehicle_type"} - {switch}


def test_an_event_explains_itself() -> None:
    site = chain_site(2)
    look = np.ones(8)
    first, second = tracklet("c1", 0, 3, look=look), tracklet("c2", 23, 26, look=look)
    events = run(site, complete_at_end(site, [Seen(first, 0), Seen(second, 0)]))
    new, joined = [event for event in events if event.kind in FINAL]
    assert (new.kind, new.tracklet.tracklet, new.joined, new.vehicle) == ("new", first.tracklet, None, joined.vehicle)
    assert joined.kind == "confirmed"
    assert joined.joined is not None
    assert joined.joined.tracklet == first.tracklet
    assert (joined.link, joined.travel_time) == ("c1->c2", 20.0)
    assert joined.log_odds is not None
    assert joined.log_odds == pytest.approx(sum(part.llr for part in joined.evidence))
    assert joined.margin == pytest.approx(joined.log_odds)
    assert joined.probability == pytest.approx(1 / (1 + np.exp(-joined.log_odds)))
    (gate,) = joined.gates
    assert (gate.gate, gate.value, gate.low, gate.high) == ("travel_window", 20.0, 0.0, 65.0), "the window and its reach"
    assert joined.runner_up is not None
    assert joined.runner_up.tracklet is None, "the only alternative is a new vehicle"
    assert joined.models == {"test": "0" * 16}
    assert joined.at >= after(second.start, site.matching.confirm_after), "confirmed when its time had come"


def test_a_provisional_match_comes_with_the_first_look_and_again_only_when_it_changes() -> None:
    site = chain_site(2)
    matcher = Matcher(site)
    look = np.ones(8)
    matcher.process(tracklet("c1", 0, 3, look=look, name="a"))
    opened = tracklet("c2", 23, 23, look=look, name="b", state="opened")
    (event,) = matcher.process(opened)
    assert (event.kind, event.vehicle, event.at) == ("provisional", event.vehicle, opened.end)
    assert event.joined is not None
    assert event.joined.tracklet == "a"
    for revision in (1, 2):
        again = tracklet("c2", 23, 23 + revision, look=look, name="b", state="updated", revision=revision)
        assert matcher.process(again) == []
    other = np.where(np.arange(8) < 4, 1.0, -1.0)
    (change,) = matcher.process(tracklet("c2", 23, 27, look=other, name="b", revision=3))
    assert (change.kind, change.joined) == ("provisional", None), "seen better, it is another vehicle"
    assert change.event != event.event


def test_the_same_records_give_the_same_bytes() -> None:
    site = chain_site(3)
    records = streamed(site, drive(site, 25, seed=2))
    assert [encode_json(event) for event in run(site, records)] == [encode_json(event) for event in run(site, records)]


@pytest.mark.parametrize("seed", range(4))
def test_final_events_do_not_depend_on_the_order_of_arrival(seed: int) -> None:
    site = chain_site(3)
    records = streamed(site, drive(site, 30, seed=3, every=4.0))
    ends = [record for record in records if isinstance(record, Progress) and record.end_of_stream]
    body = [record for record in records if not (isinstance(record, Progress) and record.end_of_stream)]
    rng = np.random.default_rng(seed)
    arrival = {id(record): at_of(record) + rng.uniform(0.0, site.matching.lateness * 1e6) for record in body}
    shuffled = sorted(body, key=lambda record: arrival[id(record)])
    assert shuffled != body
    assert timeless(run(site, [*shuffled, *ends])) == timeless(run(site, records))


def at_of(record: MatcherRecord) -> int:
    return record.end if isinstance(record, Tracklet) else record.complete_to if isinstance(record, Progress) else record.at


def test_streamed_and_complete_tracklets_end_in_the_same_joins() -> None:
    site = chain_site(3)
    seen = drive(site, 40, seed=4)
    assert joins_of(run(site, streamed(site, seen))) == joins_of(run(site, complete_at_end(site, seen)))


def test_a_vehicle_that_a_camera_has_missed_is_known_at_the_next_one() -> None:
    site, strict = chain_site(3), chain_site(3, "missed_share: 0")
    seen = drive(site, 60, seed=3)
    missed = {one.vehicle for one in seen if one.vehicle % 6 == 5 and one.tracklet.camera == "c3"}
    left = [one for one in seen if one.vehicle not in missed or one.tracklet.camera != "c2"]

    def over(site: Site) -> int:
        events = run(site, complete_at_end(site, left))
        assert f1(events, [one for one in left if one.vehicle not in missed]) > 0.9
        joins = joins_of(events)
        of = {one.tracklet.tracklet: one.vehicle for one in left}
        last = [one.tracklet.tracklet for one in left if one.vehicle in missed and one.tracklet.camera == "c3"]
        return sum(of.get(joins[name] or "") == of[name] for name in last)

    assert len(missed) >= 5
    assert over(site) >= len(missed) - 1
    assert over(strict) == 0


def test_redelivery_changes_nothing_and_is_counted() -> None:
    site = chain_site(3)
    records = complete_at_end(site, drive(site, 20, seed=5))
    twice = [record for record in records for _ in range(2)]
    matcher = Matcher(site)
    events = [event for record in twice for event in matcher.process(record)]
    assert events == run(site, records)
    assert matcher.statistics.skipped["repeated"] == sum(isinstance(record, Tracklet) for record in records)


def test_without_looks_travel_time_alone_decides_where_traffic_is_thin() -> None:
    site = chain_site(2, "new_vehicle_prior: 0.1")
    seen = without_looks(drive(site, 20, seed=6, every=100.0))
    assert f1(run(site, complete_at_end(site, seen)), seen) > 0.95


def test_what_is_impossible_is_never_joined_and_counted() -> None:
    site = chain_site(3, "window: hard")
    look = np.ones(8)
    seen = [
        Seen(tracklet("c1", 0, 3, look=look, name="a"), 0),
        Seen(tracklet("c1", 1, 4, look=look, name="beside"), 1),
        Seen(tracklet("c2", 5, 7, look=look, name="too soon"), 2),
        Seen(tracklet("c3", 23, 26, look=look, name="no road"), 3),
        Seen(tracklet("c2", 80, 82, look=look, name="too late"), 4),
    ]
    matcher = Matcher(site)
    events = [event for record in complete_at_end(site, seen) for event in matcher.process(record)]
    joins = joins_of(events)
    assert joins.pop("no road") == "too soon", "c2 -> c3 is fine"
    assert set(joins.values()) == {None}
    rejected = matcher.statistics.rejected
    assert rejected["same_camera_overlap"] == 1
    assert rejected["no_link"] == 2, "from c1 straight to c3"
    assert rejected["travel_window"] >= 4


def test_a_broken_track_is_put_together_again() -> None:
    site = chain_site(2, "new_vehicle_prior: 0.1")
    seen = drive(site, 30, seed=7, every=15.0)
    one = next(found for found in seen if found.tracklet.camera == "c2").tracklet
    middle = (one.start + one.end) // 2
    parts = [
        msgspec.structs.replace(one, tracklet="part-1", end=middle - 200_000),
        msgspec.structs.replace(one, tracklet="part-2", start=middle + 200_000),
    ]
    seen = [found for found in seen if found.tracklet is not one] + [Seen(part, 999) for part in parts]
    seen.sort(key=lambda found: found.tracklet.end)
    vehicles = vehicles_of(run(site, complete_at_end(site, seen)))
    assert vehicles["part-1"] == vehicles["part-2"]


def test_a_late_tracklet_is_used_while_it_can_be_and_counted_when_it_cannot() -> None:
    site = chain_site(2, "horizon: 60, confirm_after: 5")
    look = np.ones(8)
    matcher = Matcher(site)
    late = tracklet("c1", 0, 3, look=look, name="late")
    events = matcher.process(tracklet("c2", 23, 26, look=look, name="b"))
    for camera in ("c1", "c2"):
        events += matcher.process(Progress("test", camera, after(START, 60)))
    assert joins_of(events) == {"b": None}
    events += matcher.process(late)
    for camera in ("c1", "c2"):
        events += matcher.process(Progress("test", camera, after(START, 70)))
    assert vehicles_of(events)["late"] == vehicles_of(events)["b"]
    assert matcher.statistics.used_late == 1
    for camera in ("c1", "c2"):
        matcher.process(Progress("test", camera, after(START, 500)))
    matcher.process(tracklet("c2", 400, 480))
    for camera in ("c1", "c2"):
        matcher.process(Progress("test", camera, after(START, 600)))
    assert matcher.process(tracklet("c1", 100, 103, look=look)) == []
    assert matcher.statistics.skipped["late"] == 1


def test_a_camera_that_falls_behind_is_not_waited_for_and_its_open_tracklets_expire() -> None:
    site = chain_site(3)
    matcher = Matcher(site)
    matcher.process(tracklet("c1", 0, 3, look=np.ones(8), name="open", state="updated"))
    for second in range(0, 120, 2):
        for camera in ("c2", "c3") if second > 10 else ("c1", "c2", "c3"):
            events = matcher.process(Progress("test", camera, after(START, second)))
            if events:
                assert [event.kind for event in events] == ["new"]
    assert matcher.statistics.watermark == after(START, 118)
    matcher.process(tracklet("c2", 110, 112, look=np.ones(8)))
    for camera in ("c2", "c3"):
        matcher.process(Progress("test", camera, after(START, 150)))
    assert matcher.statistics.expired == 1


def test_memory_is_bounded_by_time_and_by_number() -> None:
    site = chain_site(2, "horizon: 100, max_tracklets: 100")
    matcher = Matcher(site)
    for record in complete_at_end(site, drive(site, 150, seed=8, every=5.0)):
        matcher.process(record)
        assert matcher.statistics.gallery <= 100
    crowd = Matcher(chain_site(2, "max_tracklets: 100"))
    for record in complete_at_end(site, drive(site, 120, seed=8, every=0.5)):
        crowd.process(record)
        assert crowd.statistics.gallery <= 100
    assert crowd.statistics.skipped["evicted"] > 0


def test_records_of_unknown_cameras_and_other_sites_are_counted() -> None:
    matcher = Matcher(chain_site(2))
    assert matcher.process(tracklet("c9", 0, 1)) == []
    assert matcher.process(Progress("test", "c9", START)) == []
    assert matcher.process(tracklet("c1", 0, 1, site="elsewhere")) == []
    assert matcher.statistics.skipped == {"unknown_camera": 2, "other_site": 1}


def test_an_unreadable_embedding_changes_nothing() -> None:
    site = chain_site(2)
    matcher = Matcher(site)
    good = tracklet("c1", 0, 3, look=np.ones(8))
    bad = msgspec.structs.replace(good, embeddings=(msgspec.structs.replace(good.embeddings[0], mean=b"\0"),))
    with pytest.raises(UnreadableMessageError, match="1 bytes for 8"):
        matcher.process(bad)
    assert [event.kind for event in run(site, complete_at_end(site, [Seen(good, 0)]))] == ["new"]
    assert matcher.process(good) == [], "the tracklet itself is still welcome"
    assert matcher.statistics.gallery == 1


def decided_pair(*, alike: bool) -> tuple[Matcher, list[MatchEvent]]:
    matcher = Matcher(chain_site(2))
    look = np.ones(8)
    other = look if alike else np.where(np.arange(8) < 4, 1.0, -1.0)
    records: list[MatcherRecord] = [
        tracklet("c1", 0, 3, look=look, name="a"),
        tracklet("c2", 23, 26, look=other, name="b"),
        *(Progress("test", camera, after(START, 70)) for camera in ("c1", "c2")),
    ]
    return matcher, [event for record in records for event in matcher.process(record)]


def test_an_operator_can_part_what_was_joined() -> None:
    matcher, events = decided_pair(alike=True)
    before = vehicles_of(events)
    assert before["a"] == before["b"]
    matcher.process(Correction("test", after(START, 71), "a", "b", same=False, operator="eve"))
    after_it = [event for camera in ("c1", "c2") for event in matcher.process(Progress("test", camera, after(START, 90)))]
    (event,) = after_it
    assert (event.kind, event.tracklet.tracklet, event.reason) == ("retracted", "b", "an operator said so")
    assert event.vehicle != before["a"]
    assert event.replaces == next(e.event for e in events if e.kind == "confirmed")


def test_an_operator_can_join_what_was_apart() -> None:
    matcher, events = decided_pair(alike=False)
    before = vehicles_of(events)
    assert before["a"] != before["b"]
    matcher.process(Correction("test", after(START, 71), "a", "b", same=True))
    matcher.process(Correction("test", after(START, 71), "a", "nobody", same=True))
    (event,) = [event for camera in ("c1", "c2") for event in matcher.process(Progress("test", camera, after(START, 90)))]
    assert (event.kind, event.tracklet.tracklet, event.vehicle) == ("revised", "b", before["a"])
    assert event.joined is not None
    assert event.joined.tracklet == "a"
    assert matcher.statistics.skipped["unknown_tracklet"] == 1


def test_a_vehicle_on_the_watch_list_is_reported_once() -> None:
    matcher = Matcher(chain_site(2))
    look = np.random.default_rng(1).normal(size=64)
    wanted = tracklet("c1", 0, 1, look=look).embeddings
    assert matcher.process(Watch("test", START, "stolen", wanted)) == []
    hits = [event for event in matcher.process(tracklet("c1", 5, 6, look=look, name="x")) if event.kind == "watchlist"]
    assert [(hit.reason, hit.tracklet.tracklet) for hit in hits] == [("stolen", "x")]
    again = matcher.process(tracklet("c1", 5, 7, look=look, name="x", revision=1))
    assert "watchlist" not in [event.kind for event in again]
    stranger = np.random.default_rng(2).normal(size=64)
    assert "watchlist" not in [event.kind for event in matcher.process(tracklet("c1", 8, 9, look=stranger))]
    matcher.process(Watch("test", START, "stolen"))
    assert "watchlist" not in [event.kind for event in matcher.process(tracklet("c1", 15, 16, look=look))]
