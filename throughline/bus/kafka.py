"""The bus on Kafka, by aiokafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from throughline.bus._clients import Clients
from throughline.bus._connection import connection_arguments, explain, reach
from throughline.bus._consumer import KafkaConsumer
from throughline.bus._group_lock import GroupLock
from throughline.bus._librdkafka import client_configuration
from throughline.bus._offsets import OffsetLookup
from throughline.bus._range import RangeReader, check_range
from throughline.bus._sender import Sender
from throughline.bus._transactions import KafkaTransactions
from throughline.bus.partitioning import partition_for
from throughline.bus.protocol import Consumer, RebalanceListener
from throughline.bus.records import BusError, Capabilities, Headers, Place, Record
from throughline.bus.topics import TOPICS, prepare_topics
from throughline.settings.kafka import EMBEDDED, KafkaSettings
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant

__all__ = ["EMBEDDED_CAPABILITIES", "KAFKA_CAPABILITIES", "KafkaBus"]

KAFKA_CAPABILITIES = Capabilities(shared_groups=True, compaction=True, durable=True, transactions=True, offsets_by_time=True)
EMBEDDED_CAPABILITIES = Capabilities(
    shared_groups=False, compaction=False, durable=False, transactions=False, offsets_by_time=False
)
"""Librdkafka's own broker, for trying out. It takes transactions, but nothing that it holds outlives it."""

_PROBE_SECONDS = 2.0
_PROBE_TIMEOUT_SECONDS = 5.0
_LOOKS_FOR_CONTROLLER = 4

log = structlog.get_logger(__name__)


