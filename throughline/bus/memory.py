"""A bus inside one process, with Kafka's contract: for tests and for work without a broker."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence

from throughline.bus.protocol import BusError, Capabilities, Consumer, Headers, Record, RecordRefusedError
from throughline.bus.topics import LARGEST_RECORD
from throughline.telemetry.metrics import Metrics

__all__ = ["MemoryBus"]

_CAPABILITIES = Capabilities(shared_groups=True, compaction=False, durable=False, transactions=False, offsets_by_time=False)
_POLL_SECONDS = 0.1

_Place = tuple[str, int]


class MemoryBus:
    """Keeps every record until it is garbage; stopping it keeps them too, so that a restart can be played.

    Args:
        metrics: Counts records published and consumed.
        partitions: Of each topic.
    """

    def __init__(self, metrics: Metrics | None = None, partitions: int = 1) -> None:
        self._metrics = Metrics() if metrics is None else metrics
        self._partitions = partitions
        self._logs: defaultdict[str, list[list[Record]]] = defaultdict(lambda: [[] for _ in range(partitions)])
        self._groups: defaultdict[str, _Group] = defaultdict(_Group)
        self._consumers: list[_MemoryConsumer] = []
        self._news = asyncio.Event()
        self._started = False

    @property
    def capabilities(self) -> Capabilities:
        """What a bus in memory can do."""
        return _CAPABILITIES

    async def start(self) -> None:
        """See `throughline.bus.Bus.start`."""
        self._started = True
        self._metrics.bus_connected.set(1)

    async def publish(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """See `throughline.bus.Bus.publish`."""
        self._check_started()
        began = time.perf_counter()
        if len(value or b"") > LARGEST_RECORD:
            self._metrics.publish_failures.labels(topic, "failed").inc()
            raise RecordRefusedError(f"a record of {len(value or b'')} bytes is too large for {topic}")
        data = key.encode(errors="surrogateescape")
        number = zlib.crc32(data) % self._partitions
        log = self._logs[topic][number]
        log.append(Record(topic, number, len(log), data, value, dict(headers)))
        self._metrics.records_published.labels(topic).inc()
        news, self._news = self._news, asyncio.Event()
        news.set()
        await asyncio.sleep(0)  # whoever publishes in a loop lets the readers run, as with a network
        self._metrics.publish_seconds.labels(topic).observe(time.perf_counter() - began)

    async def consumer(self, topics: Sequence[str], group: str | None, *, from_start: bool = True) -> Consumer:
        """See `throughline.bus.Bus.consumer`."""
        self._check_started()
        consumer = _MemoryConsumer(self, topics, None if group is None else self._groups[group], from_start=from_start)
        self._consumers.append(consumer)
        return consumer

    async def stop(self) -> None:
        """See `throughline.bus.Bus.stop`."""
        self._started = False
        while self._consumers:
            await self._consumers.pop().stop()
        self._metrics.bus_connected.set(0)

    def _check_started(self) -> None:
        if not self._started:
            raise BusError("the bus has not been started, or has been stopped")

    def log(self, topic: str) -> list[Record]:
        """Every record of ``topic``, partition by partition: what a test wants to see."""
        return [record for partition in self._logs[topic] for record in partition]

    def places(self, topics: Sequence[str]) -> list[_Place]:
        """Every (topic, partition)."""
        return [(topic, number) for topic in topics for number in range(self._partitions)]

    def end(self, place: _Place) -> int:
        """Offset that the next record will have."""
        return len(self._logs[place[0]][place[1]])

    def read(self, place: _Place, offset: int, most: int) -> list[Record]:
        """Up to ``most`` records from ``offset`` on, counted as consumed."""
        records = self._logs[place[0]][place[1]][offset : offset + most]
        self._metrics.records_consumed.labels(place[0]).inc(len(records))
        return records

    async def news(self) -> None:
        """Returns when something was published, or after a while."""
        try:
            await asyncio.wait_for(self._news.wait(), _POLL_SECONDS)
        except TimeoutError:
            return


class _Group:
    """The members of a group, in the order in which they joined, and what they have committed."""

    def __init__(self) -> None:
        self.committed: dict[_Place, int] = {}
        self.members: list[_MemoryConsumer] = []

    def change(self, member: _MemoryConsumer, *, joins: bool) -> None:
        """Lets a member in or out; whoever gets a partition begins where the group has committed."""
        if joins:
            self.members.append(member)
        elif member in self.members:
            self.members.remove(member)
        for each in self.members:
            each.rebalance()


class _MemoryConsumer:
    def __init__(self, bus: MemoryBus, topics: Sequence[str], group: _Group | None, *, from_start: bool) -> None:
        self._bus, self._topics, self._group = bus, tuple(topics), group
        self._first = {place: 0 if from_start else bus.end(place) for place in bus.places(topics)}
        self._next: dict[_Place, int] = {}
        self._stopped = False
        if group is None:
            self._next = dict(self._first)
        else:
            group.change(self, joins=True)

    def rebalance(self) -> None:
        group = self._group
        if group is None:
            return
        count, mine = len(group.members), group.members.index(self)
        places = self._bus.places(self._topics)[mine::count]
        self._next = {p: self._next.get(p, group.committed.get(p, self._first[p])) for p in places}

    async def records(self, max_records: int = 500) -> AsyncIterator[Sequence[Record]]:
        while not self._stopped:
            batch: list[Record] = []
            for place, offset in list(self._next.items()):
                found = self._bus.read(place, offset, max_records - len(batch))
                self._next[place] = offset + len(found)
                batch += found
            if not batch:
                await self._bus.news()
            if not self._stopped:
                yield batch

    async def commit(self, offsets: Mapping[_Place, int]) -> None:
        if self._group is None:
            raise BusError("a consumer without a group has no offsets to commit")
        self._group.committed.update({place: offset for place, offset in offsets.items() if place in self._next})

    async def lag(self) -> int:
        return sum(self._bus.end(place) - offset for place, offset in self._next.items())

    async def stop(self) -> None:
        self._stopped = True
        if self._group is not None:
            self._group.change(self, joins=False)
