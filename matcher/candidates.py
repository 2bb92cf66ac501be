"""Which tracklets one could follow or be followed by, ranked, with what speaks for and against each."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np

from matcher.gallery import Gallery
from matcher.gates import PASSED, REASONS, TRAVEL_WINDOW, Relations, relate
from matcher.scoring import Scorer, Scores
from matcher.topology import Topology
from throughline.messages import Evidence, Gate, TrackletRef
from throughline.times import Instant

__all__ = ["Candidate", "Ranking", "rank"]

_OPERATOR = "operator"
_EVER: tuple[Instant, Instant] = (-(2**62), 2**62)


class Candidate(msgspec.Struct, frozen=True):
    """A tracklet by a camera that a road joins with that of another one, and whether both could be one vehicle.

    Attributes:
        tracklet: Which one.
        vehicle: Global vehicle id, once it has one.
        log_odds: That both show one vehicle, by these two alone; None: a gate rejected them.
        evidence: Each term.
        link: The road between the two.
        travel: Seconds from the end of the earlier one to the start of the later one.
        gates: What was tested; passed, unless it is the one that `rejected` names.
        rejected: The gate that they did not pass, or ``operator``.
    """

    tracklet: TrackletRef
    vehicle: str | None
    log_odds: float | None = None
    evidence: tuple[Evidence, ...] = ()
    link: str | None = None
    travel: float | None = None
    gates: tuple[Gate, ...] = ()
    rejected: str | None = None


class Ranking(msgspec.Struct, frozen=True):
    """The best candidates of a tracklet.

    Attributes:
        tracklet: Of which one.
        vehicle: Its global vehicle id, once it has one.
        among: How many tracklets were looked at: those in memory by its own camera and by those that a road joins with it.
        passed: How many of them passed all gates.
        candidates: The best of them, most likely first, then those that a gate rejected, the closest in time first.
    """

    tracklet: TrackletRef
    vehicle: str | None
    among: int
    passed: int
    candidates: tuple[Candidate, ...]


def rank(scorer: Scorer, gallery: Gallery, name_of: Callable[[str], str | None], slot: int, limit: int) -> Ranking:
    """Weighs a tracklet against each other one, pair by pair.

    Args:
        scorer: Gates and evidence, as learned by now.
        gallery: Where the tracklet and the others are.
        name_of: Global vehicle id by tracklet.
        slot: Of the tracklet.
        limit: Candidates at most.
    """
    table, topology = scorer.table, scorer.topology
    one = table.at(slot)
    others = _others(gallery, topology, slot, one.camera)
    if not len(others):
        return Ranking(one.reference(), name_of(one.id), 0, 0, ())
    scorer.among(gallery)
    own = np.full(len(others), slot, np.int64)
    scores = scorer.score(others[:, None], own[:, None])
    relations = relate(table, topology, others, own)
    log_odds, travel = scores.log_odds.tolist(), relations.travel.tolist()
    order = sorted(
        range(len(others)),
        key=lambda place: (
            -log_odds[place],
            0.0 if log_odds[place] > -math.inf else abs(travel[place]),
            table.at(int(others[place])).order,
        ),
    )

    def told(place: int) -> Candidate:
        sighting = table.at(int(others[place]))
        known = sighting.reference(), name_of(sighting.id)
        if log_odds[place] > -math.inf:
            return _passed(*known, scores, place, slot)
        return _rejected(*known, scorer, relations, place)

    passed = sum(value > -math.inf for value in log_odds)
    return Ranking(one.reference(), name_of(one.id), len(others), passed, tuple(told(place) for place in order[:limit]))


def _others(gallery: Gallery, topology: Topology, slot: int, camera: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    joined = [link.from_ for link in topology.incoming(camera)] + [link.to for link in topology.outgoing(camera)]
    found = [other for name in dict.fromkeys([camera, *joined]) for other in gallery.started(name, *_EVER) if other != slot]
    return np.array(found, np.int64)


def _passed(tracklet: TrackletRef, vehicle: str | None, scores: Scores, place: int, slot: int) -> Candidate:
    join = scores.explain(place, slot)
    return Candidate(tracklet, vehicle, join.log_odds, join.evidence, join.link.name, join.travel, join.gates)


def _rejected(tracklet: TrackletRef, vehicle: str | None, scorer: Scorer, relations: Relations, place: int) -> Candidate:
    reason, travel, slack = int(relations.rejected[place]), float(relations.travel[place]), float(relations.slack[place])
    earlier, later = (scorer.table.at(int(side[place])).camera for side in (relations.earlier, relations.later))
    link = scorer.topology.link(earlier, later)
    gates = relations.gates(place, scorer.topology)
    if link is not None and reason == TRAVEL_WINDOW:
        gates = (Gate(REASONS[reason], travel, link.minimum - slack, link.maximum + slack),)
    name = None if link is None else link.name
    rejected = _OPERATOR if reason == PASSED else REASONS[reason]
    return Candidate(tracklet, vehicle, None, (), name, travel, gates, rejected)
