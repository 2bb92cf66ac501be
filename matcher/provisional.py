"""The first answer, at once: what a vehicle that has just come into view most likely is."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from matcher.assignment import assign, marginals
from matcher.events import EventWriter, digest
from matcher.forerunners import Forerunners, Group
from matcher.gallery import Gallery
from matcher.posterior import Posterior
from matcher.resolver import Resolver
from matcher.scoring import Join, Scorer, Scores
from matcher.sightings import Looks, Sighting
from matcher.vehicles import Vehicle
from throughline.messages import MatchEvent, RunnerUp
from throughline.times import Instant, after

__all__ = ["Provisional"]

_SAME_LOOK = 0.95
"""Cosine of two looks at one vehicle from which on the second is no news."""
_GROWTH = 1.5
"""Times as long in view as before, for another judgement."""
_AT_ONCE = 64
"""Tracklets that are weighed in one go."""
_RECORDS_PER_CAMERA = 4
"""Cameras for each record that a first look waits for."""


@dataclass(slots=True)
class _Guess:
    joined: str | None
    """The tracklet that it was said to follow."""
    count: int


@dataclass(slots=True)
class _Row:
    """What a tracklet could be.

    Attributes:
        groups: Vehicles that passed the gates.
        log_odds: Of each.
        latest: Slot of a sighting of each.
        scores: Where the reasons are.
        places: Of each in ``scores``.
    """

    groups: list[Group]
    log_odds: list[float]
    latest: list[int]
    scores: Scores
    places: list[int]


class Provisional:
    """Decides about tracklets as they arrive, jointly for those of a camera that started within the decision window.

    It sees everything that has arrived, decided or not, and changes nothing of what is decided. What it says may depend
    on the order of arrival, unlike final decisions. The first look is judged at once, and the last one if the vehicle
    looks different by then; better looks in between wait for the next `review`. Only these are weighed; those beside them
    are taken by what was positive when they were weighed last.

    At once means after so many records that a site's cameras send in a quarter of a second or less: they send one a second
    at least. What many cameras see at the same time is weighed in one go then, at a third of the cost of one by one.

    Args:
        scorer: Gates and evidence.
        resolver: What has been decided.
        writer: Writes the events.
        window: Seconds within which tracklets of a camera are decided together.
        cameras: How many the site has.
    """

    def __init__(self, scorer: Scorer, resolver: Resolver, writer: EventWriter, window: float, cameras: int) -> None:
        self.gallery = Gallery(scorer.table, scorer.topology)
        self._scorer, self._table = scorer, scorer.table
        self._resolver, self._writer, self._window = resolver, writer, window
        self._forerunners = Forerunners(self.gallery, self._table, resolver)
        self._guesses: dict[str, _Guess] = {}
        self._judged: dict[str, Instant] = {}
        self._patience = max(1, cameras // _RECORDS_PER_CAMERA)
        self._passed = 0
        self._fresh: dict[str, None] = {}
        self._waiting: dict[str, None] = {}
        self._wanted: dict[str, dict[Group, float]] = {}
        self._ended: list[tuple[Instant, str]] = []

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet."""
        self._forerunners.forget(tracklet)
        self.gallery.remove(tracklet)
        self._guesses.pop(tracklet, None)
        self._judged.pop(tracklet, None)
        self._fresh.pop(tracklet, None)
        self._waiting.pop(tracklet, None)
        self._wanted.pop(tracklet, None)

    def forget_before(self, at: Instant) -> None:
        """Drops tracklets that ended before an instant: nothing can follow them any more, straight."""
        while self._ended and self._ended[0][0] < at:
            end, tracklet = heapq.heappop(self._ended)
            sighting = self.gallery.get(tracklet)
            if sighting is not None and sighting.end == end and not sighting.open:
                self.forget(tracklet)

    def arrive(self, revision: Sighting, looks: Looks) -> None:
        """Takes in the latest revision of a tracklet, to be judged when the time has come.

        Args:
            revision: The revision.
            looks: How it looks, as it was seen; empty where that has not changed.
        """
        former = self.gallery.get(revision.id)
        sighting = revision.after(former)
        slot = self.gallery.put(sighting)
        if former is None:
            self._forerunners.show(slot)
        if not sighting.open:
            heapq.heappush(self._ended, (sighting.end, sighting.id))
        judged = self._judged.get(sighting.id)
        first = judged is None or not (former and former.models)
        if looks and (first or not sighting.open or _has_grown(sighting, judged)):
            freed = self._scorer.camera_bias.removed(sighting.camera, looks)
            anew = self._table.likeness(slot, freed) < _SAME_LOOK
            self._table.set_looks(slot, freed)
        else:
            anew = not sighting.open and not sighting.models
        if (first or anew) and self._can_be_judged(sighting) and not self._resolver.is_published(sighting.id):
            at_once = judged is None or not sighting.open
            (self._fresh if at_once else self._waiting)[sighting.id] = None

    def advance(self) -> list[MatchEvent]:
        """A record has been taken in: judges those that have waited long enough for others."""
        if not self._fresh:
            return []
        self._passed += 1
        return self.judge_fresh() if self._passed >= self._patience else []

    def judge_fresh(self) -> list[MatchEvent]:
        """Judges, all at once, those that were seen for the first or for the last time."""
        self._passed = 0
        return self._judge_all(self._fresh)

    def review(self) -> list[MatchEvent]:
        """Judges again, all at once, those that were seen better since they were judged."""
        return self._judge_all(self._waiting)

    def _judge_all(self, tracklets: dict[str, None]) -> list[MatchEvent]:
        slots = [slot for tracklet in tracklets if (slot := self.gallery.slot(tracklet)) is not None]
        tracklets.clear()
        return self._judge([slot for slot in slots if not self._resolver.is_published(self._table.at(slot).id)])

    def _can_be_judged(self, sighting: Sighting) -> bool:
        """Whether it has come so far that there is evidence: a look at it, where looks count, or all there will be."""
        return bool(sighting.models) or not sighting.open or not self._scorer.looks_count

    def _judge(self, slots: Sequence[int]) -> list[MatchEvent]:
        events = []
        for start in range(0, len(slots), _AT_ONCE):
            rows = self._rows(slots[start : start + _AT_ONCE])
            for slot, row in rows.items():
                sighting = self._table.at(slot)
                self._waiting.pop(sighting.id, None)
                self._fresh.pop(sighting.id, None)
                self._judged[sighting.id] = sighting.end
                positive = zip(row.groups, row.log_odds, strict=True)
                self._wanted[sighting.id] = {group: score for group, score in positive if score > 0.0}
            for slot in rows:
                events += self._choose(self._block(self._table.at(slot)), rows)
        return events

    def _choose(self, block: list[int], rows: dict[int, _Row]) -> list[MatchEvent]:
        """Decides jointly about the tracklets of a block."""
        wanted = [self._still(self._table.at(slot).id) for slot in block]
        events = []
        chosen: list[Group | None] = assign(wanted)
        for place, group in enumerate(chosen):
            slot = block[place]
            if self._guessed(self._table.at(slot).id) != group:
                row = rows.get(slot) or self._rows([slot])[slot]
                event = self._say(slot, group, row, wanted[:place] + wanted[place + 1 :])
                if event is not None:
                    events.append(event)
        return events

    def _block(self, sighting: Sighting) -> list[int]:
        first, last = after(sighting.start, -self._window), after(sighting.start, self._window)
        near = ((slot, self._table.at(slot)) for slot in self.gallery.started(sighting.camera, first, last))
        return [slot for slot, one in near if self._can_be_judged(one) and not self._resolver.is_published(one.id)]

    def _still(self, tracklet: str) -> dict[Group, float]:
        """What a tracklet wanted, by what has become of it since."""
        result: dict[Group, float] = {}
        for group, score in self._wanted.get(tracklet, {}).items():
            now = self._group_of(group) if isinstance(group, str) else group
            if isinstance(now, str) or now.members:
                result.setdefault(now, score)
        return result

    def _group_of(self, tracklet: str) -> Group:
        """What a tracklet belongs to by now, through those that it was said to follow."""
        passed: set[str] = set()
        while tracklet not in passed:
            passed.add(tracklet)
            vehicle = self._resolver.vehicle_of(tracklet)
            if vehicle is not None:
                return vehicle
            guess = self._guesses.get(tracklet)
            if guess is None or guess.joined is None:
                break
            tracklet = guess.joined
        return tracklet

    def _guessed(self, tracklet: str) -> Group | None:
        guess = self._guesses.get(tracklet)
        return None if guess is None or guess.joined is None else self._group_of(guess.joined)

    def _rows(self, slots: Sequence[int]) -> dict[int, _Row]:
        """What tracklets could be, all weighed at once."""
        found = self._forerunners.of(slots, [self._block(self._table.at(slot)) for slot in slots])
        self._scorer.among(self.gallery)
        width = int(np.flatnonzero((found.lefts >= 0).any(axis=0)).max(initial=0)) + 1
        scores = self._scorer.score(found.lefts[:, :width], np.array(slots, np.int64)[found.row][:, None])
        passed = np.flatnonzero(scores.log_odds > -math.inf)
        places, keys = passed.tolist(), found.key[passed].tolist()
        log_odds, latest = scores.log_odds[passed].tolist(), found.lefts[passed].max(axis=1, initial=-1).tolist()
        groups = [self._forerunners.group(key) for key in keys]
        borders = np.searchsorted(found.row[passed], np.arange(len(slots) + 1)).tolist()
        return {
            slot: _Row(groups[first:last], log_odds[first:last], latest[first:last], scores, places[first:last])
            for slot, (first, last) in zip(slots, pairwise(borders), strict=True)
        }

    def _say(self, slot: int, group: Group | None, row: _Row, others: list[dict[Group, float]]) -> MatchEvent | None:
        sighting = self._table.at(slot)
        found = self._weighed(slot, group, row, others)
        if group is not None and found.join is None:
            return None  # what it wanted has gone since
        guess = self._guesses.setdefault(sighting.id, _Guess(None, 0))
        guess.joined = None if found.join is None else found.join.joined.id
        self._forerunners.say(slot, guess.joined)
        self._resolver.quality.guessed(sighting.id, guess.joined, found.probability)
        vehicle = self._name(group if group is not None else sighting.id)
        event = self._writer.write("provisional", sighting, vehicle=vehicle, at=sighting.end, ordinal=guess.count, found=found)
        guess.count += 1
        return event

    def _weighed(self, slot: int, chosen: Group | None, row: _Row, others: list[dict[Group, float]]) -> Posterior:
        options = dict(zip(row.groups, row.log_odds, strict=True))
        join: Join | None = None
        if chosen in options:
            join = row.scores.explain(row.places[row.groups.index(chosen)], slot)
        shares = marginals([options, *({g: score for g, score in other.items() if g in options} for other in others)])[0]
        rest = [place for place, group in enumerate(row.groups) if group != chosen]
        best = max(rest, key=row.log_odds.__getitem__, default=None)
        log_odds = 0.0 if join is None else join.log_odds
        runner_up = RunnerUp(0.0)
        if best is not None and (join is None or row.log_odds[best] > 0.0):
            other = self._table.at(row.latest[best])
            runner_up = RunnerUp(row.log_odds[best], other.id, other.camera)
        new = min(1.0, max(0.0, 1.0 - sum(shares.values())))
        probability = new if chosen is None else min(1.0, shares.get(chosen, 0.0))
        return Posterior(join, probability, runner_up, log_odds - runner_up.log_odds, new, {})

    def _name(self, group: Group) -> str:
        if isinstance(group, Vehicle):
            return group.name or "vehicle-" + digest(self._table.at(group.members[0]).id)
        return "vehicle-" + digest(group)


def _has_grown(sighting: Sighting, judged: Instant | None) -> bool:
    """Whether a tracklet has been in view for so much longer than when it was judged last that it is worth another look."""
    return judged is None or sighting.end - sighting.start >= _GROWTH * (judged - sighting.start)
