"""What is told of decisions without a truth, on traffic whose truth is known."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from matcher import Matcher
from matcher.quality import QualityMonitor, QualityReport
from matcher.state import restored, state_of
from matcher.trace import trace_to
from tests.support.traffic import START, Seen, chain_site, complete_at_end, drive, streamed, tracklet
from throughline.messages import Correction, DecisionTrace, MatcherRecord, MatchEvent, Progress, encode_json
from throughline.settings import Site, parse_site
from throughline.times import after


def junction() -> Site:
    """Three cameras that see the same place, so that each pair has a road."""
    lines = ["site: test", "cameras:", *(f"  - {{id: c{number}}}" for number in (1, 2, 3))]
    lines += ["groups:", "  all: {cameras: [c1, c2, c3], link: {travel: {min: -10, typical: 0, max: 40}}}"]
    return parse_site("\n".join(lines) + "\nmatching: {horizon: 60}\n")


def run(matcher: Matcher, records: list[MatcherRecord]) -> list[MatchEvent]:
    return [event for record in records for event in matcher.process(record)]


def go_on(site: Site, seconds: float) -> list[MatcherRecord]:
    """Nothing but time passes; a vehicle comes by, so that there is something to decide at the end of it."""
    closed = tracklet(site.cameras[0].id, seconds - 5, seconds - 3, name=f"last-{seconds}", look=np.arange(64.0))
    return [closed, *(Progress(site.site, camera.id, after(START, seconds + 200)) for camera in site.cameras)]


def forgotten(
    site: Site, seen: list[Seen], corrections: list[MatcherRecord] | None = None
) -> tuple[list[MatchEvent], QualityReport]:
    """Runs traffic until all of it is forgotten."""
    matcher = Matcher(site)
    records = [r for r in streamed(site, seen) if not (isinstance(r, Progress) and r.end_of_stream)]
    last = (max(one.tracklet.end for one in seen) - START) / 1e6
    records += [Progress(site.site, camera.id, after(START, last + 60)) for camera in site.cameras]
    records += (corrections or []) + [Progress(site.site, camera.id, after(START, last + 90)) for camera in site.cameras]
    events = run(matcher, records)
    for later in (1000, 2000, 3000):
        run(matcher, go_on(site, last + later))
    return events, matcher.statistics.quality


def of_traffic(events: list[MatchEvent], kind: str) -> list[MatchEvent]:
    return [event for event in events if event.kind == kind]


@pytest.fixture(scope="module")
def chain() -> tuple[list[MatchEvent], QualityReport]:
    site = chain_site(3, "horizon: 60")
    return forgotten(site, drive(site, 60, seed=1, every=5.0, noise=1.2))


def test_first_decisions_are_counted_by_camera_and_link(chain: tuple[list[MatchEvent], QualityReport]) -> None:
    events, report = chain
    confirmed, new = of_traffic(events, "confirmed"), of_traffic(events, "new")
    assert report.arrivals["c1->c2"] == sum(event.link == "c1->c2" for event in confirmed) > 10
    assert report.arrivals["c2->c3"] == sum(event.link == "c2->c3" for event in confirmed) > 10
    for camera in ("c2", "c3"):
        assert report.decided[camera, "joined"] == sum(event.tracklet.camera == camera for event in confirmed)
        assert report.decided[camera, "new"] == sum(event.tracklet.camera == camera for event in new)
    assert sum(report.choices.values()) == sum(report.decided.values())


def test_confirmed_joins_are_judged_when_they_are_forgotten(chain: tuple[list[MatchEvent], QualityReport]) -> None:
    events, report = chain
    judged = [judged for (stage, _), judged in report.judged.items() if stage == "confirmed"]
    confirmed = of_traffic(events, "confirmed")
    assert sum(one.stood + one.withdrawn for one in judged) == len(confirmed)
    assert sum(one.expected for one in judged) == pytest.approx(sum(event.probability or 0.0 for event in confirmed))


def test_provisional_decisions_are_judged_by_the_final_ones(chain: tuple[list[MatchEvent], QualityReport]) -> None:
    events, report = chain
    latest = {event.tracklet.tracklet: event for event in of_traffic(events, "provisional")}
    final = {event.tracklet.tracklet: event for event in events if event.kind in ("new", "confirmed")}
    kept = changed = 0
    for name, said in latest.items():
        same = (said.joined is None) == (final[name].joined is None)
        if same and said.joined is not None:
            same = said.joined.tracklet == final[name].joined.tracklet  # type: ignore[union-attr]  # both have one
        kept, changed = kept + same, changed + (not same)
    assert kept > 50
    assert abs(report.provisional["kept"] - kept) <= 4
    assert abs(report.provisional["changed"] - changed) <= 4
    judged = [judged for (stage, _), judged in report.judged.items() if stage == "provisional"]
    assert sum(one.stood + one.withdrawn for one in judged) == sum(event.joined is not None for event in latest.values())


def test_a_join_that_an_operator_parts_is_withdrawn() -> None:
    site = chain_site(2, "horizon: 60")
    look = np.random.default_rng(1).normal(size=64)
    seen = [Seen(tracklet("c1", 0, 3, look=look, name="a"), 0), Seen(tracklet("c2", 23, 26, look=look, name="b"), 0)]
    parted: list[MatcherRecord] = [Correction("test", after(START, 70), "a", "b", same=False)]
    for corrections, expected in (([], (1, 0)), (parted, (0, 1))):
        events, report = forgotten(site, seen, corrections)
        assert [event.kind for event in events if event.kind == "retracted"] == ["retracted"] * len(corrections)
        (judged,) = [judged for (stage, _), judged in report.judged.items() if stage == "confirmed"]
        assert (judged.stood, judged.withdrawn) == expected


def test_a_vehicle_of_another_name_is_no_withdrawn_join() -> None:
    """An operator joins two vehicles: one takes the other's name, and its events are revised, but its joins were right."""
    site = chain_site(3, "horizon: 200")
    one, noise = np.random.default_rng(2).normal(size=(2, 64))
    other = noise - 0.3 * one
    seen = [
        Seen(tracklet("c1", 0, 3, look=one, name="a"), 0),
        Seen(tracklet("c2", 23, 26, look=other, name="b"), 0),
        Seen(tracklet("c3", 46, 49, look=other, name="c"), 0),
    ]
    joined: list[MatcherRecord] = [Correction("test", after(START, 100), "a", "b", same=True)]
    events, report = forgotten(site, seen, joined)
    assert sorted(event.tracklet.tracklet for event in of_traffic(events, "revised")) == ["b", "c"]
    (judged,) = [judged for (stage, _), judged in report.judged.items() if stage == "confirmed"]
    assert (judged.stood, judged.withdrawn) == (1, 0)


