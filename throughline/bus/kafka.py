"""The bus on Kafka, by aiokafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from throughline.bus._connection import connection_arguments, explain, reach
from throughline.bus._consumer import KafkaConsumer
from throughline.bus._group_lock import GroupLock
from throughline.bus._sender import Sender
from throughline.bus.protocol import BusError, Capabilities, Consumer, Headers
from throughline.bus.topics import LARGEST_RECORD, TOPICS, create_missing
from throughline.settings.kafka import EMBEDDED, KafkaSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["EMBEDDED_CAPABILITIES", "KAFKA_CAPABILITIES", "KafkaBus"]

KAFKA_CAPABILITIES = Capabilities(shared_groups=True, compaction=True, durable=True, transactions=True, offsets_by_time=True)
EMBEDDED_CAPABILITIES = Capabilities(
    shared_groups=False, compaction=False, durable=False, transactions=False, offsets_by_time=False
)
"""Librdkafka's own broker, for trying out. It takes transactions, but nothing that it holds outlives it."""

_BATCH_BYTES = 128 * 1024
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
            existing = (await client.fetch_all_metadata()).topics()
            self._embedded = self._embedded or await _has_no_controller(client)
            if not self._embedded:
                await create_missing(self._settings, existing, connection)
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
        self._sender = Sender(self._make_producer, self._settings.request_timeout, self._servers)
        self._watch = asyncio.create_task(self._watch_connection(client))
        self._metrics.bus_connected.set(1)

    def _make_producer(self) -> AIOKafkaProducer:
        compression = self._settings.compression
        return AIOKafkaProducer(
            **connection_arguments(self._settings, self._servers),
            enable_idempotence=True,
            acks="all",
            compression_type=None if compression == "none" else compression,
            max_batch_size=_BATCH_BYTES,
            max_request_size=LARGEST_RECORD,
        )

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

    async def consumer(self, topics: Sequence[str], group: str | None, *, from_start: bool = True) -> Consumer:
        """See `throughline.bus.Bus.consumer`."""
        if self._client is None:
            raise BusError("the bus has not been started, or has been stopped")

        def make(*subscribed: str) -> AIOKafkaConsumer:
            return AIOKafkaConsumer(
                *subscribed,
                **connection_arguments(self._settings, self._servers),
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest" if from_start else "latest",
                isolation_level="read_committed",
                fetch_max_wait_ms=max(1, round(self._settings.fetch_max_wait * 1000)),
            )

        lock = GroupLock(self._broker_address(self._client), group) if self._embedded and group is not None else None
        consumer = KafkaConsumer(
            make,
            topics,
            group=group,
            partitions=self._partitions if self._embedded else None,
            lock=lock,
            timeout=self._settings.request_timeout,
            where=self._servers,
            metrics=self._metrics,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumers.append(consumer)
        return consumer

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
                answered = await asyncio.wait_for(client.force_metadata_update(), _PROBE_TIMEOUT_SECONDS)
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
        while self._consumers:
            await self._consumers.pop().stop()
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        self._metrics.bus_connected.set(0)


async def _has_no_controller(client: AIOKafkaClient) -> bool:
    """Whether this is the embedded broker of another process: no real cluster stays without a controller."""
    for _ in range(_LOOKS_FOR_CONTROLLER):
        if (await client.fetch_all_metadata()).controller is not None:
            return False
        await asyncio.sleep(0.5)
    return True
