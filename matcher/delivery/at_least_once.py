"""A site's matcher on a Kafka without transactions, such as the embedded broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from matcher.deciding import Decided, MatcherWorker
from matcher.delivery.export import Exporter
from matcher.delivery.needed import Needed
from matcher.delivery.published import Published
from matcher.engine import Matcher
from throughline.bus.dead_letters import DeadLetters
from throughline.bus.pipeline import Pipeline
from throughline.bus.protocol import Bus, BusError, Consumer, Place, Record
from throughline.bus.topics import MATCHES, TRACKLETS
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics

__all__ = ["AtLeastOnce"]

_LAG_INTERVAL = 1.0
_DRAIN_SECONDS = 5.0
"""How long it goes on at the end with what has been published already."""


class AtLeastOnce:
    """Reads a site's records, decides, and publishes the events.

    Offsets are committed up to the oldest record that decisions may still need, after the events of all records read so
    far are acknowledged. A restart reads from there and so rebuilds what it must know; events that a former run has published
    are recognised by their ids (read from the topic of matches first) and not sent again, nor is a tracklet's first decision,
    and the sequence goes on. After a crash an event may stand in the topic twice, with one id; and what was learned before the
    oldest record that is read again is learned anew.

    Args:
        bus: A started bus.
        site: The site.
        metrics: Of this process.
        group: Consumer group, for this site alone.
        own_process: See `MatcherWorker`.
    """

    def __init__(self, bus: Bus, site: Site, metrics: Metrics, group: str, *, own_process: bool) -> None:
        self._bus, self._site, self._metrics, self._group = bus, site, metrics, group
        self._key = site.site.encode()
        self._own_process = own_process
        self._dead_letters = DeadLetters(bus, site.kafka, metrics)
        self._published = Published()
        self._memory = Matcher(site).memory
        self._needed: dict[Place, Needed] = {}
        self._exported = Exporter(site, metrics)
        self._worker: MatcherWorker | None = None
        self.ready = False
        """Whether it reads and decides."""

    def worker(self, site: str) -> MatcherWorker | None:
        """Who decides for a site; None: none here."""
        return self._worker if site == self._site.site else None

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set.

        Raises:
            BusError: Kafka cannot be reached at the start, or refuses the group.
        """
        await self._recall()
        consumer = await self._bus.consumer([self._site.kafka.topic(TRACKLETS)], self._group)
        worker = self._worker = MatcherWorker(self._site, own_process=self._own_process)
        try:
            async with Pipeline(self._bus, self._site.kafka, self._metrics) as pipeline:
                await self._consume(consumer, pipeline, worker, stop)
        finally:
            self.ready = False
            self._worker = None
            worker.close()
            await consumer.stop()

    async def _recall(self) -> None:
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
            self.ready = True
            outcomes = await self._take(batch, worker, pipeline)
            if not all(await asyncio.gather(*outcomes)):
                raise BusError(f"Kafka did not take match events of {self._site.site}: beginning again where it was committed")
            if batch:
                watermark = self._exported.statistics.watermark
                await consumer.commit({place: needed.oldest(watermark) for place, needed in self._needed.items()})
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
            needed = self._needed.setdefault((record.topic, record.partition), Needed(self._memory))
            if record.key == self._key:
                one = next(decided)
                needed.add(record.offset, one.at)
                outcomes += await self._tell(record, one, pipeline)
            else:
                needed.add(record.offset, None)
        return outcomes

    async def _tell(self, record: Record, decided: Decided, pipeline: Pipeline) -> Sequence[asyncio.Future[bool]]:
        if decided.error is not None:
            self._exported.unreadable()
            await self._dead_letters.publish(record, "unreadable", decided.error)
        self._exported.saw(decided.camera)
        outcomes = []
        for event in decided.events:
            if (numbered := self._published.admit(event)) is not None:
                await pipeline.room()
                outcomes.append(pipeline.send(numbered))
                self._exported.published(event)
        return outcomes
