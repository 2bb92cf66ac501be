"""Matchers of several sites on a Kafka with transactions: events, snapshots and offsets are committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from matcher.deciding import MatcherWorker
from matcher.delivery.owned_partition import OwnedPartition
from throughline.bus.protocol import Bus, Consumer, Place, Record
from throughline.bus.topics import TRACKLETS
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics

__all__ = ["ExactlyOnce"]

_LAG_INTERVAL = 1.0
_DRAIN_SECONDS = 5.0
"""How long it goes on at the end with what has been published already."""
_STRANGERS = 100
"""Keys that are named in the log, at most."""

log = structlog.get_logger(__name__)


class ExactlyOnce:
    """A member of a group of matchers that share sites, by the partitions of the tracklets.

    Who gets a partition opens its transactional id, and so ends whatever a former owner has under way; then it brings the
    sites' matchers back to what was committed and reads on there. Every batch of records is decided and committed in one
    transaction for each partition: its events, the offsets behind it, and from time to time snapshots. So whatever is killed, and
    whenever: what is committed is all of a batch or nothing, and who goes on does so from the same state. When another member
    has taken over, nothing can be committed any more: then the partition is left alone until the group says whose it is.

    Args:
        bus: A started bus with transactions.
        sites: All members of the group have the same ones. They share a Kafka.
        metrics: Of this process.
        group: Consumer group; the transactional ids begin with it.
        own_process: See `MatcherWorker`.
    """

    def __init__(self, bus: Bus, sites: Sequence[Site], metrics: Metrics, group: str, *, own_process: bool) -> None:
        self._bus, self._sites, self._metrics, self._group = bus, sites, metrics, group
        self._own_process = own_process
        self._topic = sites[0].kafka.topic(TRACKLETS)
        self._home: dict[int, list[Site]] = {}
        self._owned: dict[Place, OwnedPartition] = {}
        self._left: dict[Place, OwnedPartition] = {}
        self._keys = {site.site.encode() for site in sites}
        self._strangers: set[bytes | None] = set()
        self._consumer: Consumer | None = None
        self.ready = False
        """Whether it reads and decides."""

    def worker(self, site: str) -> MatcherWorker | None:
        """Who decides for a site; None: none of this member."""
        workers = (partition.worker(site) for partition in self._owned.values())
        return next((worker for worker in workers if worker is not None), None)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set.

        Raises:
            BusError: Kafka did not do its part in time: whoever calls begins again, from what was committed.
        """
        for site in self._sites:
            self._home.setdefault(await self._bus.partition_of(self._topic, site.site), []).append(site)
        self._consumer = await self._bus.consumer([self._topic], self._group, listener=self)
        try:
            await self._consume(self._consumer, stop)
        finally:
            self.ready = False
            for partition in (*self._owned.values(), *self._left.values()):
                await partition.close()
            self._owned.clear()
            self._left.clear()
            await self._consumer.stop()

    async def revoked(self, places: frozenset[Place]) -> None:
        """See `throughline.bus.RebalanceListener.revoked`."""
        self._left = self._owned
        self._owned = {}
        for place, partition in self._left.items():
            await partition.let_go()
            log.info("a partition is let go", topic=place[0], partition=place[1], still=place in places)

    async def assigned(self, places: frozenset[Place]) -> None:
        """See `throughline.bus.RebalanceListener.assigned`."""
        consumer = self._consumer
        if consumer is None:
            return
        for place in self._left.keys() - places:
            await self._left.pop(place).close()
        for place in sorted(places):
            sites = self._home.get(place[1])
            if sites is None:
                continue
            partition = self._left.pop(place, None) or OwnedPartition(
                self._bus, place, sites, self._metrics, self._group, own_process=self._own_process
            )
            self._owned[place] = partition
            await consumer.seek(place, await partition.take_up())
        log.info("partitions are owned", topic=self._topic, partitions=sorted(number for _, number in places))

    async def _consume(self, consumer: Consumer, stop: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        looked, give_up = 0.0, None
        async for batch in consumer.records():
            self.ready = True
            await self._take(batch, consumer)
            if stop.is_set():  # what was published before the stop is still decided
                give_up = give_up or clock() + _DRAIN_SECONDS
                if not batch or clock() >= give_up or await consumer.lag() == 0:
                    await asyncio.gather(*(partition.finish() for partition in self._owned.values()))
                    await self._export(consumer)
                    return
            if clock() - looked >= _LAG_INTERVAL:
                looked = clock()
                await self._export(consumer)

    async def _export(self, consumer: Consumer) -> None:
        lag = await consumer.lag()
        for partition in self._owned.values():
            partition.export(lag)

    async def _take(self, batch: Sequence[Record], consumer: Consumer) -> None:
        if consumer.membership is None:
            return
        records: dict[Place, list[Record]] = {place: [] for place in self._owned}
        for record in batch:
            if record.key not in self._keys:
                self._note_stranger(record.key)
            records.get((record.topic, record.partition), []).append(record)
        await asyncio.gather(*(self._owned[place].take(some, consumer.membership) for place, some in records.items()))

    def _note_stranger(self, key: bytes | None) -> None:
        self._metrics.matcher_foreign_records.inc()
        if key not in self._strangers and len(self._strangers) < _STRANGERS:
            self._strangers.add(key)
            log.warning("records of a site that this matcher has no settings for are left alone", site=repr(key))
