"""The first answer, at once: what a vehicle that has just come into view most likely is."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from matcher.assignment import assign, marginals
from matcher.events import EventWriter, digest
from matcher.gallery import Gallery
from matcher.options import sets
from matcher.posterior import Posterior
from matcher.resolver import Resolver
from matcher.scoring import Join, Scorer, Scores
from matcher.sightings import Looks, Sighting
from matcher.vehicles import COMPARED, Vehicle
from throughline.messages import MatchEvent, RunnerUp
from throughline.times import Instant, after
from throughline.types import IntArray

__all__ = ["Provisional"]

_Group: TypeAlias = Vehicle | str
"""A decided vehicle, or the tracklet that stands for others not decided yet."""


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

    groups: list[_Group]
    log_odds: list[float]
    latest: list[int]
    scores: Scores | None
    places: list[int]


class Provisional:
    """Decides about tracklets as they arrive, jointly for those of a camera that started within the decision window.

    It sees everything that has arrived, decided or not, and changes nothing of what is decided. What it says may depend
    on the order of arrival, unlike final decisions. Only the tracklet that arrives is weighed; those beside it are taken by
    what was positive when they were weighed last.

    Args:
        scorer: Gates and evidence.
        resolver: What has been decided.
        writer: Writes the events.
        window: Seconds within which tracklets of a camera are decided together.
    """

    def __init__(self, scorer: Scorer, resolver: Resolver, writer: EventWriter, window: float) -> None:
        self.gallery = Gallery(scorer.table, scorer.topology)
        self._scorer, self._table = scorer, scorer.table
        self._resolver, self._writer, self._window = resolver, writer, window
        self._latest = np.full(256, -1, np.int64)
        self._guesses: dict[str, _Guess] = {}
        self._judged: dict[str, Instant] = {}
        self._wanted: dict[str, dict[_Group, float]] = {}
        self._ended: list[tuple[Instant, str]] = []

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet."""
        slot = self.gallery.slot(tracklet)
        if slot is not None:
            self._latest[self._table.number[slot]] = -1
            self.gallery.remove(tracklet)
        self._guesses.pop(tracklet, None)
        self._judged.pop(tracklet, None)
        self._wanted.pop(tracklet, None)

    def forget_before(self, at: Instant) -> None:
        """Drops tracklets that ended before an instant: nothing can follow them any more, straight."""
        while self._ended and self._ended[0][0] < at:
            end, tracklet = heapq.heappop(self._ended)
            sighting = self.gallery.get(tracklet)
            if sighting is not None and sighting.end == end and not sighting.open:
                self.forget(tracklet)

    def arrive(self, revision: Sighting, looks: Looks) -> list[MatchEvent]:
        """Takes in the latest revision of a tracklet, and says what changed.

        Args:
            revision: The revision.
            looks: How it looks, as it was seen; empty where that has not changed.
        """
        former = self.gallery.get(revision.id)
        sighting = revision.after(former)
        slot = self.gallery.put(sighting)
        if former is None:
            self._show(slot)
        if not sighting.open:
            heapq.heappush(self._ended, (sighting.end, sighting.id))
        known = bool(former and former.models)
        says_more = self._says_more(sighting, bool(looks))
        if looks and (says_more or not known):
            self._table.set_looks(slot, self._scorer.camera_bias.removed(sighting.camera, looks))
        if not says_more or not self._can_be_judged(sighting) or self._resolver.is_published(sighting.id):
            return []
        self._judged[sighting.id] = sighting.end
        return self._judge(slot, sighting)

    def _show(self, slot: int) -> None:
        number = int(self._table.number[slot])
        if number >= len(self._latest):
            more = max(len(self._latest), number + 1 - len(self._latest))
            self._latest = np.concatenate([self._latest, np.full(more, -1, np.int64)])
        self._latest[number] = slot

    def _says_more(self, sighting: Sighting, looks_anew: bool) -> bool:
        """Whether a revision is worth a decision: the first look, the end, or a new look after twice the time in view."""
        judged = self._judged.get(sighting.id)
        grown = judged is None or sighting.end - sighting.start >= 2 * (judged - sighting.start)
        return not sighting.open or (grown and (looks_anew or judged is None))

    def _can_be_judged(self, sighting: Sighting) -> bool:
        """Whether it has come so far that there is evidence: a look at it, where looks count, or all there will be."""
        return bool(sighting.models) or not sighting.open or not self._scorer.looks_count

    def _judge(self, slot: int, sighting: Sighting) -> list[MatchEvent]:
        block = self._block(sighting)
        row = self._row(slot, block)
        self._wanted[sighting.id] = {group: score for group, score in zip(row.groups, row.log_odds, strict=True) if score > 0.0}
        members = [self._table.at(member) for member in block]
        wanted = [self._still(member.id) for member in members]
        chosen = assign(wanted)
        events = []
        for place, member in enumerate(members):
            if self._guessed(member.id) != chosen[place]:
                own = row if block[place] == slot else self._row(block[place], block)
                event = self._say(block[place], chosen[place], own, wanted[:place] + wanted[place + 1 :])
                if event is not None:
                    events.append(event)
        return events

    def _block(self, sighting: Sighting) -> list[int]:
        first, last = after(sighting.start, -self._window), after(sighting.start, self._window)
        near = ((slot, self._table.at(slot)) for slot in self.gallery.started(sighting.camera, first, last))
        return [slot for slot, one in near if self._can_be_judged(one) and not self._resolver.is_published(one.id)]

    def _still(self, tracklet: str) -> dict[_Group, float]:
        """What a tracklet wanted, by what has become of it since."""
        result: dict[_Group, float] = {}
        for group, score in self._wanted.get(tracklet, {}).items():
            now = self._group_of(group) if isinstance(group, str) else group
            if isinstance(now, str) or now.members:
                result.setdefault(now, score)
        return result

    def _group_of(self, tracklet: str) -> _Group:
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

    def _guessed(self, tracklet: str) -> _Group | None:
        guess = self._guesses.get(tracklet)
        return None if guess is None or guess.joined is None else self._group_of(guess.joined)

    def _row(self, slot: int, block: list[int]) -> _Row:
        groups, lefts = self._options(slot, block)
        if not groups:
            return _Row([], [], [], None, [])
        scores = self._scorer.score(lefts, np.full((len(lefts), 1), slot, np.int64))
        passed = np.flatnonzero(scores.log_odds > -np.inf).tolist()
        log_odds, latest = scores.log_odds[passed].tolist(), lefts[passed].max(axis=1).tolist()
        return _Row([groups[place] for place in passed], log_odds, latest, scores, passed)

    def _options(self, slot: int, block: list[int]) -> tuple[list[_Group], IntArray]:
        """Vehicles with a sighting that could have come straight before, and (G, M) their sightings by latest revision."""
        table, vehicles = self._table, self._resolver.vehicles
        near = np.array(self.gallery.before(slot), np.int64)
        near = near[table.start[near] < table.start[slot]]  # later ones say so themselves
        places = vehicles.places(table.number[near])
        undecided: dict[_Group, list[int]] = {}
        for other in near[places < 0].tolist():
            if other not in block:
                undecided.setdefault(self._group_of(table.at(other).id), []).append(other)
        decided = np.unique(places[places >= 0])
        taken = {self._guessed(table.at(other).id) for other in self.gallery.together(slot) if other not in block}
        more: list[list[int]] = []
        for group, slots in undecided.items():
            if isinstance(group, Vehicle):  # these follow one that is decided
                slots += [self._newest(member) for member in group.members[-COMPARED:]]
                decided = decided[decided != group.place]
            more.append(slots[:COMPARED])
        groups: list[_Group] = [*(vehicles.at(place) for place in decided.tolist()), *undecided]
        lefts = vehicles.compared[decided]
        latest = self._latest[table.number[lefts]]
        lefts = np.asarray(np.where((latest >= 0) & (lefts >= 0), latest, lefts))
        if more:
            lefts = np.concatenate([lefts, sets(more, COMPARED)])
        for other in block:
            lefts[lefts == other] = -1
        there = np.asarray(lefts >= 0)
        keep = [place for place, some in enumerate(np.any(there, axis=1).tolist()) if some and groups[place] not in taken]
        width = int(np.flatnonzero(there.any(axis=0)).max(initial=0)) + 1
        return [groups[place] for place in keep], lefts[keep, :width]

    def _newest(self, slot: int) -> int:
        latest = int(self._latest[self._table.number[slot]])
        return latest if latest >= 0 else slot

    def _say(self, slot: int, group: _Group | None, row: _Row, others: list[dict[_Group, float]]) -> MatchEvent | None:
        sighting = self._table.at(slot)
        found = self._weighed(slot, group, row, others)
        if group is not None and found.join is None:
            return None  # what it wanted has gone since
        guess = self._guesses.setdefault(sighting.id, _Guess(None, 0))
        guess.joined = None if found.join is None else found.join.joined.id
        vehicle = self._name(group if group is not None else sighting.id)
        event = self._writer.write("provisional", sighting, vehicle=vehicle, at=sighting.end, ordinal=guess.count, found=found)
        guess.count += 1
        return event

    def _weighed(self, slot: int, chosen: _Group | None, row: _Row, others: list[dict[_Group, float]]) -> Posterior:
        options = dict(zip(row.groups, row.log_odds, strict=True))
        join: Join | None = None
        if chosen in options and row.scores is not None:
            join = row.scores.explain(row.places[row.groups.index(chosen)], slot)
        shares = marginals([options, *({g: score for g, score in other.items() if g in options} for other in others)])[0]
        rest = [place for place, group in enumerate(row.groups) if group != chosen]
        best = max(rest, key=row.log_odds.__getitem__, default=None)
        log_odds = 0.0 if join is None else join.log_odds
        runner_up = RunnerUp(0.0)
        if best is not None and (join is None or row.log_odds[best] > 0.0):
            other = self._table.at(row.latest[best])
            runner_up = RunnerUp(row.log_odds[best], other.id, other.camera)
        probability = 1.0 - sum(shares.values()) if chosen is None else shares.get(chosen, 0.0)
        return Posterior(join, min(1.0, max(0.0, probability)), runner_up, log_odds - runner_up.log_odds, {})

    def _name(self, group: _Group) -> str:
        if isinstance(group, Vehicle):
            return group.name or "vehicle-" + digest(self._table.at(group.members[0]).id)
        return "vehicle-" + digest(group)