def test_one_to_one_assignment_makes_one_give_way() -> None:
    site = chain_site(2)
    look = np.random.default_rng(3).normal(size=64)
    seen = [
        Seen(tracklet("c1", 0, 3, look=look, name="a"), 0),
        Seen(tracklet("c2", 23, 26, look=look, name="b"), 0),
        Seen(tracklet("c2", 24, 27, look=look + 0.01, name="twin"), 1),
    ]
    matcher = Matcher(site)
    run(matcher, complete_at_end(site, seen))
    assert matcher.statistics.quality.choices == {"first": 2, "given_way": 1}


def cycles_of(noise: float) -> QualityReport:
    site = junction()
    rng = np.random.default_rng(4)
    seen = []
    for vehicle in range(120):
        identity, at = rng.normal(size=64), 8.0 * vehicle
        for camera in ("c1", "c2", "c3"):
            look = identity + noise * rng.normal(size=64)
            closed = tracklet(camera, at, at + 4, look=look, name=f"{camera}-{vehicle}")
            seen.append(Seen(closed, vehicle))
            at += 1.0
    seen.sort(key=lambda one: one.tracklet.end)
    matcher = Matcher(site)
    run(matcher, complete_at_end(site, seen))
    return matcher.statistics.quality


def test_evidence_agrees_around_triples_unless_views_differ() -> None:
    clear, blurred = cycles_of(0.3).cycles, cycles_of(1.6).cycles
    assert clear["agree"] > 20
    assert clear["contradict"] + clear["weak"] == 0
    assert blurred["contradict"] + blurred["weak"] > 0


def test_it_changes_no_decision_and_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    site = junction()
    records = streamed(site, drive(site, 40, seed=5, every=3.0, travel=1.0, noise=1.2))

    def told() -> tuple[list[bytes], list[DecisionTrace]]:
        matcher, traces = Matcher(site), list[DecisionTrace]()
        trace_to(matcher, traces.append)
        return [encode_json(event) for event in run(matcher, records)], traces

    watched = told()
    assert watched[1]
    for name in ("advance", "take_stock", "closed", "guessed", "decided", "revised", "forget"):
        monkeypatch.setattr(QualityMonitor, name, lambda *_: None)
    assert told() == watched


def test_it_goes_on_after_a_restart() -> None:
    site = junction()
    records = streamed(site, drive(site, 40, seed=6, every=3.0, travel=1.0))
    whole, first = Matcher(site), Matcher(site)
    run(whole, records)
    run(first, records[: len(records) // 2])
    second = restored(site, state_of(first))
    run(second, records[len(records) // 2 :])
    assert second.statistics.quality == whole.statistics.quality != QualityReport()
    assert state_of(second) == state_of(whole)


def test_drift_is_told_by_camera() -> None:
    site = chain_site(2, "horizon: 30, confirm_after: 5")
    rng = np.random.default_rng(7)
    records: list[MatcherRecord] = []
    for number in range(320):
        look = rng.normal(size=64) + (number >= 220) * np.eye(64)[0] * 8.0
        for camera, moved in (("c1", 0.0), ("c2", 1.0)):
            one = tracklet(camera, number, number + 0.5, look=rng.normal(size=64) if moved == 0.0 else look)
            records.append(msgspec.structs.replace(one, tracklet=f"{camera}-{number}"))
        records += [Progress("test", camera, after(START, number + 0.5)) for camera in ("c1", "c2")]
    records += [Progress("test", camera, after(START, 400.0)) for camera in ("c1", "c2")]
    matcher = Matcher(site)
    run(matcher, records)
    drift = matcher.statistics.quality.drift
    assert drift["c1", "test"] < 0.2
    assert drift["c2", "test"] > 0.5
