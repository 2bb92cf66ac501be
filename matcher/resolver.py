"""Final decisions, made jointly in event time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from matcher.events import EventWriter, digest, explaining
from matcher.grouping import Grouping
from matcher.neighbours import Neighbours
from matcher.posterior import Posterior, posterior
from matcher.scoring import RecentScores, Scorer
from matcher.sightings import Sighting
from matcher.statistics import Statistics
from matcher.timeline import Epoch, Timeline
from matcher.topology import Topology
from matcher.vehicles import Vehicle, Vehicles
from throughline.messages import Correction, MatchEvent
from throughline.settings import Site
from throughline.times import Instant, after

__all__ = ["Resolver"]

_LEAST_LESSON = 0.01
"""A join less probable than this teaches nothing."""
_REFRESH_SECONDS = 10.0
"""How often what was learned comes into force."""
_NEGATIVES = 8
"""Vehicles in view at the same time that one tracklet teaches the calibration, at most."""


@dataclass
class _Decision:
    """What was published last about a tracklet."""

    vehicle: str
    joined: str | None
    event: str
    count: int
    settled: Instant
    """When it can be changed no more, unless the tracklet itself changes."""


class Resolver:
    """Holds the vehicles as decided, and publishes each decision when its time has come.

    Everything here depends on the epochs alone, that is, on the records in event-time order.

    Args:
        site: The site.
        topology: Its links.
        scorer: Gates and evidence; it learns from what is decided here.
        timeline: Where decisions are put off to.
        writer: Writes the events.
        statistics: Counts.
    """

    def __init__(
        self,
        site: Site,
        topology: Topology,
        scorer: Scorer,
        timeline: Timeline,
        writer: EventWriter,
        statistics: Statistics,
    ) -> None:
        self._matching = site.matching
        self._retention = max(self._matching.horizon, topology.longest_travel)
        self._scorer, self._timeline, self._writer, self._statistics = scorer, timeline, writer, statistics
        self._scores = RecentScores(scorer)
        self._refreshed: Instant = 0
        self.vehicles = Vehicles()
        self.neighbours = Neighbours(topology, scorer)
        self._grouping = Grouping(self.vehicles, self.neighbours, self._scores, self._movable, self.is_published)
        self._decisions: dict[str, _Decision] = {}
        self._names_given: dict[str, int] = {}
        self._pinned: set[str] = set()
        self._now: Instant = 0
        self.epochs = 0
        """Epochs resolved so far; what is learned changes with them only."""

    def is_published(self, tracklet: str) -> bool:
        """Whether a final decision about a tracklet has been published."""
        return tracklet in self._decisions

    def name_of(self, tracklet: str) -> str | None:
        """The vehicle's global id, once it has one."""
        vehicle = self.vehicles.of(tracklet)
        return None if vehicle is None else vehicle.name

    def _movable(self, tracklet: str) -> bool:
        decision = self._decisions.get(tracklet)
        return tracklet not in self._pinned and (decision is None or decision.settled >= self._now)

    def resolve(self, epoch: Epoch, has_gone: Callable[[str], bool]) -> list[MatchEvent]:
        """Takes in what became effective, regroups around it, and publishes what is due.

        Args:
            epoch: What falls on this instant.
            has_gone: Whether a camera is waited for no longer, so that its open tracklets are over.
        """
        self._now = epoch.at
        self.epochs += 1
        if epoch.at >= after(self._refreshed, _REFRESH_SECONDS):
            self._refreshed = epoch.at
            self._scores.refresh()
        changed = dict.fromkeys(revision.id for revision in epoch.revisions if self._take(revision))
        changed |= dict.fromkeys(self._expire(has_gone))
        reasons = dict.fromkeys(changed, "evidence")
        for correction in epoch.corrections:
            for tracklet in self._correct(correction):
                changed[tracklet] = None
                reasons[tracklet] = "operator"
        touched = self._grouping.improve(changed)
        events = self._publish(touched, epoch.due)
        events += self._revise({**{sighting.id: None for sighting in touched}, **changed}, reasons)
        self._forget()
        return events

    def _take(self, revision: Sighting) -> bool:
        """Puts a revision in its place; whether it calls for new decisions: the first one and the last one do."""
        former = self.neighbours.gallery.get(revision.id)
        if former is not None and former.revision >= revision.revision:
            return False
        sighting = self._scorer.camera_bias.removed(revision).after(former)
        if former is None:
            self._scorer.prior.observe(sighting.camera, sighting.start)
            due = after(sighting.start, self._matching.confirm_after)
            if due > self._now:
                self._timeline.add_due(due, sighting.id)
        else:
            self._scorer.forget(former)
        self.neighbours.put(sighting, self._statistics.rejected if former is None else None)
        self.vehicles.put(sighting)
        if not sighting.open:
            self._learn_different(sighting)
            self._scorer.camera_bias.learn(revision)
            self._scorer.vehicle_type.observe(sighting)
        if (decision := self._decisions.get(sighting.id)) is not None:
            decision.settled = after(self._now, self._matching.confirm_after)
        return former is None or not sighting.open

    def _learn_different(self, sighting: Sighting) -> None:
        closed = (other for other in self.neighbours.together(sighting) if not other.open)
        for other in islice(closed, _NEGATIVES):
            if (similarity := self._scorer.appearance.similarity(sighting, other)) is not None:
                self._scorer.appearance.known_different(similarity)

    def _expire(self, has_gone: Callable[[str], bool]) -> list[str]:
        """Tracklets that their camera will not close any more count as closed where they were last seen."""
        over = [
            sighting
            for sighting in self.neighbours.every_open()
            if has_gone(sighting.camera) or after(sighting.end, self._matching.horizon) < self._now
        ]
        for sighting in sorted(over, key=lambda sighting: sighting.order):
            self._scorer.forget(sighting)
            closed = sighting.closed()
            self.neighbours.put(closed)
            self.vehicles.put(closed)
            self._statistics.expired += 1
        return [sighting.id for sighting in over]

    def _correct(self, correction: Correction) -> list[str]:
        pair = correction.first, correction.second
        first, second = (self.neighbours.gallery.get(tracklet) for tracklet in pair)
        if first is None or second is None:
            self._statistics.skipped["unknown_tracklet"] += 1
            return []
        self._scorer.say(first.id, second.id, same=correction.same)
        self._scores.refresh()
        one, other = self.vehicles.of(first.id), self.vehicles.of(second.id)
        if one is None or other is None:
            return []
        if not correction.same:
            self._pinned -= set(pair)
            if one is other:
                self.vehicles.move(max(first, second, key=lambda sighting: sighting.order), None)
        elif one is not other:
            if self._scorer.compare(one, other) is None:
                self._statistics.skipped["contradiction"] += 1
                return []
            named = sorted((one, other), key=lambda vehicle: (vehicle.named_at is None, vehicle.named_at or 0, vehicle.number))
            self.vehicles.merge(named[1], named[0])
            self._pinned |= set(pair)
        return list(pair)

    def _publish(self, touched: Iterable[Sighting], due: Iterable[str]) -> list[MatchEvent]:
        found: dict[str, Posterior] = {}
        ready: list[Sighting] = []
        for tracklet in dict.fromkeys(due):
            sighting = self.neighbours.gallery.get(tracklet)
            if sighting is not None and not self.is_published(tracklet):
                ready.append(sighting)
        waiting = {sighting.id for sighting in ready}
        for sighting in touched:
            if sighting.id in waiting or self.is_published(sighting.id):
                continue
            overdue = after(sighting.start, self._matching.confirm_after) <= self._now
            if not overdue and (sighting.open or not self._may_be_beyond_doubt(sighting)):
                continue
            weighed = self._weigh(sighting)
            if overdue or (weighed.score is not None and weighed.margin >= self._matching.confirm_margin):
                ready.append(sighting)
                found[sighting.id] = weighed
        events = []
        for sighting in sorted(ready, key=lambda sighting: sighting.order):
            weighed = found.get(sighting.id) or self._weigh(sighting)
            self._learn(sighting, weighed)
            events.append(self._decide(sighting, weighed))
        return events

    def _may_be_beyond_doubt(self, sighting: Sighting) -> bool:
        """Cheap bound: the margin is at most the log-odds, since a new vehicle is always an alternative."""
        score = self._scores.score(self._vehicle(sighting).without((sighting.id,)), (sighting,))
        return score is not None and score.log_odds >= self._matching.confirm_margin

    def _weigh(self, sighting: Sighting) -> Posterior:
        vehicle = self._vehicle(sighting)
        return posterior(
            sighting,
            as_new=len(vehicle) == 1 or (vehicle.name is None and vehicle.first is sighting),
            vehicles=self.vehicles,
            neighbours=self.neighbours,
            grouping=self._grouping,
            scores=self._scores,
        )

    def _vehicle(self, sighting: Sighting) -> Vehicle:
        return self.vehicles.of(sighting.id) or self.vehicles.put(sighting)

    def _learn(self, sighting: Sighting, weighed: Posterior) -> None:
        """Joins teach in proportion to their probability, also those that were not chosen."""
        self._scorer.prior.decided(sighting.camera, max(0.0, 1.0 - sum(weighed.shares.values())))
        for vehicle, share in weighed.shares.items():
            if share < _LEAST_LESSON:
                continue
            for member in vehicle.without((sighting.id,)):
                if member.order > sighting.order:
                    continue  # this pair will be learned when the later one is decided
                pair = self._scorer.pair(member, sighting)
                if pair.similarity is not None and member.camera != sighting.camera:
                    self._scorer.appearance.probably_same(pair.similarity, share)
                relation = pair.relation
                if relation.link is not None and relation.travel_known and share > 0.5:
                    self._scorer.travel_time.density(relation.link).learn(relation.travel, share)

    def _decide(self, sighting: Sighting, weighed: Posterior) -> MatchEvent:
        vehicle = self._vehicle(sighting)
        joined = None
        if weighed.score is not None:
            relation = explaining(weighed.score, sighting)
            joined = relation.earlier if relation.later is sighting else relation.later
        name = self._named(vehicle)
        event = self._writer.write(
            "new" if joined is None else "confirmed",
            sighting,
            vehicle=name,
            at=self._now,
            ordinal=0,
            joined=joined,
            found=weighed,
        )
        self._remember(sighting, event, 1)
        return event

    def _named(self, vehicle: Vehicle) -> str:
        if vehicle.name is None:
            first = vehicle.first.id
            given = self._names_given.get(first, 0)
            self._names_given[first] = given + 1
            vehicle.name = "vehicle-" + digest(first, *([str(given)] if given else []))
            vehicle.named_at = self._now
        return vehicle.name

    def _remember(self, sighting: Sighting, event: MatchEvent, count: int) -> None:
        settled = after(self._now, self._matching.confirm_after)
        joined = None if event.joined is None else event.joined.tracklet
        self._decisions[sighting.id] = _Decision(event.vehicle, joined, event.event, count, settled)

    def _revise(self, changed: Iterable[str], reasons: dict[str, str]) -> list[MatchEvent]:
        """Events for published decisions that no longer hold."""
        events = []
        sightings = (self.neighbours.gallery.get(tracklet) for tracklet in changed)
        for sighting in sorted((s for s in sightings if s is not None), key=lambda sighting: sighting.order):
            decision = self._decisions.get(sighting.id)
            vehicle = self._vehicle(sighting)
            if decision is None or self._holds(decision, vehicle):
                continue
            reason = reasons.get(sighting.id, "evidence")
            weighed = self._weigh(sighting)
            joined = None
            if weighed.score is not None:
                relation = explaining(weighed.score, sighting)
                joined = relation.earlier if relation.later is sighting else relation.later
            event = self._writer.write(
                "retracted" if joined is None else "revised",
                sighting,
                vehicle=self._named(vehicle),
                at=self._now,
                ordinal=decision.count,
                joined=joined,
                found=weighed,
                replaces=decision.event,
                reason="an operator said so" if reason == "operator" else "later evidence speaks for something else",
            )
            self._remember(sighting, event, decision.count + 1)
            events.append(event)
        return events

    def _holds(self, decision: _Decision, vehicle: Vehicle) -> bool:
        if vehicle.name != decision.vehicle:
            return False
        gone = decision.joined is not None and self.vehicles.of(decision.joined) is None
        return decision.joined is None or decision.joined in vehicle.members or gone

    def _forget(self) -> None:
        gallery = self.neighbours.gallery
        while (oldest := gallery.oldest()) is not None and after(oldest.end, self._retention) < self._now:
            if oldest.open or not self.is_published(oldest.id):
                break
            self.forget(oldest.id)

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet; unknown ids are fine."""
        sighting = self.neighbours.gallery.get(tracklet)
        if sighting is not None:
            self.neighbours.remove(tracklet)
            self.vehicles.remove(tracklet)
            self._scorer.forget(sighting)
        self._decisions.pop(tracklet, None)
        self._names_given.pop(tracklet, None)
        self._pinned.discard(tracklet)
