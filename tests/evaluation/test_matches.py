"""Match events against the truth, by hand."""

from __future__ import annotations

import json

import pytest

from evaluation.delays import Delays
from evaluation.matches import MatchTruth, final_joins, final_vehicles, score_matches
from evaluation.passages import Passage
from evaluation.visits import Visit, passages_of, visits_of
from throughline.messages import MatchEvent, MatchKind, TrackletRef
from throughline.times import to_instant

STARTS = {"a1": 0.0, "b1": 10.0, "c1": 20.0, "a2": 5.0, "b2": 15.0, "a3": 8.0, "b3": 18.0, "ghost": 3.0}
VEHICLES = {"a1": 1, "b1": 1, "c1": 1, "a2": 2, "b2": 2, "a3": 3, "b3": 3, "ghost": None}
TRUTH = MatchTruth(
    VEHICLES,
    {tracklet: tracklet[0] for tracklet in VEHICLES if tracklet != "ghost"},
    [*(Passage(vehicle, "a", "b") for vehicle in (1, 2, 3, 4)), Passage(1, "b", "c")],
)


def ref(tracklet: str) -> TrackletRef:
    start = to_instant(STARTS[tracklet])
    return TrackletRef(tracklet[0], tracklet, start, start + 2_000_000)


def event(
    number: int, kind: MatchKind, at: float, tracklet: str, joined: str | None, vehicle: str, p: float | None = None
) -> MatchEvent:
    other = None if joined is None else ref(joined)
    return MatchEvent(f"e{number}", number, kind, "site", vehicle, ref(tracklet), to_instant(at), other, probability=p)


EVENTS = [
    event(1, "new", 4.0, "a1", None, "v1"),
    event(2, "new", 9.0, "a2", None, "v2"),
    event(3, "new", 9.5, "a3", None, "v3"),
    event(4, "provisional", 10.5, "b1", "a1", "v1", 0.8),
    event(5, "provisional", 15.2, "b2", "a3", "v3", 0.6),  # wrong, and corrected when it is confirmed
    event(6, "confirmed", 16.0, "b1", "a1", "v1", 0.9),
    event(7, "provisional", 18.4, "b3", "a2", "v2", 0.7),  # wrong, and stays so
    event(8, "confirmed", 21.0, "b2", "a2", "v2", 0.8),
    event(9, "confirmed", 24.0, "b3", "a1", "v1", 0.7),
    event(10, "confirmed", 25.0, "c1", "b1", "v1", 0.6),
    event(11, "retracted", 26.0, "c1", None, "v9"),
    event(12, "new", 27.0, "ghost", None, "v8"),
]


def test_matched_missed_wrong_and_what_nobody_tracked() -> None:
    report = score_matches(EVENTS, TRUTH)
    score = report.passages
    assert [passage.vehicle for passage in score.matched] == [1, 2]
    assert [(passage.vehicle, passage.to) for passage in score.missed] == [(3, "b"), (4, "b"), (1, "c")]
    assert [passage.vehicle for passage in report.untracked] == [4]
    assert [(join.tracklet, join.joined) for join in score.wrong] == [("b3", "a1")]
    assert (score.precision, score.recall) == (2 / 3, 2 / 5)
    assert report.links == (("a", "b"), ("b", "c"))
    assert report.kinds == {"new": 4, "provisional": 3, "confirmed": 4, "retracted": 1}


def test_delays_reach_from_the_first_good_frame_to_the_first_right_decision() -> None:
    report = score_matches(EVENTS, TRUTH)
    assert sorted(report.provisional["a", "b"].seconds) == pytest.approx([0.5, 6.0]), "a wrong provisional one does not count"
    assert sorted(report.confirmed["a", "b"].seconds) == pytest.approx([6.0, 6.0])
    assert ("b", "c") not in report.confirmed, "what was taken back is no match"
    seen_late = MatchTruth(TRUTH.vehicle_of, TRUTH.camera_of, TRUTH.passages, {"b1": to_instant(10.25)})
    assert min(score_matches(EVENTS, seen_late).provisional["a", "b"].seconds) == pytest.approx(0.25)
    arrived = {"e4": to_instant(10.9)}
    assert min(score_matches(EVENTS, TRUTH, told=arrived).provisional["a", "b"].seconds) == pytest.approx(0.9)


def test_probabilities_are_judged_at_the_first_confirmation() -> None:
    calibration = score_matches(EVENTS, TRUTH).calibration
    assert calibration.count == 4
    assert calibration.coverage == pytest.approx(4 / 8)
    right = {0.9: 1, 0.8: 1, 0.7: 0, 0.6: 1}
    assert calibration.error == pytest.approx(sum(abs(p - r) for p, r in right.items()) / 4), "a bin for each: four decisions"
    assert calibration.brier == pytest.approx(sum((p - r) ** 2 for p, r in right.items()) / 4)


