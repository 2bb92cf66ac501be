"""A trace tells all that was weighed, adds up to what was published, and changes nothing."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from matcher import Matcher
from matcher.associate import associate
from matcher.deciding import MatcherWorker
from matcher.state import StateError, packed_state_of, restored_from_packed
from matcher.trace import trace_to
from tests.support.traffic import chain_site, complete_at_end, drive, streamed, tracklet
from throughline.formats.recorded_tracks import RecordedTrack
from throughline.messages import Correction, DecisionTrace, MatcherRecord, MatchEvent, encode_record
from throughline.settings import Site
from throughline.times import after

SITE = chain_site(3, "confirm_after: 10")


def traced(site: Site, records: list[MatcherRecord]) -> tuple[list[MatchEvent], list[DecisionTrace]]:
    matcher = Matcher(site)
    traces: list[DecisionTrace] = []
    trace_to(matcher, traces.append)
    return [event for record in records for event in matcher.process(record)], traces


@cache
def city() -> tuple[list[MatcherRecord], list[MatchEvent], list[DecisionTrace]]:
    records = streamed(SITE, drive(SITE, 25, seed=6, every=3.0), step=2.0)
    return records, *traced(SITE, records)


def test_nothing_is_decided_otherwise_and_every_decision_has_its_trace() -> None:
    records, events, traces = city()
    matcher = Matcher(SITE)
    assert events == [event for record in records for event in matcher.process(record)]
    assert [(trace.event, trace.sequence, trace.kind, trace.tracklet) for trace in traces] == [
        (event.event, event.sequence, event.kind, event.tracklet.tracklet) for event in events
    ]
    assert {event.kind for event in events} >= {"provisional", "confirmed", "new"}


def test_the_join_that_was_published_is_among_the_options_with_the_same_reasons() -> None:
    _, events, traces = city()
    joins = 0
    for event, trace in zip(events, traces, strict=True):
        chosen = [option for option in trace.options if option.chosen]
        assert bool(chosen) == (event.joined is not None)
        assert (trace.probability, trace.margin, trace.runner_up) == (event.probability, event.margin, event.runner_up)
        for option in chosen:
            joins += 1
            assert event.joined is not None
            assert (option.joined, option.link, option.travel_time) == (event.joined.tracklet, event.link, event.travel_time)
            assert (option.evidence, option.gates, option.log_odds) == (event.evidence, event.gates, event.log_odds)
    assert joins > 30


def test_the_runner_up_is_among_the_options_too() -> None:
    _, _, traces = city()
    found = 0
    for trace in traces:
        if trace.runner_up is not None and trace.runner_up.tracklet is not None:
            found += 1
            scores = [option.log_odds for option in trace.options if trace.runner_up.tracklet in option.vehicle]
            assert any(score == pytest.approx(trace.runner_up.log_odds, abs=1e-9) for score in scores)
    assert found > 10


def test_evidence_adds_up_and_options_stand_in_order() -> None:
    _, _, traces = city()
    for trace in traces:
        scores = [option.log_odds or 0.0 for option in trace.options]
        assert scores == sorted(scores, reverse=True)
        for option in trace.options:
            assert trace.tracklet in option.tracklets
            assert trace.tracklet not in option.vehicle
            assert option.log_odds == pytest.approx(sum(term.llr for term in option.evidence))
            assert {term.term for term in option.evidence} >= {"prior", "appearance"}
            assert option.gates
            assert not option.rejected
        shares = [share.probability for share in trace.shares]
        assert shares == sorted(shares, reverse=True)
        assert -1e-9 <= trace.new + sum(shares) <= 1.0 + 1e-9


def test_what_gates_rejected_says_which_gate() -> None:
    _, _, traces = city()
    rejected = [comparison for trace in traces for comparison in trace.rejected]
    assert rejected
    for comparison in rejected:
        assert comparison.log_odds is None
        assert comparison.rejected
        assert all(
            pair.gate in {"travel_window", "no_link", "same_camera", "same_camera_overlap"} for pair in comparison.rejected
        )


def test_an_operators_word_stands_among_the_reasons() -> None:
    records = complete_at_end(SITE, drive(SITE, 3, seed=1, every=40.0))
    events, _ = traced(SITE, records)
    joined = next(event for event in events if event.kind == "confirmed" and event.joined is not None)
    assert joined.joined is not None
    pair = joined.joined.tracklet, joined.tracklet.tracklet
    place = next(place for place, record in enumerate(records) if getattr(record, "tracklet", None) == pair[1])
    apart = Correction(SITE.site, after(joined.tracklet.end, 30), *pair, same=False)
    _, traces = traced(SITE, [*records[: place + 1], apart, *records[place + 1 :]])
    reasons = {reason.gate for trace in traces if trace.tracklet == pair[1] for one in trace.rejected for reason in one.rejected}
    assert "operator" in reasons


def test_lines_can_be_read_again() -> None:
    _, _, traces = city()
    lines = [msgspec.json.encode(trace) for trace in traces]
    assert [msgspec.json.decode(line, type=DecisionTrace) for line in lines] == traces


def test_a_matcher_that_is_watched_has_no_state_to_give() -> None:
    matcher = Matcher(SITE)
    packed = packed_state_of(matcher)
    trace_to(matcher, lambda trace: None)
    with pytest.raises(StateError, match="Tracer"):
        packed_state_of(matcher)
    matcher.be_watched(None)
    assert packed_state_of(matcher) == packed


async def test_a_worker_that_goes_on_from_a_state_can_be_traced() -> None:
    records, _, traces = city()
    half = len(records) // 2
    matcher = Matcher(SITE)
    before = sum(len(matcher.process(record)) for record in records[:half])
    found: list[DecisionTrace] = []
    worker = MatcherWorker(SITE, state=packed_state_of(matcher), trace=found.append)
    await worker.decide([encode_record(record) for record in records[half:]])
    worker.close()
    assert found == traces[before:]
    assert restored_from_packed(SITE, packed_state_of(matcher)).site == SITE


def test_a_process_of_its_own_is_not_traced() -> None:
    with pytest.raises(ValueError, match="cannot be traced"):
        MatcherWorker(SITE, own_process=True, trace=lambda trace: None)


def test_recorded_tracks_can_be_traced() -> None:
    seen = [tracklet("c1", 0, 3, name="a"), tracklet("c2", 20, 23, name="b")]
    traces: list[DecisionTrace] = []
    association = associate(SITE, [RecordedTrack(one.camera, 1, (), one) for one in seen], traces.append)
    assert [trace.event for trace in traces] == [event.event for event in association.events]
