"""Final decisions, made jointly in event time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from matcher.decisions import Decision, Decisions
from matcher.events import EventWriter, digest
from matcher.gallery import Gallery
from matcher.gates import NO_LINK, OVERLAP, REASONS, SAME_CAMERA, TRAVEL_WINDOW
from matcher.grouping import Grouping
from matcher.lessons import Lessons
from matcher.options import Options
from matcher.posterior import Posterior, Posteriors
from matcher.quality import QualityMonitor
from matcher.scoring import Scorer
from matcher.sightings import Sighting, unpack
from matcher.statistics import Statistics
from matcher.timeline import Epoch, Revision, Timeline
from matcher.vehicles import Vehicle, Vehicles
from throughline.messages import Correction, MatchEvent
from throughline.settings import Site
from throughline.times import Instant, after

__all__ = ["Resolver"]


class Resolver:
    """Holds the vehicles as decided, and publishes each decision when its time has come.

    Everything here depends on the epochs alone, that is, on the records in event-time order.

    Args:
        site: The site.
        scorer: Gates and evidence; it learns from what is decided here.
        timeline: Where decisions are put off to.
        writer: Writes the events.
        statistics: Counts.

    Attributes:
        vehicles: The grouping as decided so far.
        gallery: The sightings that it is of.
        quality: Watches what is decided.
    """

    def __init__(self, site: Site, scorer: Scorer, timeline: Timeline, writer: EventWriter, statistics: Statistics) -> None:
        self._matching = site.matching
        self._retention = max(self._matching.horizon, scorer.topology.longest_travel)
        self._scorer, self._timeline, self._writer, self._statistics = scorer, timeline, writer, statistics
        self._table = table = scorer.table
        self._decisions = Decisions()
        self.vehicles = Vehicles(table)
        self.gallery = Gallery(table, scorer.topology)
        self._options = Options(self.gallery, self.vehicles, self._decisions, scorer)
        self._grouping = Grouping(table, self.gallery, self.vehicles, self._options, self._decisions)
        self._posteriors = Posteriors(table, self.vehicles, self._grouping, self._options, self._decisions)
        self._lessons = Lessons(scorer, self.gallery)
        self.quality = QualityMonitor(scorer, self.gallery, self.vehicles)
        self._looked: dict[int, Instant] = {}
        self._names_given: dict[str, int] = {}
        self._ended: list[tuple[Instant, str]] = []

    @property
    def _now(self) -> Instant:
        return self._decisions.now

    def is_published(self, tracklet: str) -> bool:
        """Whether a final decision about a tracklet has been published."""
        slot = self.gallery.slot(tracklet)
        return slot is not None and slot in self._decisions

    def vehicle_of(self, tracklet: str) -> Vehicle | None:
        """The vehicle that a tracklet shows, as decided so far."""
        slot = self.gallery.slot(tracklet)
        return None if slot is None else self.vehicles.of(slot)

    def name_of(self, tracklet: str) -> str | None:
        """The vehicle's global id, once it has one."""
        vehicle = self.vehicle_of(tracklet)
        return None if vehicle is None else vehicle.name

    def resolve(self, epoch: Epoch, has_gone: Callable[[str], bool]) -> list[MatchEvent]:
        """Takes in what became effective, regroups around it, and publishes what is due.

        Args:
            epoch: What falls on this instant.
            has_gone: Whether a camera is waited for no longer, so that its open tracklets are over.
        """
        self._decisions.now = epoch.at
        self._lessons.refresh(epoch.at)
        latest = {revision.sighting.id: revision for revision in epoch.revisions}  # in the order of their numbers
        new = [tracklet for tracklet in latest if self.gallery.slot(tracklet) is None]
        changed = [slot for revision in latest.values() if (slot := self._take(revision)) is not None]
        changed += self._expire(has_gone)
        self._options.refresh()
        self._scorer.among(self.gallery)
        self._count_rejected([slot for tracklet in new if (slot := self.gallery.slot(tracklet)) is not None])
        reasons = dict.fromkeys(changed, "evidence")
        for correction in epoch.corrections:
            reasons |= dict.fromkeys(self._correct(correction), "operator")
        due = [slot for tracklet in epoch.due if (slot := self.gallery.slot(tracklet)) is not None]
        touched = self._grouping.improve([*reasons, *due])
        events = self._publish(touched, due)
        events += self._revise([*touched, *reasons], reasons)
        self._forget()
        return events

    def _take(self, revision: Revision) -> int | None:
        """Puts a revision in its place; gives its slot if it calls for decisions: the first, the first look and the last do.

        Without the first, what a vehicle in view follows would not be known to provisional decisions at the cameras beyond.
        """
        former = self.gallery.get(revision.sighting.id)
        if former is not None and former.revision >= revision.sighting.revision:
            return None
        sighting = revision.sighting.after(former)
        slot = self.gallery.put(sighting)
        looks = unpack(revision.embeddings) if self._is_worth_a_look(slot, sighting) else {}
        if looks:
            self._looked[slot] = sighting.end
            self._table.set_looks(slot, self._scorer.camera_bias.removed(sighting.camera, looks))
        if looks or not sighting.open or (former is not None and former.start != sighting.start):
            self._options.changed(slot)
        if former is None:
            self._scorer.prior.observe(sighting.camera, sighting.start)
            due = after(sighting.start, self._matching.confirm_after)
            if due > self._now:
                self._timeline.add_due(due, sighting.id)
        self.vehicles.put(slot)
        if not sighting.open:
            heapq.heappush(self._ended, (sighting.end, sighting.id))
            self._looked.pop(slot, None)
            self._lessons.closed(slot, sighting, looks)
            self.quality.closed(sighting.camera, looks)
        if slot in self._decisions:
            self._decisions.settle(slot, after(self._now, self._matching.confirm_after))
        first_look = former is None or (bool(sighting.models) and not former.models)
        return slot if first_look or not sighting.open else None

    def _is_worth_a_look(self, slot: int, sighting: Sighting) -> bool:
        """The first look and the last one are, and those after twice the time in view."""
        looked = self._looked.get(slot)
        return looked is None or not sighting.open or sighting.end - sighting.start >= 2 * (looked - sighting.start)

    def _count_rejected(self, new: Sequence[int]) -> None:
        """Pairs of new sightings with all in memory, by the gate that they did not pass."""
        topology, rejected = self._scorer.topology, self._statistics.rejected
        for slot, (passed, passed_own) in zip(new, self._options.within_reach(new), strict=True):
            camera = self._table.at(slot).camera
            linked = {link.from_ for link in topology.incoming(camera)} | {link.to for link in topology.outgoing(camera)}
            in_reach = sum(map(self.gallery.count, linked))
            own = self.gallery.count(camera) - 1
            overlapping = sum(1 for _ in self.gallery.together(slot))
            rejected[REASONS[OVERLAP]] += overlapping
            rejected[REASONS[SAME_CAMERA]] += own - overlapping - passed_own
            rejected[REASONS[TRAVEL_WINDOW]] += in_reach - passed
            rejected[REASONS[NO_LINK]] += len(self.gallery) - 1 - in_reach - own

    def _expire(self, has_gone: Callable[[str], bool]) -> list[int]:
        """Tracklets that their camera will not close any more count as closed where they were last seen."""
        over: list[Sighting] = []
        for camera in self._scorer.topology.cameras:
            opened = [self._table.at(slot) for slot in self.gallery.opened(camera)]
            if opened:
                gone = has_gone(camera)
                over += [one for one in opened if gone or after(one.end, self._matching.horizon) < self._now]
        slots = []
        for sighting in sorted(over, key=lambda sighting: sighting.order):
            slots.append(self.gallery.put(sighting.closed()))
            self._options.changed(slots[-1])
            heapq.heappush(self._ended, (sighting.end, sighting.id))
            self._statistics.expired += 1
        return slots

    def _correct(self, correction: Correction) -> list[int]:
        first, second = self.gallery.slot(correction.first), self.gallery.slot(correction.second)
        one = None if first is None else self.vehicles.of(first)
        other = None if second is None else self.vehicles.of(second)
        if first is None or second is None or one is None or other is None:
            self._statistics.skipped["unknown_tracklet"] += 1
            return []
        concerned = [*one, *other]  # all of them may have another vehicle's name then, or not be with what they joined
        self._scorer.say(correction.first, correction.second, same=correction.same)
        self._options.weigh_all_again()
        if not correction.same:
            self._decisions.unpin(first)
            self._decisions.unpin(second)
            if one is other:
                self.vehicles.move(max(first, second, key=lambda slot: self._table.at(slot).order), None)
        elif one is not other:
            if self._options.scores([(one.members, other.members)]).log_odds[0] == -float("inf"):
                self._statistics.skipped["contradiction"] += 1
                return []
            named = sorted((one, other), key=lambda vehicle: (vehicle.named_at is None, vehicle.named_at or 0, vehicle.number))
            self.vehicles.merge(named[1], named[0])
            self._decisions.pin(first)
            self._decisions.pin(second)
        return [first, second, *concerned]

    def _publish(self, touched: Sequence[int], due: Iterable[int]) -> list[MatchEvent]:
        ready = {slot: None for slot in due if slot not in self._decisions}
        early: list[int] = []
        for slot in touched:
            if slot not in ready and slot not in self._decisions:
                sighting = self._table.at(slot)
                if after(sighting.start, self._matching.confirm_after) <= self._now:
                    ready[slot] = None
                elif not sighting.open:
                    early.append(slot)
        early = self._perhaps_beyond_doubt(early)
        weighed = dict(zip([*ready, *early], self._posteriors.of([*ready, *early]), strict=True))
        for slot in early:
            if weighed[slot].join is None or weighed[slot].margin < self._matching.confirm_margin:
                del weighed[slot]
        chosen = sorted(weighed, key=lambda slot: self._table.at(slot).order)
        self._lessons.decided([(slot, weighed[slot]) for slot in chosen])
        events = [self._decide(slot, weighed[slot]) for slot in chosen]
        self.quality.decided([(slot, weighed[slot]) for slot in chosen])
        return events

    def _perhaps_beyond_doubt(self, slots: Iterable[int]) -> list[int]:
        """Cheap bound: the margin is at most the log-odds, since a new vehicle is always an alternative."""
        joined = [(slot, vehicle) for slot in slots if (vehicle := self.vehicles.of(slot)) is not None and len(vehicle) > 1]
        scores = self._options.scores([([m for m in vehicle if m != slot], (slot,)) for slot, vehicle in joined])
        beyond = scores.log_odds >= self._matching.confirm_margin
        return [slot for (slot, _), far in zip(joined, beyond.tolist(), strict=True) if far]

    def _decide(self, slot: int, weighed: Posterior) -> MatchEvent:
        event = self._writer.write(
            "new" if weighed.join is None else "confirmed",
            self._table.at(slot),
            vehicle=self._named(self.vehicles.put(slot)),
            at=self._now,
            ordinal=0,
            found=weighed,
        )
        self._remember(slot, event, 1)
        return event

    def _named(self, vehicle: Vehicle) -> str:
        if vehicle.name is None:
            first = self._table.at(vehicle.members[0]).id
            given = self._names_given.get(first, 0)
            self._names_given[first] = given + 1
            vehicle.name = "vehicle-" + digest(first, *([str(given)] if given else []))
            vehicle.named_at = self._now
        return vehicle.name

    def _remember(self, slot: int, event: MatchEvent, count: int) -> None:
        settled = after(self._now, self._matching.confirm_after)
        joined = None if event.joined is None else event.joined.tracklet
        self._decisions.put(slot, Decision(event.vehicle, joined, event.event, count, settled))

    def _revise(self, changed: Iterable[int], reasons: dict[int, str]) -> list[MatchEvent]:
        """Events for published decisions that no longer hold."""
        wrong = [
            (slot, decision)
            for slot in sorted(dict.fromkeys(changed), key=lambda slot: self._table.at(slot).order)
            if (decision := self._decisions.get(slot)) is not None and not self._holds(slot, decision)
        ]
        events = []
        for (slot, decision), weighed in zip(wrong, self._posteriors.of([slot for slot, _ in wrong]), strict=True):
            event = self._writer.write(
                "retracted" if weighed.join is None else "revised",
                self._table.at(slot),
                vehicle=self._named(self.vehicles.put(slot)),
                at=self._now,
                ordinal=decision.count,
                found=weighed,
                replaces=decision.event,
                reason="an operator said so" if reasons.get(slot) == "operator" else "later evidence speaks for something else",
            )
            self._remember(slot, event, decision.count + 1)
            self.quality.revised(slot)
            events.append(event)
        return events

    def _holds(self, slot: int, decision: Decision) -> bool:
        vehicle = self.vehicles.put(slot)
        if vehicle.name != decision.vehicle:
            return False
        if decision.joined is None:
            return True
        joined = self.gallery.slot(decision.joined)
        return joined is None or joined in vehicle.members

    def _forget(self) -> None:
        for slot in self._decisions.settled():
            self._grouping.forget(slot)
            self._options.changed(slot)
        while self._ended and after(self._ended[0][0], self._retention) < self._now:
            end, tracklet = self._ended[0]
            sighting = self.gallery.get(tracklet)
            if sighting is not None and not self.is_published(tracklet):
                break
            heapq.heappop(self._ended)
            if sighting is not None and sighting.end == end and not sighting.open:
                self.forget(tracklet)

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet; unknown ids are fine."""
        self.quality.forget(tracklet)
        slot = self.gallery.slot(tracklet)
        if slot is not None:
            self._grouping.forget(slot)
            self._options.changed(slot)
            self.vehicles.remove(slot)
            self._decisions.forget(slot)
            self._looked.pop(slot, None)
            self.gallery.remove(tracklet)
            self._scorer.forget(tracklet)
        self._names_given.pop(tracklet, None)
