"""The matcher on Kafka: records of one site in, match events out."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence

import msgspec
import structlog

from matcher.deciding import Decided, MatcherWorker
from matcher.engine import Matcher
from matcher.statistics import Statistics
from throughline.bus.dead_letters import DeadLetters
from throughline.bus.pipeline import Pipeline
from throughline.bus.protocol import Bus, BusError, Consumer, Record
from throughline.bus.topics import MATCHES, TRACKLETS
from throughline.messages import (
    MatchEvent,
    UnreadableMessageError,
    decode_match_event,
)
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, after, seconds_between

__all__ = ["MatcherService"]

_REMEMBERED = 200_000
"""Events of a former run that are recognised when they come again, the latest."""
_FINAL = ("confirmed", "new")
_LAG_INTERVAL = 1.0
_DRAIN_SECONDS = 5.0
"""How long it goes on at the end with what has been published already."""

log = structlog.get_logger(__name__)


class MatcherService:
    """Reads a site's records, decides, and publishes the events.

    *Delivery*: offsets are committed up to the oldest record that decisions may still need, after the events of all
    records read so far are acknowledged. A restart reads from there and so rebuilds what it must know; events that a
    former run has published are recognised by their ids (read from the topic of matches first) and not sent again, nor is
    a tracklet's first decision, and the sequence goes on. After a crash an event may stand in the topic twice, with one id.

    Args:
        bus: A started bus.
        site: The site.
        metrics: Of this process.
        group: Consumer group; default: ``<prefix>.matcher.<site>``.
        own_process: Decide in a process of its own; see `MatcherWorker`.
    """

    def __init__(self, bus: Bus, site: Site, metrics: Metrics, group: str | None = None, *, own_process: bool = False) -> None:
        self._bus, self._site, self._metrics = bus, site, metrics
        self._group = group or f"{site.kafka.prefix}.matcher.{site.site}"
        self._key = site.site.encode()
        self._own_process = own_process
        self._cameras = {camera.id for camera in site.cameras}
        self._dead_letters = DeadLetters(bus, site.kafka, metrics)
        self._published = _Published()
        self._needed = _Needed(Matcher(site).memory)
        self._exported = _Exporter(site, metrics)
        self._strangers: set[str] = set()
        self._ready = False

    @property
    def ready(self) -> bool:
        """Whether it reads and decides."""
        return self._ready

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set.

        Raises:
            BusError: Kafka cannot be reached at the start, or refuses the group.
        """
        await self._recall()
        consumer = await self._bus.consumer([self._site.kafka.topic(TRACKLETS)], self._group)
        worker = MatcherWorker(self._site, own_process=self._own_process)
        try:
            async with Pipeline(self._bus, self._site.kafka, self._metrics) as pipeline:
                await self._consume(consumer, pipeline, worker, stop)
        finally:
            self._ready = False
            worker.close()
            await consumer.stop()

    async def _recall(self) -> None:
        """Learns what a former run has published."""
        reader = await self._bus.consumer([self._site.kafka.topic(MATCHES)], None)
        try:
            async for batch in reader.records():
                for record in batch:
                    if record.key == self._key and record.value is not None:
                        self._published.recall(record.value)
                if not batch or await reader.lag() == 0:
                    return
        finally:
            await reader.stop()

    async def _consume(self, consumer: Consumer, pipeline: Pipeline, worker: MatcherWorker, stop: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        looked, give_up = 0.0, None
        async for batch in consumer.records():
            self._ready = True
            outcomes = await self._take(batch, worker, pipeline)
            if not all(await asyncio.gather(*outcomes)):
                raise BusError(f"Kafka did not take match events of {self._site.site}: beginning again where it was committed")
            if batch:
                await consumer.commit(self._needed.offsets(self._exported.statistics.watermark))
            if stop.is_set():  # what was published before the stop is still decided
                give_up = give_up or clock() + _DRAIN_SECONDS
                if not batch or clock() >= give_up or await consumer.lag() == 0:
                    self._exported.export()
                    return
            if clock() - looked >= _LAG_INTERVAL:
                looked = clock()
                self._metrics.matcher_offset_lag.labels(self._site.site).set(await consumer.lag())
                self._exported.export()

    async def _take(self, batch: Sequence[Record], worker: MatcherWorker, pipeline: Pipeline) -> list[asyncio.Future[bool]]:
        values = [record.value or b"" for record in batch if record.key == self._key]
        decided: Iterator[Decided] = iter(())
        if values:
            verdict = await worker.decide(values)
            self._exported.statistics = verdict.statistics
            decided = iter(verdict.decided)
        outcomes: list[asyncio.Future[bool]] = []
        for record in batch:
            if record.key == self._key:
                outcomes += await self._tell(record, next(decided), pipeline)
            else:
                self._needed.add(record, None)
        return outcomes

    async def _tell(self, record: Record, decided: Decided, pipeline: Pipeline) -> Sequence[asyncio.Future[bool]]:
        self._needed.add(record, decided.at)
        if decided.error is not None:
            self._metrics.records_skipped.labels(self._site.site, "unreadable").inc()
            await self._dead_letters.publish(record, "unreadable", decided.error)
        self._note_stranger(decided.camera)
        outcomes = []
        for event in decided.events:
            if (numbered := self._published.admit(event)) is not None:
                await pipeline.room()
                outcomes.append(pipeline.send(numbered))
                self._exported.published(event)
        return outcomes

    def _note_stranger(self, camera: str | None) -> None:
        if camera is None or camera in self._strangers or camera in self._cameras:
            return
        self._strangers.add(camera)
        log.warning("records of a camera that the site file does not list are skipped", site=self._site.site, camera=camera)


class _Published:
    """What a former run has published, so that nothing is said twice and the sequence goes on."""

    def __init__(self) -> None:
        self._events: OrderedDict[str, None] = OrderedDict()
        self._decided: OrderedDict[str, None] = OrderedDict()
        self._sequence = 0

    def recall(self, value: bytes) -> None:
        """Takes in an event that stands in the topic; what is none is passed over."""
        try:
            event = decode_match_event(value)
        except UnreadableMessageError as error:
            log.warning("a record among the matches is no match event", error=str(error))
            return
        self._sequence = max(self._sequence, event.sequence)
        self._events[event.event] = None
        if event.kind in _FINAL:
            self._decided[event.tracklet.tracklet] = None
        for known in (self._events, self._decided):
            while len(known) > _REMEMBERED:
                known.popitem(last=False)

    def admit(self, event: MatchEvent) -> MatchEvent | None:
        """The event with its number in the sequence; None: it has been published."""
        first = event.kind in (*_FINAL, "provisional")
        if event.event in self._events or (first and event.tracklet.tracklet in self._decided):
            return None
        self._sequence += 1
        return msgspec.structs.replace(event, sequence=self._sequence)


class _Needed:
    """Up to which offset everything has been used for good.

    Args:
        memory: Seconds that the matcher looks back, at most.
    """

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._pending: dict[tuple[str, int], deque[tuple[int, Instant]]] = {}
        self._next: dict[tuple[str, int], int] = {}

    def add(self, record: Record, at: Instant | None) -> None:
        """A record was processed; ``at``: its event time, None: it is not needed again."""
        place = record.topic, record.partition
        self._next[place] = record.offset + 1
        if at is not None:
            self._pending.setdefault(place, deque()).append((record.offset, at))

    def offsets(self, watermark: Instant | None) -> dict[tuple[str, int], int]:
        """Next offset to read after a restart, by topic and partition."""
        result = {}
        for place, following in self._next.items():
            pending = self._pending.get(place, deque())
            while pending and watermark is not None and after(pending[0][1], self._memory) < watermark:
                pending.popleft()
            result[place] = pending[0][0] if pending else following
        return result


class _Exporter:
    """Brings what the core counts to Prometheus."""

    def __init__(self, site: Site, metrics: Metrics) -> None:
        self._site, self._metrics = site.site, metrics
        self.statistics = Statistics()
        self._counted: dict[tuple[str, str], int] = {}
        self._delayed: OrderedDict[str, None] = OrderedDict()
        for kind in ("provisional", "confirmed", "revised", "retracted", "new", "watchlist"):
            metrics.matches.labels(self._site, kind)

    def _first_decision(self, event: MatchEvent) -> None:
        if event.kind not in ("provisional", *_FINAL) or event.tracklet.tracklet in self._delayed:
            return
        self._delayed[event.tracklet.tracklet] = None
        if len(self._delayed) > _REMEMBERED:
            self._delayed.popitem(last=False)
        self._metrics.decision_delay.labels(self._site, event.kind).observe(seconds_between(event.tracklet.start, event.at))

    def published(self, event: MatchEvent) -> None:
        """An event was sent."""
        self._first_decision(event)
        self._metrics.matches.labels(self._site, event.kind).inc()
        if event.kind == "confirmed":
            self._metrics.match_probability.labels(self._site).observe(event.probability or 0.0)
            if event.margin is not None:
                self._metrics.match_margin.labels(self._site).observe(event.margin)

    def export(self) -> None:
        """Counts and state."""
        statistics = self.statistics
        for gate, count in statistics.rejected.items():
            self._metrics.candidates_rejected.labels(self._site, gate).inc(self._rise("gate", gate, count))
        for reason, count in statistics.skipped.items():
            self._metrics.records_skipped.labels(self._site, reason).inc(self._rise("reason", reason, count))
        self._metrics.gallery_tracklets.labels(self._site).set(statistics.gallery)
        self._metrics.vehicles_active.labels(self._site).set(statistics.vehicles)
        if statistics.watermark is not None and statistics.foremost is not None:
            lag = seconds_between(statistics.watermark, statistics.foremost)
            self._metrics.matcher_lag.labels(self._site).set(max(0.0, lag))

    def _rise(self, kind: str, name: str, count: int) -> int:
        rise = count - self._counted.get((kind, name), 0)
        self._counted[kind, name] = count
        return rise
