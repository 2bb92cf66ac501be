"""Reading from Kafka: explicit commits, committed records only, and a client that is replaced when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from throughline.bus._connection import explain
from throughline.bus._group_lock import GroupLock
from throughline.bus._rebalancing import Rebalancing
from throughline.bus.protocol import RebalanceListener
from throughline.bus.records import BusError, Membership, Place, Record
from throughline.telemetry.metrics import Metrics

__all__ = ["KafkaConsumer", "close", "record_from"]

_POLL_MILLISECONDS = 200
_PAUSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class KafkaConsumer:
    """A member of a group, or a reader on its own.

    Args:
        make: Makes an aiokafka consumer for the topics given to it (none, when it subscribes or is assigned by hand).
        topics: Full names.
        group: Whether offsets can be committed.
        partitions: On a broker without shared groups: says which partitions to read; None: the broker decides.
        lock: Keeps a second consumer out of the group, where the broker has no shared groups; released by `stop`.
        timeout: Seconds that a request may take.
        where: What to call the servers in errors.
        metrics: Counts records.
        listener: Is told of partitions gained and lost.
    """

    def __init__(
        self,
        make: Callable[..., AIOKafkaConsumer],
        topics: Sequence[str],
        *,
        group: str | None,
        partitions: Callable[[str], Awaitable[set[int]]] | None,
        lock: GroupLock | None,
        timeout: float,
        where: str,
        metrics: Metrics,
        listener: RebalanceListener | None = None,
    ) -> None:
        self._make, self._topics, self._group, self._partitions = make, tuple(topics), group, partitions
        self._lock, self._timeout, self._where, self._metrics = lock, timeout, where, metrics
        self._consumer: AIOKafkaConsumer | None = None
        self._joined: AIOKafkaConsumer | None = None  # already while it starts
        self._next: dict[TopicPartition, int] = {}
        self._sought: set[TopicPartition] = set()
        self._rebalancing = Rebalancing(listener, self._present_membership)
        self._stopped = asyncio.Event()

    @property
    def assignment(self) -> frozenset[Place]:
        """See `throughline.bus.Consumer.assignment`."""
        return self._rebalancing.held

    @property
    def membership(self) -> Membership | None:
        """See `throughline.bus.Consumer.membership`."""
        return self._rebalancing.membership

    def _present_membership(self) -> Membership | None:
        if self._group is None:
            return None
        if self._partitions is not None or self._joined is None:
            return Membership(self._group)
        coordinator = self._joined._coordinator  # noqa: SLF001 - the generation is nowhere public
        return Membership(self._group, coordinator.member_id, coordinator.generation)

    async def start(self) -> None:
        """Connects, joins the group, and finds where to begin in each partition.

        Raises:
            BusError: that did not succeed in time.
        """
        try:
            self._consumer = await self._open()
        except (KafkaError, TimeoutError) as error:
            raise self._failure("could not be read", error) from error

    async def _open(self) -> AIOKafkaConsumer:
        in_group = self._group is not None and self._partitions is None
        consumer = self._joined = self._make(*(() if in_group or self._partitions else self._topics))
        if in_group:
            consumer.subscribe(self._topics, listener=self._rebalancing)
        try:
            async with asyncio.timeout(self._timeout):
                await consumer.start()
                if self._partitions is not None:
                    consumer.assign([TopicPartition(t, n) for t in self._topics for n in sorted(await self._partitions(t))])
                if not in_group:
                    self._rebalancing.come(consumer.assignment())
                await self._find_positions(consumer)
        except BaseException:
            await close(consumer)
            raise
        return consumer

    async def _find_positions(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                for partition in consumer.assignment():
                    if self._group is None and partition in self._next:
                        consumer.seek(partition, self._next[partition])
                    else:  # decided now, so that "from now on" means from this call on
                        await consumer.position(partition)
            except IllegalStateError:  # reassigned meanwhile
                await asyncio.sleep(0)
            else:
                return

    async def records(self, max_records: int = 500) -> AsyncIterator[Sequence[Record]]:
        """See `throughline.bus.Consumer.records`; ends after `stop`."""
        while not self._stopped.is_set() and self._consumer is not None:
            await self._rebalancing.turn()
            self._sought.clear()
            try:
                batches = await self._fetched(self._consumer, max_records)
            except ConsumerStoppedError:
                continue
            except (TopicAuthorizationFailedError, GroupAuthorizationFailedError) as error:
                raise self._failure("may not be read", error) from error
            except KafkaError as error:
                if not self._stopped.is_set():
                    await self._replace(error)
                continue
            if self._rebalancing.assigned:  # what was fetched meanwhile stands behind what the listener wants
                await self._rebalancing.turn()
            records: list[Record] = []
            for partition, batch in batches.items():
                if partition in self._sought or (self._rebalancing.told and tuple(partition) not in self.assignment):
                    continue
                records += [record_from(item) for item in batch]
                self._next[partition] = batch[-1].offset + 1
                self._metrics.records_consumed.labels(partition.topic).inc(len(batch))
            yield records

    async def _fetched(self, consumer: AIOKafkaConsumer, most: int) -> Mapping[TopicPartition, list[ConsumerRecord[Any, Any]]]:
        """Fetches. aiokafka does not return while the group changes, but the listener must be told meanwhile."""
        fetching = asyncio.ensure_future(consumer.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=most))
        try:
            while not fetching.done():
                attention = asyncio.ensure_future(self._rebalancing.attention.wait())
                await asyncio.wait([fetching, attention], return_when=asyncio.FIRST_COMPLETED)
                attention.cancel()
                if self._stopped.is_set():
                    return {}
                if not fetching.done():
                    await self._rebalancing.turn()
        finally:
            if not fetching.done():
                fetching.cancel()
                await asyncio.wait([fetching])
        result: Mapping[TopicPartition, list[ConsumerRecord[Any, Any]]] = fetching.result()
        return result

    async def _replace(self, error: KafkaError) -> None:
        log.warning("reading from Kafka failed, connecting anew", topics=self._topics, group=self._group, error=explain(error))
        await self._rebalancing.lose()
        if self._consumer is not None:
            await close(self._consumer)
        while not self._stopped.is_set():
            await asyncio.sleep(_PAUSE_SECONDS)
            try:
                self._consumer = await self._open()
            except (KafkaError, TimeoutError) as again:
                log.warning("reading from Kafka still fails", topics=self._topics, group=self._group, error=explain(again))
            else:
                if self._stopped.is_set():  # meanwhile
                    await close(self._consumer)
                return

    async def seek(self, place: Place, offset: int) -> None:
        """See `throughline.bus.Consumer.seek`."""
        partition = TopicPartition(*place)
        if self._consumer is None:
            raise BusError("the consumer has been stopped")
        try:
            async with asyncio.timeout(self._timeout):
                first: int = (await self._consumer.beginning_offsets([partition]))[partition]
                end: int = (await self._consumer.end_offsets([partition]))[partition]
            if not first <= offset <= end:
                raise BusError(f"{place[0]}/{place[1]} has no offset {offset} to go to: it has {first} to {end}")
            self._consumer.seek(partition, offset)
        except IllegalStateError as error:
            raise BusError(f"{place[0]}/{place[1]} is not assigned to this consumer") from error
        except (KafkaError, TimeoutError) as error:
            raise self._failure("did not say which offsets there are", error) from error
        self._sought.add(partition)
        self._next[partition] = offset

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """See `throughline.bus.Consumer.commit`.

        Raises:
            BusError: the consumer has no group, or Kafka did not answer in time.
        """
        if self._group is None:
            raise BusError("a consumer without a group has no offsets to commit")
        if not offsets or self._consumer is None:
            return
        try:
            async with asyncio.timeout(self._timeout):
                await self._consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})
        except (CommitFailedError, IllegalStateError) as error:
            log.info("offsets not committed, the group is rebalancing", group=self._group, error=explain(error))
        except (KafkaError, TimeoutError) as error:
            raise self._failure("did not take the offsets", error) from error

    async def lag(self) -> int:
        """See `throughline.bus.Consumer.lag`.

        Raises:
            BusError: Kafka did not answer in time.
        """
        if self._consumer is None:
            return 0
        try:
            async with asyncio.timeout(self._timeout):
                partitions = self._consumer.assignment()
                ends: dict[TopicPartition, int] = await self._consumer.end_offsets(partitions) if partitions else {}
                return sum([max(0, end - await self._consumer.position(partition)) for partition, end in ends.items()])
        except IllegalStateError:  # reassigned meanwhile
            return 0
        except (KafkaError, TimeoutError) as error:
            raise self._failure("did not say how much there is to read", error) from error

    async def stop(self) -> None:
        """See `throughline.bus.Consumer.stop`."""
        self._stopped.set()
        self._rebalancing.stop()
        consumer, self._consumer = self._consumer, None
        try:
            if consumer is not None:
                await close(consumer)
        finally:
            if self._lock is not None:
                self._lock.release()

    def _failure(self, what: str, error: BaseException) -> BusError:
        group = "" if self._group is None else f" for the group {self._group}"
        return BusError(f"Kafka at {self._where}: {', '.join(self._topics)} {what}{group}: {explain(error)}")


async def close(consumer: AIOKafkaConsumer) -> None:
    """Closes a client that may have failed: it then repeats its failure, or cancels its caller, before it is through."""
    closing = asyncio.create_task(consumer.stop())
    await asyncio.wait([closing])
    if closing.cancelled() or closing.exception() is not None:
        await consumer._client.close()  # noqa: SLF001 - what was left undone


def record_from(item: ConsumerRecord[Any, Any]) -> Record:
    """A record as aiokafka gives it, as ours."""
    return Record(
        item.topic, item.partition, item.offset, item.key, item.value, dict(item.headers), max(0, item.timestamp) * 1000
    )
