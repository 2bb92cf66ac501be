"""A bus inside one process, with Kafka's contract: for tests and for work without a broker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from throughline.bus._memory_group import Group, MemoryConsumer
from throughline.bus._memory_transactions import MemoryTransactions
from throughline.bus._range import check_range
from throughline.bus.partitioning import partition_for
from throughline.bus.protocol import Consumer, RebalanceListener
from throughline.bus.records import BusError, Capabilities, Headers, Membership, Place, Record, RecordRefusedError
from throughline.bus.topics import LARGEST_RECORD
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant

__all__ = ["MemoryBus"]

_CAPABILITIES = Capabilities(shared_groups=True, compaction=False, durable=False, transactions=True, offsets_by_time=True)
_POLL_SECONDS = 0.1
_MICROSECONDS_IN_NANOSECONDS = 1000


class MemoryBus:
    """Keeps every record until it is garbage; stopping it keeps them too, so that a restart can be played.

    Records of a transaction stand in the log from its commit on, and not before: offsets have no gaps.

    Args:
        metrics: Counts records published and consumed.
        partitions: Of each topic.
    """

    def __init__(self, metrics: Metrics | None = None, partitions: int = 1) -> None:
        self._metrics = Metrics() if metrics is None else metrics
        self._partitions = partitions
        self._logs: defaultdict[str, list[list[Record]]] = defaultdict(lambda: [[] for _ in range(partitions)])
        self._groups: defaultdict[str, Group] = defaultdict(Group)
        self._owners: dict[str, MemoryTransactions] = {}
        self._consumers: list[MemoryConsumer] = []
        self._news = asyncio.Event()
        self._is_started = False

    @property
    def capabilities(self) -> Capabilities:
        """What a bus in memory can do."""
        return _CAPABILITIES

    async def start(self) -> None:
        """See `throughline.bus.Bus.start`."""
        self._is_started = True
        self._metrics.bus_connected.set(1)

    async def publish(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """See `throughline.bus.Bus.publish`."""
        self._check_started()
        began = time.perf_counter()
        try:
            self.check_size(topic, value)
        except RecordRefusedError:
            self._metrics.publish_failures.labels(topic, "failed").inc()
            raise
        self.append(topic, key, value, headers)
        self.tell()
        await asyncio.sleep(0)  # whoever publishes in a loop lets the readers run, as with a network
        self._metrics.publish_seconds.labels(topic).observe(time.perf_counter() - began)

    @staticmethod
    def check_size(topic: str, value: bytes | None) -> None:
        """Raises an error when a record is too large."""
        if len(value or b"") > LARGEST_RECORD:
            raise RecordRefusedError(f"a record of {len(value or b'')} bytes is too large for {topic}")

    def append(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """Puts a record behind the others; `tell` makes it known."""
        data = key.encode(errors="surrogateescape")
        number = partition_for(data, self._partitions)
        log = self._logs[topic][number]
        now = time.time_ns() // _MICROSECONDS_IN_NANOSECONDS
        log.append(Record(topic, number, len(log), data, value, dict(headers), now))
        self._metrics.records_published.labels(topic).inc()

    def tell(self) -> None:
        """Wakes those who wait for records."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def transactions(self, transactional_id: str) -> MemoryTransactions:
        """See `throughline.bus.Bus.transactions`."""
        self._check_started()
        opened = self._owners[transactional_id] = MemoryTransactions(self, transactional_id, self._metrics)
        return opened

    def owner(self, transactional_id: str) -> MemoryTransactions | None:
        """Who opened the id last."""
        return self._owners.get(transactional_id)

    async def consumer(
        self,
        topics: Sequence[str],
        group: str | None,
        *,
        from_start: bool = True,
        listener: RebalanceListener | None = None,
    ) -> Consumer:
        """See `throughline.bus.Bus.consumer`."""
        self._check_started()
        joined = None if group is None else self._groups[group]
        consumer = MemoryConsumer(self, topics, group, joined, from_start=from_start, listener=listener)
        self._consumers.append(consumer)
        return consumer

    async def read(
        self, place: Place, start: int, end: int | None = None, max_records: int = 500
    ) -> AsyncIterator[Sequence[Record]]:
        """See `throughline.bus.Bus.read`."""
        self._check_started()
        last = self.end(place)
        if end is None:
            end = last
        check_range(place, start, end, 0, last)
        while start < end:
            batch = self.taken(place, start, min(max_records, end - start))
            start += len(batch)
            yield batch

    async def partitions(self, topic: str) -> int:  # noqa: ARG002 - all topics have as many
        """See `throughline.bus.Bus.partitions`."""
        self._check_started()
        return self._partitions

    async def partition_of(self, topic: str, key: str) -> int:
        """See `throughline.bus.Bus.partition_of`."""
        return partition_for(key.encode(errors="surrogateescape"), await self.partitions(topic))

    async def first_offsets(self, places: Collection[Place]) -> dict[Place, int]:
        """See `throughline.bus.Bus.first_offsets`."""
        self._check_started()
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: Collection[Place]) -> dict[Place, int]:
        """See `throughline.bus.Bus.end_offsets`."""
        self._check_started()
        return {place: self.end(place) for place in places}

    async def offsets_for_time(self, places: Collection[Place], time: Instant) -> dict[Place, int]:
        """See `throughline.bus.Bus.offsets_for_time`."""
        self._check_started()
        found = {}
        for topic, number in places:
            log = self._logs[topic][number]
            found[topic, number] = next((record.offset for record in log if record.time >= time), len(log))
        return found

    async def committed(self, group: str, places: Collection[Place]) -> dict[Place, int | None]:
        """See `throughline.bus.Bus.committed`."""
        self._check_started()
        offsets = self._groups[group].committed
        return {place: offsets.get(place) for place in places}

    async def stop(self) -> None:
        """See `throughline.bus.Bus.stop`."""
        self._is_started = False
        for owner in self._owners.values():
            await owner.stop()
        while self._consumers:
            await self._consumers.pop().stop()
        self._metrics.bus_connected.set(0)

    def _check_started(self) -> None:
        if not self._is_started:
            raise BusError("the bus has not been started, or has been stopped")

    def log(self, topic: str) -> list[Record]:
        """Every record of ``topic``, partition by partition: what a test wants to see."""
        return [record for partition in self._logs[topic] for record in partition]

    def places(self, topics: Sequence[str]) -> list[Place]:
        """Every (topic, partition)."""
        return [(topic, number) for topic in topics for number in range(self._partitions)]

    def end(self, place: Place) -> int:
        """Offset that the next record will have."""
        if not 0 <= place[1] < self._partitions:
            raise BusError(f"{place[0]} has no partition {place[1]}")
        return len(self._logs[place[0]][place[1]])

    def taken(self, place: Place, offset: int, most: int) -> list[Record]:
        """Up to ``most`` records from ``offset`` on, counted as consumed."""
        records = self._logs[place[0]][place[1]][offset : offset + most]
        self._metrics.records_consumed.labels(place[0]).inc(len(records))
        return records

    def check_membership(self, membership: Membership) -> None:
        """Raises an error when the group has gone on without the member."""
        self._groups[membership.group].check(membership)

    def commit(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Remembers offsets for a group."""
        self._groups[group].committed.update(offsets)

    async def news(self) -> None:
        """Returns when something was published or a group has changed, or after a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_SECONDS):  # Python 3.11's wait_for swallows a cancellation that comes with the news
                await self._news.wait()
