"""The first answer, at once: what a vehicle that has just come into view most likely is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from matcher.assignment import assign, marginals
from matcher.events import EventWriter, digest, explaining
from matcher.neighbours import Neighbours
from matcher.posterior import Posterior
from matcher.resolver import Resolver
from matcher.scoring import RecentScores, Score, Scorer
from matcher.sightings import Sighting
from matcher.topology import Topology
from matcher.vehicles import Vehicle
from throughline.messages import MatchEvent, RunnerUp
from throughline.times import Instant, after

__all__ = ["Provisional"]

_Group: TypeAlias = Vehicle | str
"""A decided vehicle, or the tracklet that stands for others not decided yet."""


@dataclass(slots=True)
class _Guess:
    joined: str | None
    """The tracklet that it was said to follow."""
    count: int


class Provisional:
    """Decides about tracklets as they arrive, jointly for those of a camera that started within the decision window.

    It sees everything that has arrived, decided or not, and changes nothing of what is decided. What it says may depend
    on the order of arrival, unlike final decisions.

    Args:
        topology: Links.
        scorer: Gates and evidence.
        resolver: What has been decided.
        writer: Writes the events.
        window: Seconds within which tracklets of a camera are decided together.
    """

    def __init__(self, topology: Topology, scorer: Scorer, resolver: Resolver, writer: EventWriter, window: float) -> None:
        self.neighbours = Neighbours(topology, scorer)
        self._scorer, self._resolver, self._writer, self._window = scorer, resolver, writer, window
        self._scores = RecentScores(scorer)
        self._guesses: dict[str, _Guess] = {}
        self._judged: dict[str, Instant] = {}
        self._epochs = 0

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet."""
        if (sighting := self.neighbours.gallery.get(tracklet)) is not None:
            self.neighbours.remove(tracklet)
            self._scorer.forget(sighting)
        self._guesses.pop(tracklet, None)
        self._judged.pop(tracklet, None)

    def arrive(self, sighting: Sighting) -> list[MatchEvent]:
        """Takes in the latest revision of a tracklet, and says what changed."""
        former = self.neighbours.gallery.get(sighting.id)
        self.neighbours.put(sighting)
        if former is not None and self._resolver.neighbours.gallery.get(sighting.id) is not former:
            self._scorer.forget(former)
        if self._resolver.is_published(sighting.id) or not self._can_be_judged(sighting) or not self._says_more(sighting, former):
            return []
        if self._resolver.epochs != self._epochs:  # nothing is learned in between
            self._epochs = self._resolver.epochs
            self._scores.refresh()
        block = self._block(sighting)
        options = [self._options(member, block) for member in block]
        log_odds = [{group: score.log_odds for group, score in row.items()} for row in options]
        chosen = assign(log_odds)
        shares = marginals(log_odds)
        events = []
        for place, member in enumerate(block):
            found = _weighed(member, chosen[place], options[place], shares[place])
            event = self._say(member, chosen[place], found)
            if event is not None:
                events.append(event)
        return events

    def _says_more(self, sighting: Sighting, former: Sighting | None) -> bool:
        """Whether a revision is worth a decision: the first look, the end, or a new look after twice the time in view."""
        judged = self._judged.get(sighting.id)
        grown = judged is None or sighting.end - sighting.start >= 2 * (judged - sighting.start)
        looks_anew = former is None or sighting.looks is not former.looks
        if sighting.open and not (grown and looks_anew):
            return False
        self._judged[sighting.id] = sighting.end
        return True

    def _block(self, sighting: Sighting) -> list[Sighting]:
        first, last = after(sighting.start, -self._window), after(sighting.start, self._window)
        near = self.neighbours.gallery.started(sighting.camera, first, last)
        return [other for other in near if self._can_be_judged(other) and not self._resolver.is_published(other.id)]

    def _can_be_judged(self, sighting: Sighting) -> bool:
        """Whether it has come so far that there is evidence: a look at it, where looks count, or all there will be."""
        return bool(sighting.looks) or not sighting.open or not self._scorer.looks_count

    def _group_of(self, tracklet: str) -> _Group:
        """What a tracklet belongs to by now, through those that it was said to follow."""
        passed: set[str] = set()
        while tracklet not in passed:
            passed.add(tracklet)
            vehicle = self._resolver.vehicles.of(tracklet)
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

    def _options(self, sighting: Sighting, block: list[Sighting]) -> dict[_Group, Score]:
        names = {member.id for member in block}
        members: dict[_Group, list[Sighting]] = {}
        for tracklet in self.neighbours.of(sighting.id):
            other = self.neighbours.gallery.get(tracklet)
            if other is not None and tracklet not in names and other.order < sighting.order:  # later ones say so themselves
                members.setdefault(self._group_of(tracklet), []).append(other)
        taken = {self._guessed(other.id) for other in self.neighbours.together(sighting) if other.id not in names}
        result: dict[_Group, Score] = {}
        for group, near in members.items():
            if group in taken:
                continue
            whole = {other.id: other for other in group if other.id not in names} if isinstance(group, Vehicle) else {}
            whole |= {other.id: other for other in near}
            score = self._scores.score(whole.values(), (sighting,))
            if score is not None:
                result[group] = score
        return result

    def _say(self, sighting: Sighting, group: _Group | None, found: Posterior) -> MatchEvent | None:
        guess = self._guesses.setdefault(sighting.id, _Guess(None, 0))
        if self._guessed(sighting.id) == group:
            return None
        joined = None
        if found.score is not None:
            relation = explaining(found.score, sighting)
            joined = relation.earlier if relation.later is sighting else relation.later
        guess.joined = None if joined is None else joined.id
        vehicle = self._name(group if group is not None else sighting.id)
        event = self._writer.write(
            "provisional", sighting, vehicle=vehicle, at=sighting.end, ordinal=guess.count, joined=joined, found=found
        )
        guess.count += 1
        return event

    def _name(self, group: _Group) -> str:
        if isinstance(group, Vehicle):
            return group.name or "vehicle-" + digest(group.first.id)
        return "vehicle-" + digest(group)


def _weighed(sighting: Sighting, chosen: _Group | None, options: dict[_Group, Score], shares: dict[_Group, float]) -> Posterior:
    score = None if chosen is None else options[chosen]
    others = [found for group, found in options.items() if group != chosen]
    best = max(others, key=lambda found: found.log_odds, default=None)
    log_odds = 0.0 if score is None else score.log_odds
    runner_up = RunnerUp(0.0)
    if best is not None and (score is None or best.log_odds > 0.0):
        relation = explaining(best, sighting)
        other = relation.earlier if relation.later is sighting else relation.later
        runner_up = RunnerUp(best.log_odds, other.id, other.camera)
    probability = 1.0 - sum(shares.values()) if chosen is None else shares[chosen]
    return Posterior(score, min(1.0, max(0.0, probability)), runner_up, log_odds - runner_up.log_odds, {})
