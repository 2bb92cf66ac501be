"""One site's matcher in the hands of who owns its partition: brought back from Kafka, and going on from there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Literal, TypeAlias

import structlog

from matcher.deciding import Decided, MatcherWorker
from matcher.delivery.export import Exporter
from matcher.delivery.needed import Needed
from matcher.delivery.published import Published
from matcher.delivery.snapshots import KeptRecord, Manifest, Snapshot, SnapshotStore
from matcher.engine import Matcher
from matcher.state import StateError, origin_of
from throughline.bus.protocol import Bus, Place, Record
from throughline.bus.topics import MATCHES
from throughline.messages import MatchEvent
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, after, seconds_between

__all__ = ["OwnedSite"]

_Begin: TypeAlias = Literal["begun", "resumed", "rebuilt"]

_MOST_RECORDS = 100_000
"""Records after which a snapshot is due, whatever their time: as many are read again after a crash, at most."""
_SHARE = 20.0
"""A snapshot is not begun before this many times what the last one took is over: it takes a twentieth of the time at most."""
_BLOCK = 100
"""Offsets that are remembered together."""

log = structlog.get_logger(__name__)


class OwnedSite:
    """Decides, numbers the events, and knows what to keep for a successor.

    It begins from the latest snapshot, reads again what has been decided after it and holds back the events of that, since they
    stand on Kafka already; then it is the very same matcher as before. A snapshot of other settings or of another build is of
    no use, nor is one that is damaged or gone: then all that can still be decided on is read again, from further back, and what
    is learned over longer times begins anew. Whatever stands on Kafka by a different matcher is recognised and not said again, as
    long as it can come.

    Args:
        bus: A started bus.
        site: The site.
        metrics: Of this process.
        own_process: See `MatcherWorker`.

    Attributes:
        following: Offset that it reads on at.
    """

    def __init__(self, bus: Bus, site: Site, metrics: Metrics, *, own_process: bool) -> None:
        self._bus, self._site, self._metrics, self._own_process = bus, site, metrics, own_process
        self._key = site.site.encode()
        self._store = SnapshotStore(bus, site)
        self._memory = Matcher(site).memory
        self._origin = origin_of(site)
        self._needed = Needed(self._memory, _BLOCK)
        self._published = Published()
        self._worker: MatcherWorker | None = None
        self._exporter = Exporter(site, metrics)
        self._is_strange = False
        self._strange_until: Instant | None = None
        self._recall_from: list[tuple[Instant, int]] = []
        self._snapshots = 0
        self._unsaved = 0
        self._saved_at: Instant | None = None
        self._took, self._taken = 0.0, 0.0
        self.following = 0

    async def restore(self, place: Place, committed: int | None) -> list[KeptRecord]:
        """Becomes what its predecessor was when it committed for the last time.

        Args:
            place: The site's partition of the tracklets.
            committed: Next offset to read, as the group has committed it.

        Returns:
            Records to commit with the first transaction.

        Raises:
            BusError: Kafka did not deliver.
        """
        began = time.perf_counter()
        first = (await self._bus.first_offsets([place]))[place]
        snapshot = await self._store.latest()
        manifest = None if snapshot is None else snapshot.manifest
        self.following = max(first, first if committed is None else committed, 0 if manifest is None else manifest.offset)
        how: _Begin = "begun"
        if snapshot is not None and snapshot.manifest.origin == self._origin and await self._sit_down(snapshot.state):
            how, start = "resumed", snapshot.manifest.offset
        else:
            await self._sit_down(None)
            if manifest is not None:
                how, start = "rebuilt", manifest.needed
            elif self.following > first:
                how, start = "rebuilt", await self._far_enough_back(place, first)
            else:
                start = first
        if manifest is None:
            self._needed.add(start - 1, None)
        if start < first:
            self._say_gone(first - start)
            start = first
        latest = await self._recall(manifest, how)
        suppressed = await self._read_again(place, start, how)
        self._compare(suppressed, latest, how, self.following - start)
        self._metrics.matcher_starts.labels(self._site.site, how).inc()
        self._metrics.matcher_restore_seconds.labels(self._site.site).set(time.perf_counter() - began)
        return await self.snapshot(self.following) if how == "begun" else []

    async def _sit_down(self, state: bytes | None) -> bool:
        """Makes the matcher, from a state if there is one; False: the state cannot be read."""
        worker = MatcherWorker(self._site, own_process=self._own_process, state=state)
        try:
            self._exporter = Exporter(self._site, self._metrics, await worker.ready())
        except StateError as error:
            worker.close()
            log.error("the snapshot cannot be read, although it is of this build", site=self._site.site, error=str(error))
            return False
        self._worker = worker
        return True

    async def _far_enough_back(self, place: Place, first: int) -> int:
        """Where to begin without any snapshot so as to know all that can still be decided on, by times of publication."""
        async for batch in self._bus.read(place, max(first, self.following - 1), self.following):
            for record in batch:
                return max(first, (await self._bus.offsets_for_time([place], after(record.time, -self._memory)))[place])
        return first

    def _say_gone(self, records: int) -> None:
        log.error(
            "tracklets that the matcher must still read are gone by retention: raise kafka.tracklet_retention",
            site=self._site.site,
            records=records,
        )

    async def _recall(self, manifest: Manifest | None, how: _Begin) -> Published:
        """Learns what stands on Kafka.

        Returns:
            What was published after the snapshot; what was published before it is not said again if a different matcher did so.
        """
        latest = Published()
        start, behind = 0, 0
        if manifest is not None:
            self._is_strange, self._strange_until = manifest.strange, manifest.strange_until
            self._published.sequence = latest.sequence = behind = manifest.sequence
            self._recall_from.append((manifest.watermark or 0, manifest.recall))
            self._needed.add(manifest.needed, manifest.latest)
            self._snapshots, self._saved_at = 1, manifest.watermark
            start = manifest.matches if how == "resumed" and not manifest.strange else manifest.recall
        async for value in self._events_from(start):
            if how == "resumed":
                latest.recall(value, behind=behind)
            if how != "resumed" or (manifest is not None and manifest.strange):
                self._published.recall(value, until=behind if how == "resumed" else None)
        return latest

    async def _events_from(self, start: int) -> AsyncIterator[bytes]:
        place = await self._place_of_matches()
        start = max(start, (await self._bus.first_offsets([place]))[place])
        async for batch in self._bus.read(place, start):
            for record in batch:
                if record.key == self._key and record.value is not None:
                    yield record.value

    async def _place_of_matches(self) -> Place:
        topic = self._site.kafka.topic(MATCHES)
        return topic, await self._bus.partition_of(topic, self._site.site)

    async def _read_again(self, place: Place, start: int, how: _Begin) -> list[MatchEvent]:
        """Decides once more what has been decided and committed; its events stand on Kafka."""
        events: list[MatchEvent] = []
        async for batch in self._bus.read(place, start, self.following):
            for _, decided in await self._decide(batch):
                events += decided.events if how == "rebuilt" else self._numbered(decided)
        self._metrics.matcher_events_suppressed.labels(self._site.site).inc(len(events))
        return events

    def _compare(self, suppressed: Sequence[MatchEvent], latest: Published, how: _Begin, records: int) -> None:
        told = {"site": self._site.site, "records": records, "events": len(suppressed)}
        if how == "begun":
            self._is_strange = len(self._published) > 0
            log.info("the matcher begins", published_before=len(self._published), **told)
        elif how == "rebuilt":
            self._be_strange()
            log.warning(
                "there is no snapshot of these settings and this build: what can still be decided on was read again, and what "
                "was learned before that begins anew",
                **told,
            )
        elif [event.event for event in suppressed] == latest.events:
            log.info("the matcher goes on from its snapshot", **told)
        else:
            self._published.take_over(latest)
            self._be_strange()
            self._metrics.matcher_divergences.labels(self._site.site).inc()
            log.error(
                "the matcher decided otherwise when it read again what it had decided; what was published stands",
                published=len(latest),
                **told,
            )

    def _be_strange(self) -> None:
        """What a different matcher has published may come again, until all it knew is out of reach."""
        self._is_strange, self._strange_until = True, None

    @property
    def site(self) -> str:
        """Site id."""
        return self._site.site

    @property
    def worker(self) -> MatcherWorker | None:
        """Decides; None: not yet."""
        return self._worker

    def owns(self, record: Record) -> bool:
        """Whether a record is of this site."""
        return record.key == self._key

    async def decide(self, records: Sequence[Record]) -> tuple[list[MatchEvent], list[tuple[Record, str]]]:
        """What follows from records, in order.

        Returns:
            Events to publish, and records that could not be read, with the reason.

        Raises:
            BrokenProcessPool: the matcher's process has died.
        """
        events, unreadable = [], []
        for record, decided in await self._decide([record for record in records if record.offset >= self.following]):
            if decided.error is not None:
                self._exporter.unreadable()
                unreadable.append((record, decided.error))
            events += self._numbered(decided)
        self._settle()
        return events, unreadable

    async def _decide(self, records: Sequence[Record]) -> list[tuple[Record, Decided]]:
        own = [record for record in records if self.owns(record)]
        if not own or self._worker is None:
            return []
        verdict = await self._worker.decide([record.value or b"" for record in own])
        self._exporter.statistics = verdict.statistics
        self._unsaved += len(own)
        pairs = list(zip(own, verdict.decided, strict=True))
        for record, decided in pairs:
            self._needed.add(record.offset, decided.at)
            self._exporter.saw(decided.camera)
        return pairs

    def _numbered(self, decided: Decided) -> list[MatchEvent]:
        return [numbered for event in decided.events if (numbered := self._published.admit(event)) is not None]

    @property
    def _watermark(self) -> Instant | None:
        return self._exporter.statistics.watermark

    def _settle(self) -> None:
        if not self._is_strange or self._watermark is None:
            return
        if self._strange_until is None:
            self._strange_until = after(self._watermark, self._memory)
        elif self._watermark > self._strange_until:
            self._is_strange = False
            self._published.forget()

    def is_due(self) -> bool:
        """Whether it is time for a snapshot."""
        if self._snapshots and time.monotonic() - self._taken < _SHARE * self._took:
            return False
        if self._saved_at is None:
            self._saved_at = self._watermark
        passed = 0.0 if self._saved_at is None or self._watermark is None else seconds_between(self._saved_at, self._watermark)
        return not self._snapshots or passed >= self._site.kafka.snapshot_interval or self._unsaved >= _MOST_RECORDS

    async def snapshot(self, offset: int) -> list[KeptRecord]:
        """Records for the topic of states that keep what it has become after all records before ``offset``.

        Raises:
            BrokenProcessPool: the matcher's process has died.
        """
        if self._worker is None:
            return []
        place = await self._place_of_matches()
        matches = (await self._bus.end_offsets([place]))[place]  # what is not committed yet stands behind, known by its number
        began = time.perf_counter()
        state = await self._worker.state()
        self._took, self._taken = time.perf_counter() - began, time.monotonic()
        self._saved_at, self._unsaved, self._snapshots = self._watermark, 0, self._snapshots + 1
        manifest = Manifest(
            self._site.site,
            *self._origin,
            offset=offset,
            needed=self._needed.oldest(self._watermark),
            latest=self._needed.latest,
            sequence=self._published.sequence,
            matches=matches,
            recall=self._recallable(matches),
            watermark=self._watermark,
            strange=self._is_strange,
            strange_until=self._strange_until,
        )
        self._metrics.snapshot_seconds.labels(self._site.site).observe(self._took)
        self._metrics.snapshot_bytes.labels(self._site.site).set(len(state))
        return await self._store.records(Snapshot(manifest, state))

    def _recallable(self, matches: int) -> int:
        """Offset of the matches from which on there is all that may come again: the latest one noted so long ago."""
        self._recall_from.append((self._watermark or 0, matches))
        while len(self._recall_from) > 1 and after(self._recall_from[1][0], self._memory) < (self._watermark or 0):
            del self._recall_from[0]
        return 0 if self._is_strange else self._recall_from[0][1]

    def published(self, event: MatchEvent) -> None:
        """An event was committed."""
        self._exporter.published(event)

    def export(self, lag: int) -> None:
        """Brings its metrics up to date; ``lag`` is what is not read yet."""
        self._exporter.export()
        self._metrics.matcher_offset_lag.labels(self._site.site).set(lag)
        if self._saved_at is not None and self._watermark is not None:
            self._metrics.snapshot_age.labels(self._site.site).set(seconds_between(self._saved_at, self._watermark))

    def close(self) -> None:
        """Ends its thread or process; safe to call twice."""
        if self._worker is not None:
            self._worker.close()
