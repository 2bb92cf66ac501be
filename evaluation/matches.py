"""Match events against what truly happened: which passages were found, how soon, and what the probabilities are worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.calibration import judge_joins
from evaluation.delays import Delays
from evaluation.match_report import MatchReport
from evaluation.pairs import pair_score
from evaluation.passages import Join, Passage, score_passages
from throughline.messages import MatchEvent
from throughline.times import Instant, seconds_between

__all__ = ["MatchTruth", "final_joins", "final_vehicles", "score_matches"]

_JOINS = ("provisional", "confirmed", "revised")
_FINAL = ("confirmed", "revised")
_PUBLISHED = ("confirmed", "revised", "retracted", "new")


@dataclass(frozen=True, slots=True)
class MatchTruth:
    """What truly happened while a site was watched.

    Attributes:
        vehicle_of: True vehicle by tracklet id (`evaluation.labelling.label`); None, or a tracklet that is not there: it shows
            no vehicle of the truth, and to join it is wrong.
        camera_of: Camera id of each tracklet that was there, joined or not: what a tracker lost is then told apart from what
            the matcher missed.
        passages: Vehicles that got from one camera to another (`evaluation.visits.passages_of`).
        first_good: By tracklet id, when the vehicle was first seen well in this visit to the camera; a tracklet that is not
            there began when it says.
    """

    vehicle_of: Mapping[str, Hashable | None]
    camera_of: Mapping[str, str]
    passages: Sequence[Passage]
    first_good: Mapping[str, Instant] = field(default_factory=dict)


def score_matches(
    events: Iterable[MatchEvent],
    truth: MatchTruth,
    *,
    counted: Container[str] | None = None,
    told: Mapping[str, Instant] | None = None,
) -> MatchReport:
    """Compares the events of a run with the truth.

    A passage is *matched* when a final join leads from a tracklet of it at the one camera to a tracklet of it at the other, or
    when the two have the same global vehicle id by way of third cameras; else it is *missed*. A final join of tracklets that
    show different vehicles, or of which one shows none, is *wrong*. The last ``confirmed``, ``revised``, ``retracted`` or
    ``new`` event of a tracklet is final.

    Delays are those of the matched passages, each with its earliest right decision: *provisional* to the first event of any kind
    that joins it rightly, *confirmed* to the first ``confirmed`` or ``revised`` one that does.

    Args:
        events: Of the whole run, in order.
        truth: What truly happened.
        counted: Tracklets whose joins count; None: all. Leave out those that reach beyond the time for which ``truth`` holds.
        told: When each event (by its id) reached whoever was waiting for it, in the site's time; None, or an event that is not
            there: at its event time, as if machine and network took no time.
    """
    events = list(events)
    joins = [join for join in final_joins(events) if counted is None or (join.tracklet in counted and join.joined in counted)]
    vehicles = final_vehicles(events)
    passages = score_passages(truth.vehicle_of, joins, truth.passages, _connected(truth, vehicles))
    known = {tracklet: vehicle for tracklet, vehicle in truth.vehicle_of.items() if vehicle is not None}
    seen = {(truth.camera_of[tracklet], vehicle) for tracklet, vehicle in known.items() if tracklet in truth.camera_of}
    untracked = tuple(
        missed for missed in passages.missed if not {(missed.from_, missed.vehicle), (missed.to, missed.vehicle)} <= seen
    )
    provisional, confirmed = (_delays(events, kinds, truth, passages.matched, told or {}) for kinds in (_JOINS, _FINAL))
    judged = [event for event in events if counted is None or event.tracklet.tracklet in counted]
    return MatchReport(
        passages,
        untracked,
        provisional,
        confirmed,
        judge_joins(judged, known).report(),
        pair_score(known, vehicles),
        dict(Counter(event.kind for event in events)),
    )


def final_joins(events: Iterable[MatchEvent]) -> list[Join]:
    """The joins that stand at the end, in the order in which their tracklets were first joined."""
    final: dict[str, Join] = {}
    for event in events:
        tracklet = event.tracklet
        if event.kind in _FINAL and event.joined is not None:
            final[tracklet.tracklet] = Join(tracklet.tracklet, tracklet.camera, event.joined.tracklet, event.joined.camera)
        elif event.kind in _PUBLISHED:
            final.pop(tracklet.tracklet, None)
    return list(final.values())


def final_vehicles(events: Iterable[MatchEvent]) -> dict[str, str]:
    """Global vehicle id by tracklet id, as last published for good."""
    return {event.tracklet.tracklet: event.vehicle for event in events if event.kind in _PUBLISHED}


def _connected(truth: MatchTruth, vehicles: Mapping[str, str]) -> set[Passage]:
    """Passages of which both ends have one global id."""
    ids: dict[tuple[str, Hashable], set[str]] = {}
    for tracklet, vehicle in truth.vehicle_of.items():
        if vehicle is not None and tracklet in vehicles and tracklet in truth.camera_of:
            ids.setdefault((truth.camera_of[tracklet], vehicle), set()).add(vehicles[tracklet])
    nobody: set[str] = set()
    return {
        passage
        for passage in truth.passages
        if ids.get((passage.from_, passage.vehicle), nobody) & ids.get((passage.to, passage.vehicle), nobody)
    }


def _delays(
    events: Sequence[MatchEvent],
    kinds: Container[str],
    truth: MatchTruth,
    matched: Iterable[Passage],
    told: Mapping[str, Instant],
) -> dict[tuple[str, str], Delays]:
    """By link, of the earliest right decisions of ``kinds``."""
    straight: dict[tuple[Hashable, str, str], float] = {}
    by_any_way: dict[tuple[Hashable, str], float] = {}  # the first right decision of each: events are in order
    for event in events:
        joined = event.joined
        if event.kind not in kinds or joined is None or joined.camera == event.tracklet.camera:
            continue
        vehicle = truth.vehicle_of.get(event.tracklet.tracklet)
        if vehicle is None or vehicle != truth.vehicle_of.get(joined.tracklet):
            continue
        here = event.tracklet
        seconds = seconds_between(truth.first_good.get(here.tracklet, here.start), told.get(event.event, event.at))
        for origin, destination in ((joined.camera, here.camera), (here.camera, joined.camera)):
            straight.setdefault((vehicle, origin, destination), seconds)
        by_any_way.setdefault((vehicle, here.camera), seconds)
    found: dict[tuple[str, str], list[float]] = {}
    for passage in matched:
        vehicle, link = passage.vehicle, (passage.from_, passage.to)
        delay = straight.get((vehicle, *link), by_any_way.get((vehicle, passage.to)))
        if delay is not None:
            found.setdefault(link, []).append(delay)
    return {link: Delays(tuple(seconds)) for link, seconds in sorted(found.items())}
