"""Records in, match events out: the whole matcher, without Kafka, clocks or files."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from matcher.candidates import Ranking, rank
from matcher.events import EventWriter, configuration_hash
from matcher.provisional import Provisional
from matcher.readings import Readings
from matcher.resolver import Resolver
from matcher.scoring import Scorer
from matcher.sightings import Looks, Sighting, look, unpack
from matcher.statistics import Statistics
from matcher.table import SightingTable
from matcher.timeline import Revision, Timeline
from matcher.topology import Topology
from matcher.watchlist import WatchList
from matcher.watermark import Watermark
from matcher.witness import Witness
from throughline.messages import Correction, MatcherRecord, MatchEvent, Progress, Tracklet, Watch
from throughline.settings import Site
from throughline.times import Instant, after

__all__ = ["Matcher"]

_REVIEW_SECONDS = 0.5
"""How often provisional decisions are looked at again, all that were seen better since in one go."""


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
        self._settling = matching.lateness + site.tracking.closed_after
        self._topology = Topology(site)
        self._retention = max(matching.horizon, self._topology.longest_travel) + self._settling
        self._watermark = Watermark(matching.lateness)
        self._timeline = Timeline(matching.decision_window)
        self._writer = EventWriter(site)
        self._table = SightingTable(self._topology, Readings.of(site))
        self.scorer = Scorer(site, self._topology, self._table)
        self._resolver = Resolver(site, self.scorer, self._timeline, self._writer, self.statistics)
        self._provisional = Provisional(
            self.scorer, self._resolver, self._writer, matching.decision_window, len(self._topology.cameras)
        )
        self._watchlist = WatchList(self._topology, self.scorer.appearance, self.scorer.camera_bias)
        self._known = _Known()
        self._reviewed: Instant = 0
        self._witness: Witness | None = None

    @property
    def site(self) -> Site:
        """What it was made for."""
        return self._site

    @property
    def topology(self) -> Topology:
        """The site's roads."""
        return self._topology

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras of the site."""
        return self._topology.cameras

    @property
    def memory(self) -> float:
        """Seconds of event time after which a record has no influence any more."""
        return self._retention + self._site.matching.confirm_after

    def be_watched(self, witness: Witness | None) -> None:
        """Lets somebody look on from now on; nothing is decided otherwise for it."""
        self._witness = self.scorer.witness = self._writer.witness = witness

    def process(self, record: MatcherRecord) -> list[MatchEvent]:
        """Takes one record and returns the decisions that follow from it, in order.

        Raises:
            UnreadableMessageError: an embedding in it is not what it says; nothing was changed.
        """
        if record.site != self._site.site:
            self.statistics.skipped["other_site"] += 1
            return []
        if self._witness is not None:
            self._witness.begin()
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
        events += self._provisional.advance()
        self._count()
        return events

    def candidates(self, tracklet: str, limit: int) -> Ranking | None:
        """What a tracklet could be joined to, as weighed now; it changes no decision.

        Args:
            tracklet: Tracklet id.
            limit: Candidates at most.

        Returns:
            None if the tracklet is not in memory, or not any more.
        """
        for gallery in (self._provisional.gallery, self._resolver.gallery):
            slot = gallery.slot(tracklet)
            if slot is not None:
                return rank(self.scorer, gallery, self._resolver.name_of, slot, limit)
        return None

    def _tracklet(self, record: Tracklet) -> list[MatchEvent]:
        if record.camera not in self._topology:
            self.statistics.skipped["unknown_camera"] += 1
            return []
        if self._known.has(record.tracklet, record.revision):
            self.statistics.skipped["repeated"] += 1
            return []
        reached = self._timeline.reached
        if reached is not None and record.end < after(reached, -self._retention):
            self.statistics.skipped["late"] += 1
            return []
        sighting, looks = look(record), unpack(record.embeddings)
        effective = after(record.end, self._settling)
        if self._timeline.is_past(effective):
            self.statistics.used_late += 1
        self._known.add(record.tracklet, record.revision, record.end)
        self._timeline.add_revision(effective, Revision(sighting, record.embeddings))
        live = self._provisional.gallery.get(record.tracklet)
        if live is not None and live.revision > record.revision:
            return []
        self._provisional.arrive(sighting, looks)
        events = self._watch(sighting, looks)
        while len(self._known) > self._site.matching.max_tracklets:
            self._drop(self._known.oldest())
            self.statistics.skipped["evicted"] += 1
        return events

    def _watch(self, sighting: Sighting, looks: Looks) -> list[MatchEvent]:
        if not looks or not len(self._watchlist):
            return []
        sighting = self._provisional.gallery.get(sighting.id) or sighting
        name = self._resolver.name_of(sighting.id) or ""
        return [
            self._writer.watchlist(sighting, hit.name, name, hit.evidence, hit.probability)
            for hit in self._watchlist.hits(sighting, looks)
        ]

    def _progress(self, record: Progress) -> list[MatchEvent]:
        if record.camera not in self._topology:
            self.statistics.skipped["unknown_camera"] += 1
            return []
        watermark = self._watermark.advance(record)
        if self._watermark.all_ended:
            return self._provisional.judge_fresh() + self._review() + self._resolve(None)
        events = self._review()
        return events if watermark is None else events + self._resolve(watermark)

    def _review(self) -> list[MatchEvent]:
        """Provisional decisions are looked at again whenever the foremost camera has come a little further."""
        foremost = self._watermark.foremost or 0
        if foremost < after(self._reviewed, _REVIEW_SECONDS):
            return []
        self._reviewed = foremost
        return self._provisional.review()

    def _resolve(self, until: Instant | None) -> list[MatchEvent]:
        events: list[MatchEvent] = []
        for epoch in self._timeline.until(until):
            if self._witness is not None:
                self._witness.begin()
            events += self._resolver.resolve(epoch, self._watermark.left_behind)
            self._forget(epoch.at)
            self._resolver.quality.advance(epoch.at)
        if until is None:
            self._resolver.quality.take_stock()
        else:
            self._resolver.quality.advance(until)
        return events

    def _forget(self, now: Instant) -> None:
        for tracklet in self._known.ended_before(after(now, -self._retention)):
            self._drop(tracklet)
        self._provisional.forget_before(after(now, -self._topology.longest_travel - self._settling - 60.0))

    def _drop(self, tracklet: str) -> None:
        self._provisional.forget(tracklet)
        self._resolver.forget(tracklet)
        self._watchlist.forget(tracklet)
        for revision in self._known.drop(tracklet):
            self._timeline.drop_revision(tracklet, revision)

    def _count(self) -> None:
        statistics = self.statistics
        statistics.gallery = len(self._known)
        statistics.vehicles = len(self._resolver.vehicles)
        statistics.watermark = self._watermark.value
        statistics.foremost = self._watermark.foremost
        statistics.quality = self._resolver.quality.report


class _Known:
    """Which revisions have come, and which tracklet ended first."""

    def __init__(self) -> None:
        self._revisions: dict[str, set[int]] = {}
        self._ends: dict[str, Instant] = {}
        self._by_end: list[tuple[Instant, str]] = []

    def __len__(self) -> int:
        return len(self._ends)

    def has(self, tracklet: str, revision: int) -> bool:
        return revision in self._revisions.get(tracklet, ())

    def add(self, tracklet: str, revision: int, end: Instant) -> None:
        if tracklet not in self._ends:
            self._revisions[tracklet] = set()
            heapq.heappush(self._by_end, (end, tracklet))
        self._revisions[tracklet].add(revision)
        self._ends[tracklet] = max(end, self._ends.get(tracklet, end))

    def drop(self, tracklet: str) -> set[int]:
        self._ends.pop(tracklet, None)
        return self._revisions.pop(tracklet, set())

    def oldest(self) -> str:
        """The one that ended first; there is one."""
        while True:
            end, tracklet = self._by_end[0]
            latest = self._ends.get(tracklet)
            if latest == end:
                return tracklet
            if latest is None:
                heapq.heappop(self._by_end)
            else:  # it has gone on since
                heapq.heapreplace(self._by_end, (latest, tracklet))

    def ended_before(self, at: Instant) -> Iterator[str]:
        """Those that ended before an instant; each must be dropped before the next is asked for."""
        while self._ends and self._ends[tracklet := self.oldest()] < at:
            yield tracklet