def test_a_vehicle_known_by_way_of_a_third_camera_is_matched() -> None:
    truth = MatchTruth(
        {"a1": 1, "b1": 1, "c1": 1}, {"a1": "a", "b1": "b", "c1": "c"}, [Passage(1, "a", "b"), Passage(1, "a", "c")]
    )
    events = [
        event(1, "new", 4.0, "a1", None, "v1"),
        event(2, "confirmed", 16.0, "b1", "a1", "v1", 0.9),
        event(3, "confirmed", 21.5, "c1", "b1", "v1", 0.9),
    ]
    report = score_matches(events, truth)
    assert {passage.to for passage in report.passages.matched} == {"b", "c"}
    assert report.confirmed["a", "c"].seconds == pytest.approx((1.5,))


def test_tracklets_beyond_the_time_looked_at_count_neither_way() -> None:
    report = score_matches(EVENTS, TRUTH, counted={"a1", "b1", "a2", "b2"})
    assert (len(report.passages.wrong), report.calibration.count) == (0, 2)


def test_the_last_final_event_stands() -> None:
    again = [*EVENTS, event(13, "revised", 30.0, "b3", "a3", "v3", 0.9), event(14, "provisional", 31.0, "c1", "a3", "v3", 0.5)]
    assert {join.tracklet: join.joined for join in final_joins(again)} == {"b1": "a1", "b2": "a2", "b3": "a3"}
    assert (final_vehicles(again)["b3"], final_vehicles(again)["c1"]) == ("v3", "v9")


def test_the_report_tells_it_all() -> None:
    report = score_matches(EVENTS, TRUTH)
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["links"]["a -> b"]["missed_not_tracked"] == 1
    assert plain["first_good_frame_to_confirmed_seconds"] == {"count": 2, "p50": 6.0, "p90": 6.0, "p99": 6.0}
    assert plain["events"]["revised"] == 0
    text = report.to_markdown()
    assert "2 of 5 true passages from camera to camera were matched; 3 were missed, 1 of them not tracked" in text
    assert "| a -> b | 2 | 2 | 1 | 1 | 0.6667 | 0.5000 | 0.50 s | 6.00 s |" in text
    assert {name.partition(".")[2] for name in report.to_report().files()} == {"svg"}


def test_nothing_happened() -> None:
    report = score_matches([], MatchTruth({}, {}, []))
    assert (report.passages.precision, report.passages.recall, report.calibration.count) == (1.0, 1.0, 0)
    assert "There was no true passage" in report.to_markdown()
    json.dumps(report.to_json(), allow_nan=False)


def test_quantiles_are_delays_that_were_measured() -> None:
    delays = Delays(tuple(float(number) for number in range(1, 101)))
    assert delays.quantiles() == {"p50": 50.0, "p90": 90.0, "p99": 99.0}
    assert Delays((3.0, 1.0)).quantile(0.5) == 1.0


def test_passages_lead_from_each_visit_to_the_next_elsewhere() -> None:
    def visit(vehicle: int, camera: str, first: float, last: float) -> Visit:
        return Visit(vehicle, camera, to_instant(first), to_instant(last))

    visits = [
        visit(1, "b", 10, 12), visit(1, "a", 0, 5), visit(1, "a", 6, 7), visit(1, "c", 11, 14),
        visit(2, "c", 0, 1), visit(2, "a", 90, 95), visit(3, "a", 3, 4),
    ]  # fmt: skip
    assert passages_of(visits) == [Passage(1, "a", "b"), Passage(1, "b", "c"), Passage(2, "c", "a")]
    assert passages_of(visits, longest=60.0) == [Passage(1, "a", "b"), Passage(1, "b", "c")]
    assert passages_of(visits, links={("b", "c"), ("c", "a")}) == [Passage(1, "b", "c"), Passage(2, "c", "a")]


def test_a_vehicle_out_of_sight_for_long_visits_anew() -> None:
    seen = [to_instant(second) for second in (9.0, 0.0, 1.0, 3.9, 9.5)]
    visits = visits_of(7, "a", seen)
    assert [(one.first / 1e6, one.last / 1e6) for one in visits] == [(0.0, 3.9), (9.0, 9.5)]
    assert len(visits_of(7, "a", seen, longest_gap=6.0)) == 1
    assert visits_of(7, "a", []) == []
