"""What a tracklet could be joined to, ranked, with what speaks for and against each."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matcher import Matcher
from matcher.candidates import Ranking
from tests.support.traffic import START, chain_site, drive, streamed, tracklet
from throughline.messages import Correction, MatcherRecord, Progress, encode_json
from throughline.settings import Site
from throughline.times import after

RNG = np.random.default_rng(1)
ONE, OTHER = RNG.normal(size=64), RNG.normal(size=64)
CROWD = [
    tracklet("c1", 0, 3, look=ONE, name="same"),
    tracklet("c1", 4, 7, look=OTHER, name="different"),
    tracklet("c1", 22, 28, look=ONE, name="too soon"),
    tracklet("c2", 23.2, 23.4, look=ONE, name="part"),
    tracklet("c2", 24, 26, look=ONE, name="wanted"),
    tracklet("c2", 25, 27, look=ONE, name="beside"),
    tracklet("c3", 46, 49, look=ONE, name="next"),
    tracklet("c1", 400, 402, look=ONE, name="later"),
]


def matcher_of(site: Site, records: list[MatcherRecord]) -> Matcher:
    matcher = Matcher(site)
    for record in records:
        matcher.process(record)
    return matcher


def ranked(matcher: Matcher, name: str, limit: int = 20) -> Ranking:
    found = matcher.candidates(name, limit)
    assert found is not None
    return found


def test_candidates_come_most_likely_first_with_every_term_and_gate() -> None:
    site = chain_site(3)
    found = ranked(matcher_of(site, [*CROWD]), "wanted")
    assert found.tracklet.tracklet == "wanted"
    odds = {one.tracklet.tracklet: one.log_odds for one in found.candidates}
    assert list(odds)[:2] in (["same", "next"], ["next", "same"])
    passed = [value for value in odds.values() if value is not None]
    assert passed == sorted(passed, reverse=True)
    assert found.passed == len(passed)
    assert odds["different"] is not None
    assert odds["same"] is not None
    assert odds["different"] < 0.0 < odds["same"]
    best = next(one for one in found.candidates if one.tracklet.tracklet == "same")
    assert {part.term for part in best.evidence} >= {"prior", "appearance", "travel_time"}
    assert best.log_odds == pytest.approx(sum(part.llr for part in best.evidence))
    assert (best.link, best.travel) == ("c1->c2", 21.0)
    (gate,) = best.gates
    assert (gate.gate, gate.value) == ("travel_window", 21.0)
    assert gate.low is not None
    assert gate.high is not None
    assert gate.low < 21.0 < gate.high


def test_those_that_a_gate_rejects_come_last_with_its_name_and_what_was_tested() -> None:
    found = ranked(matcher_of(chain_site(3), [*CROWD]), "wanted")
    rejected = [(one.tracklet.tracklet, one.rejected) for one in found.candidates if one.log_odds is None]
    assert rejected == [
        ("beside", "same_camera_overlap"),
        ("too soon", "travel_window"),
        ("later", "no_link"),
    ]
    assert [one.log_odds is None for one in found.candidates] == [False] * found.passed + [True] * 3
    soon = next(one for one in found.candidates if one.tracklet.tracklet == "too soon")
    assert (soon.link, soon.travel) == ("c1->c2", -4.0)
    (gate,) = soon.gates
    assert (gate.gate, gate.value) == ("travel_window", -4.0)
    assert gate.low is not None
    assert gate.low > -4.0
    assert found.among == len(CROWD) - 1


def test_what_an_operator_parted_is_no_candidate() -> None:
    site = chain_site(3)
    records: list[MatcherRecord] = [*CROWD[:5]]
    records += [Progress("test", camera.id, after(START, 80)) for camera in site.cameras]
    records.append(Correction("test", after(START, 81), "same", "wanted", same=False))
    records += [Progress("test", camera.id, after(START, 110)) for camera in site.cameras]
    found = ranked(matcher_of(site, records), "wanted")
    assert {one.tracklet.tracklet: one.rejected for one in found.candidates}["same"] == "operator"


def test_no_more_than_wanted_and_none_of_what_is_not_known() -> None:
    matcher = matcher_of(chain_site(3), [*CROWD])
    whole = ranked(matcher, "wanted")
    first = ranked(matcher, "wanted", 1)
    assert first.candidates == whole.candidates[:1]
    assert (first.among, first.passed) == (whole.among, whole.passed)
    assert matcher.candidates("nobody", 5) is None
    alone = ranked(matcher_of(chain_site(3), [CROWD[0]]), "same")
    assert (alone.among, alone.passed, alone.candidates) == (0, 0, ())


def test_a_vehicle_is_named_once_it_is_decided() -> None:
    site = chain_site(3)
    assert ranked(matcher_of(site, [*CROWD[:5]]), "wanted").vehicle is None
    records: list[MatcherRecord] = [*CROWD[:5], *(Progress("test", camera.id, after(START, 80)) for camera in site.cameras)]
    found = ranked(matcher_of(site, records), "wanted")
    assert found.vehicle is not None
    assert {one.tracklet.tracklet: one.vehicle for one in found.candidates}["same"] == found.vehicle


def test_it_is_the_evidence_of_the_decision_where_two_are_alone() -> None:
    site = chain_site(2)
    matcher, events = Matcher(site), []
    records: list[MatcherRecord] = [CROWD[0], CROWD[4], *(Progress("test", one.id, after(START, 80)) for one in site.cameras)]
    for record in records:
        events += matcher.process(record)
    (joined,) = [event for event in events if event.kind == "confirmed"]
    (candidate,) = ranked(matcher, "wanted").candidates
    assert [part.term for part in candidate.evidence] == [part.term for part in joined.evidence]
    assert [part.raw for part in candidate.evidence] == [part.raw for part in joined.evidence]
    assert candidate.gates == joined.gates
    assert candidate.log_odds is not None
    assert joined.log_odds is not None
    assert math.isclose(candidate.log_odds, joined.log_odds, abs_tol=0.5), "but for what was learned since"


@pytest.mark.parametrize("matching", ["", "reranking: {enabled: true}"])
def test_asking_changes_no_decision(matching: str) -> None:
    site = chain_site(3, matching)
    records = streamed(site, drive(site, 25, seed=9, every=2.0, noise=1.2))
    quiet, asked = Matcher(site), Matcher(site)
    names = [record.tracklet for record in records if hasattr(record, "tracklet")]
    expected = [encode_json(event) for record in records for event in quiet.process(record)]
    found = []
    for number, record in enumerate(records):
        found += [encode_json(event) for event in asked.process(record)]
        asked.candidates(names[number % len(names)], 5)
    assert found == expected