class KafkaBus:
    """Publishes with acknowledgement by all in-sync replicas, idempotently; reads with explicit commits.

    The client connects again by itself: a broker may be killed and come back at the same address.

    Args:
        settings: Where Kafka is and how to speak to it.
        metrics: ``records_published``, ``publish_failures``, ``publish_seconds``, ``records_consumed``, ``bus_connected``.
        servers: Where the embedded broker is, when the settings ask for it; `throughline.bus.open_bus` knows.
    """

    def __init__(self, settings: KafkaSettings, metrics: Metrics, servers: str | None = None) -> None:
        if settings.bootstrap_servers == EMBEDDED and servers is None:
            raise BusError("no embedded broker is running here: open the bus with open_bus, which starts one")
        self._settings, self._metrics = settings, metrics
        self._servers = servers or settings.bootstrap_servers
        self._embedded = settings.bootstrap_servers == EMBEDDED
        self._client: AIOKafkaClient | None = None
        self._sender: Sender | None = None
        self._watch: asyncio.Task[None] | None = None
        self._consumers: list[KafkaConsumer] = []
        self._readers: set[RangeReader] = set()
        self._transactions: list[KafkaTransactions] = []
        self._clients = Clients(settings, self._servers)
        self._offsets = OffsetLookup(
            self._clients.consumer,
            client_configuration(settings, self._servers),
            settings.request_timeout,
            self._servers,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the broker can do; known once started."""
        return EMBEDDED_CAPABILITIES if self._embedded else KAFKA_CAPABILITIES

    async def start(self) -> None:
        """Connects, and creates missing topics where the broker can; the embedded one makes topics on first use.

        Raises:
            BusError: the broker cannot be reached, or refuses to create a topic.
        """
        if self._client is not None:
            return
        await reach(self._settings, self._servers)
        connection = connection_arguments(self._settings, self._servers)
        client = AIOKafkaClient(**connection)
        try:
            await client.bootstrap()
            self._embedded = self._embedded or await _has_no_controller(client)
            if not self._embedded:
                await prepare_topics(self._settings, connection)
            await client.set_topics([self._settings.topic(name) for name in TOPICS])
        except KafkaError as error:
            named = self._broker_address(client)
            await client.close()
            raise BusError(
                f"Kafka at {self._servers} answers, and says that its brokers are at {named}, but there: {explain(error)}. Can "
                "this machine reach them by these names (the brokers' advertised.listeners)?"
            ) from error
        except BaseException:
            await client.close()
            raise
        self._client = client
        self._sender = Sender(self._clients.producer, self._settings.request_timeout, self._servers)
        self._watch = asyncio.create_task(self._watch_connection(client))
        self._metrics.bus_connected.set(1)

    async def publish(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """See `throughline.bus.Bus.publish`."""
        if self._sender is None:
            raise BusError("the bus has not been started, or has been stopped")
        began = time.perf_counter()
        try:
            await self._sender.send(topic, key.encode(errors="surrogateescape"), value, headers)
        except BusError:
            self._metrics.publish_failures.labels(topic, "failed").inc()
            raise
        self._metrics.publish_seconds.labels(topic).observe(time.perf_counter() - began)
        self._metrics.records_published.labels(topic).inc()

    async def transactions(self, transactional_id: str) -> KafkaTransactions:
        """See `throughline.bus.Bus.transactions`."""
        self._started()
        if not self.capabilities.transactions:
            raise BusError(_without("transactions"))
        opened = KafkaTransactions(self._settings, self._servers, transactional_id, self._metrics)
        try:
            await opened.start()
        except BaseException:
            await opened.stop()
            raise
        self._transactions = [*(each for each in self._transactions if each.is_open), opened]
        return opened

    async def consumer(
        self,
        topics: Sequence[str],
        group: str | None,
        *,
        from_start: bool = True,
        listener: RebalanceListener | None = None,
    ) -> Consumer:
        """See `throughline.bus.Bus.consumer`."""
        client = self._started()

        def make(*subscribed: str) -> AIOKafkaConsumer:
            return self._clients.consumer(*subscribed, group=group, begin="earliest" if from_start else "latest")

        lock = GroupLock(self._broker_address(client), group) if self._embedded and group is not None else None
        consumer = KafkaConsumer(
            make,
            topics,
            group=group,
            partitions=self._partitions if self._embedded else None,
            lock=lock,
            timeout=self._settings.request_timeout,
            where=self._servers,
            metrics=self._metrics,
            listener=listener,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumers.append(consumer)
        return consumer

    async def read(
        self, place: Place, start: int, end: int | None = None, max_records: int = 500
    ) -> AsyncIterator[Sequence[Record]]:
        """See `throughline.bus.Bus.read`."""
        last = (await self.end_offsets([place]))[place]
        first = (await self.first_offsets([place]))[place]
        if end is None:
            end = last
        check_range(place, start, end, first, last)
        if start >= end:
            return
        reader = RangeReader(
            self._clients.stretch_reader,
            place,
            self._settings.request_timeout,
            self._servers,
            self._metrics,
        )
        self._readers.add(reader)
        try:
            async for batch in reader.records(start, end, max_records):
                yield batch
        finally:
            self._readers.discard(reader)
            await reader.stop()

    async def partitions(self, topic: str) -> int:
        """See `throughline.bus.Bus.partitions`."""
        self._started()
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                return len(await self._partitions(topic))
        except (KafkaError, TimeoutError) as error:
            raise BusError(f"Kafka at {self._servers} did not say how many partitions {topic} has: {explain(error)}") from error

    async def partition_of(self, topic: str, key: str) -> int:
        """See `throughline.bus.Bus.partition_of`."""
        return partition_for(key.encode(errors="surrogateescape"), await self.partitions(topic))

    async def first_offsets(self, places: Collection[Place]) -> dict[Place, int]:
        """See `throughline.bus.Bus.first_offsets`."""
        self._started()
        return await self._offsets.first(places)

    async def end_offsets(self, places: Collection[Place]) -> dict[Place, int]:
        """See `throughline.bus.Bus.end_offsets`."""
        self._started()
        return await self._offsets.end(places)

    async def offsets_for_time(self, places: Collection[Place], time: Instant) -> dict[Place, int]:
        """See `throughline.bus.Bus.offsets_for_time`."""
        self._started()
        if not self.capabilities.offsets_by_time:
            raise BusError(_without("offsets by time"))
        return await self._offsets.for_time(places, time)

    async def committed(self, group: str, places: Collection[Place]) -> dict[Place, int | None]:
        """See `throughline.bus.Bus.committed`."""
        self._started()
        return await self._offsets.committed(group, places)

    def _started(self) -> AIOKafkaClient:
        if self._client is None:
            raise BusError("the bus has not been started, or has been stopped")
        return self._client

    @staticmethod
    def _broker_address(client: AIOKafkaClient) -> str:
        return ",".join(sorted(f"{broker.host}:{broker.port}" for broker in client.cluster.brokers()))

    async def _partitions(self, topic: str) -> set[int]:
        if self._client is None:
            return set()
        await self._client.add_topic(topic)  # asking makes it
        while not (partitions := self._client.cluster.partitions_for_topic(topic)):
            await self._client.force_metadata_update()
            await asyncio.sleep(0.05)
        return set(partitions)

    async def _watch_connection(self, client: AIOKafkaClient) -> None:
        connected = True
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            try:
                async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
                    answered = await client.force_metadata_update()
            except TimeoutError:
                answered = False
            self._metrics.bus_connected.set(1 if answered else 0)
            if answered != connected:
                connected = answered
                if connected:
                    log.info("Kafka answers again", servers=self._servers)
                else:
                    log.warning("Kafka does not answer; trying again until it does", servers=self._servers)

    async def stop(self) -> None:
        """See `throughline.bus.Bus.stop`."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.stop()
        while self._transactions:
            await self._transactions.pop().stop()
        while self._consumers:
            await self._consumers.pop().stop()
        while self._readers:
            await self._readers.pop().stop()
        await self._offsets.stop()
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        self._metrics.bus_connected.set(0)


def _without(what: str) -> str:
    return f"the embedded broker has no {what}: set kafka.bootstrap_servers to a real Kafka"


async def _has_no_controller(client: AIOKafkaClient) -> bool:
    """Whether this is the embedded broker of another process: no real cluster stays without a controller."""
    for _ in range(_LOOKS_FOR_CONTROLLER):
        if (await client.fetch_all_metadata()).controller is not None:
            return False
        await asyncio.sleep(0.5)
    return True
