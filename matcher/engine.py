"""Records in, match events out: the whole matcher, without Kafka, clocks or files."""

from __future__ import annotations

from matcher.events import EventWriter, configuration_hash
from matcher.provisional import Provisional
from matcher.resolver import Resolver
from matcher.scoring import Scorer
from matcher.sightings import Sighting, look
from matcher.statistics import Statistics
from matcher.timeline import Timeline
from matcher.topology import Topology
from matcher.watchlist import WatchList
from matcher.watermark import Watermark
from throughline.messages import Correction, MatcherRecord, MatchEvent, Progress, Tracklet, Watch
from throughline.settings import Site
from throughline.times import Instant, after

__all__ = ["Matcher"]


class Matcher:
    """Decides which tracklets of a site show the same vehicle.

    Two answers are given. A provisional one at once, from all that has arrived. The final one from the records in
    event-time order: a revision counts from when the site is complete to its end plus ``lateness`` and the time after
    which a lost track is closed, so that records that are late within the allowance come in time, and the order of
    arrival does not matter. The same records in the same order give the same events, byte for byte.

    Args:
        site: Cameras, links and settings.

    Attributes:
        statistics: Counts and state, for whoever exports them.
        configuration: Hash of the settings that decide.
    """

    def __init__(self, site: Site) -> None:
        matching = site.matching
        self.statistics = Statistics()
        self.configuration = configuration_hash(site)
        self._site = site
        self._settling = matching.lateness + site.tracking.max_lost
        self._topology = Topology(site)
        self._retention = max(matching.horizon, self._topology.longest_travel) + self._settling
        self._watermark = Watermark(matching.lateness)
        self._timeline = Timeline(matching.decision_window)
        self._writer = EventWriter(site)
        self.scorer = Scorer(site, self._topology)
        self._resolver = Resolver(site, self._topology, self.scorer, self._timeline, self._writer, self.statistics)
        self._provisional = Provisional(self._topology, self.scorer, self._resolver, self._writer, matching.decision_window)
        self._watchlist = WatchList(self.scorer.appearance, self.scorer.camera_bias)
        self._revisions: dict[str, set[int]] = {}

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras of the site."""
        return self._topology.cameras

    @property
    def memory(self) -> float:
        """Seconds of event time after which a record has no influence any more."""
        return self._retention + self._site.matching.confirm_after

    def process(self, record: MatcherRecord) -> list[MatchEvent]:
        """Takes one record and returns the decisions that follow from it, in order.

        Raises:
            UnreadableMessageError: an embedding in it is not what it says; nothing was changed.
        """
        if record.site != self._site.site:
            self.statistics.skipped["other_site"] += 1
            return []
        match record:
            case Tracklet():
                events = self._tracklet(record)
            case Progress():
                events = self._progress(record)
            case Correction():
                self._timeline.add_correction(record.at, record)
                events = []
            case Watch():
                self._watchlist.update(record)
                events = []
        self._count()
        return events

    def _tracklet(self, record: Tracklet) -> list[MatchEvent]:
        if record.camera not in self._topology:
            self.statistics.skipped["unknown_camera"] += 1
            return []
        if record.revision in self._revisions.get(record.tracklet, ()):
            self.statistics.skipped["repeated"] += 1
            return []
        reached = self._timeline.reached
        if reached is not None and record.end < after(reached, -self._retention):
            self.statistics.skipped["late"] += 1
            return []
        revision = look(record)
        effective = after(record.end, self._settling)
        if self._timeline.is_past(effective):
            self.statistics.used_late += 1
        self._revisions.setdefault(record.tracklet, set()).add(record.revision)
        self._timeline.add_revision(effective, revision)
        live = self._provisional.neighbours.gallery.get(record.tracklet)
        if live is not None and live.revision > record.revision:
            return []
        sighting = self.scorer.camera_bias.removed(revision).after(live)
        events = self._provisional.arrive(sighting) + self._watch(sighting)
        self._make_room()
        return events

    def _watch(self, sighting: Sighting) -> list[MatchEvent]:
        name = self._resolver.name_of(sighting.id) or ""
        return [
            self._writer.watchlist(sighting, hit.name, name, hit.evidence, hit.probability)
            for hit in self._watchlist.hits(sighting)
        ]

    def _progress(self, record: Progress) -> list[MatchEvent]:
        if record.camera not in self._topology:
            self.statistics.skipped["unknown_camera"] += 1
            return []
        watermark = self._watermark.advance(record)
        if watermark is None and not self._watermark.all_ended:
            return []
        return self._resolve(None if self._watermark.all_ended else watermark)

    def _resolve(self, until: Instant | None) -> list[MatchEvent]:
        events: list[MatchEvent] = []
        for epoch in self._timeline.until(until):
            events += self._resolver.resolve(epoch, self._watermark.left_behind)
            self._forget(epoch.at)
        return events

    def _make_room(self) -> None:
        gallery = self._provisional.neighbours.gallery
        while len(gallery) > self._site.matching.max_tracklets and (oldest := gallery.oldest()) is not None:
            self._drop(oldest.id)
            self.statistics.skipped["evicted"] += 1

    def _forget(self, now: Instant) -> None:
        gallery = self._provisional.neighbours.gallery
        while (oldest := gallery.oldest()) is not None and after(oldest.end, self._retention) < now:
            self._drop(oldest.id)

    def _drop(self, tracklet: str) -> None:
        self._provisional.forget(tracklet)
        self._resolver.forget(tracklet)
        self._watchlist.forget(tracklet)
        for revision in self._revisions.pop(tracklet, ()):
            self._timeline.drop_revision(tracklet, revision)

    def _count(self) -> None:
        statistics = self.statistics
        statistics.gallery = len(self._provisional.neighbours.gallery)
        statistics.vehicles = len(self._resolver.vehicles)
        statistics.watermark = self._watermark.value
        statistics.foremost = self._watermark.foremost
