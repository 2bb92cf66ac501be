"""The made-up city of the matcher's benchmark tells the truth, and its figures mean what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks._city import City, CityPlan, busy_pair_plan
from benchmarks._matcher_figures import difficulty, judged, quantiles
from benchmarks._matcher_peer import one_by_one
from matcher import Matcher
from throughline.messages import MatchEvent, Progress, Tracklet, TrackletRef, decode_record

_SMALL = CityPlan(cameras=6, in_view=4.0)


def _records(plan: CityPlan, seconds: int) -> tuple[City, list[Tracklet | Progress]]:
    city = City(plan)
    records = [decode_record(message.value) for message in city.messages(seconds)]
    assert all(isinstance(record, (Tracklet, Progress)) for record in records)
    return city, [record for record in records if isinstance(record, (Tracklet, Progress))]


@pytest.mark.parametrize(
    "plan",
    [_SMALL, replace(_SMALL, overlap=4.0), replace(_SMALL, whole=True), replace(_SMALL, models=2), busy_pair_plan(20)],
    ids=["usual", "overlapping", "whole", "two networks", "pair"],
)
def test_a_vehicle_goes_where_the_site_file_allows(plan: CityPlan) -> None:
    city, records = _records(plan, 400 if plan.pair else 90)
    closed = {one.tracklet: one for one in records if isinstance(one, Tracklet) and one.state == "closed"}
    followed = [(closed[before], closed[one]) for one, before in city.before.items() if one in closed and before in closed]
    assert len(followed) > 20
    for former, one in followed:
        least, _, most = city.travel(int(former.camera[1:]), int(one.camera[1:]))
        travel = (one.start - former.end) / 1e6
        # Where views overlap, it does not come before the former view has had it for a moment.
        assert least - 1e-5 <= travel <= most + 1e-5 or (plan.overlap and one.start - former.start >= 199_999)
        assert city.vehicle_of[former.tracklet] == city.vehicle_of[one.tracklet]


def test_revisions_rise_and_end_with_a_closed_one() -> None:
    _, records = _records(_SMALL, 60)
    by_tracklet: dict[str, list[Tracklet]] = {}
    for record in records:
        if isinstance(record, Tracklet):
            by_tracklet.setdefault(record.tracklet, []).append(record)
    for revisions in by_tracklet.values():
        assert [one.revision for one in revisions] == list(range(len(revisions)))
        assert revisions[0].state == "opened"
        assert all(one.state == "updated" for one in revisions[1:-1])


def test_whole_tracklets_come_once_and_look_as_at_their_end() -> None:
    _, records = _records(replace(_SMALL, whole=True, models=3), 60)
    tracklets = [record for record in records if isinstance(record, Tracklet)]
    assert len({one.tracklet for one in tracklets}) == len(tracklets) > 50
    assert {one.state for one in tracklets} == {"closed"}
    assert {len(one.embeddings) for one in tracklets} == {3}
    assert len({embedding.model for embedding in tracklets[0].embeddings}) == 3


def test_difficulty_grows_with_traffic_and_falls_with_better_looks() -> None:
    quiet = difficulty(City(replace(_SMALL, in_view=2.0)), 120)
    busy = difficulty(City(replace(_SMALL, in_view=12.0)), 120)
    clear = difficulty(City(replace(_SMALL, in_view=12.0, identity=0.8)), 120)
    name = "candidates by road and time"
    assert busy[name] > 3 * quiet[name] > 0
    assert clear["of them more alike than the true one"] < 0.1 < busy["of them more alike than the true one"]
    assert 0.92 < busy["area under the ROC curve"] < 0.98  # what the plan says of 0.21 of 128 numbers: 0.95


def test_decisions_are_judged_by_the_city_s_truth() -> None:
    city = City(_SMALL)
    city.vehicle_of = {"a": 1, "b": 1, "c": 2, "d": 1}
    city.before = {"b": "a", "d": "b"}

    def event(tracklet: str, kind: str, joined: str | None, probability: float) -> MatchEvent:
        one, other = (None if name is None else TrackletRef("c0", name, 0, 1) for name in (tracklet, joined))
        assert one is not None
        return MatchEvent("e", 1, kind, "city", "v", one, 0, other, probability=probability)  # type: ignore[arg-type]  # a kind

    events = [
        event("b", "provisional", "a", 0.5),
        event("a", "new", None, 0.9),
        event("b", "confirmed", "a", 0.8),
        event("c", "confirmed", "a", 0.6),
        event("d", "confirmed", "c", 0.7),
        event("d", "retracted", None, 0.7),
    ]
    found = judged(city, events)["confirmed"]
    assert found["tracklets"] == 4
    assert found["joins"] == 2
    assert found["precision"] == 0.5
    assert found["recall"] == 0.5
    assert found["brier"] == pytest.approx((0.2**2 + 0.6**2) / 2)
    assert judged(city, events)["provisional"]["precision"] == 1.0


def test_quantiles_are_microseconds() -> None:
    found = quantiles([1000 * value for value in range(1, 102)])
    assert found == pytest.approx({"mean": 51.0, "p50": 51.0, "p99": 100.0, "max": 101.0})
    assert quantiles([]) == {}


def test_pairs_weighed_together_and_one_by_one_come_to_the_same() -> None:
    city = City(replace(_SMALL, in_view=8.0))
    matcher = Matcher(city.site)
    for message in city.messages(80):
        matcher.process(decode_record(message.value))
    peer = one_by_one(matcher, rounds=1)
    assert peer.comparisons > 50
    assert peer.equal
    assert peer.single > 0.0
    assert np.isfinite(peer.batched)
