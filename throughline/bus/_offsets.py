"""Where partitions begin and end, what was published when, and what groups have committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import KafkaError as ClientError
from confluent_kafka import TopicPartition as ClientPartition
from confluent_kafka.admin import AdminClient

from throughline.bus._connection import explain
from throughline.bus._consumer import close
from throughline.bus.records import BusError, Place
from throughline.times import Instant

__all__ = ["OffsetLookup"]

_PAUSE_SECONDS = 0.05
_ANSWER_SECONDS = 3.0  # an answer takes milliseconds

Result = TypeVar("Result")


class OffsetLookup:
    """Asks a broker for offsets, on connections of its own that are opened when needed.

    Args:
        make: Makes an aiokafka consumer without topics and group.
        configuration: Of a librdkafka client: aiokafka is told of committed offsets that an open transaction may still change.
        timeout: Seconds that a question may take.
        where: What to call the servers in errors.
    """

    def __init__(self, make: Callable[[], AIOKafkaConsumer], configuration: dict[str, Any], timeout: float, where: str) -> None:
        self._make, self._configuration, self._timeout, self._where = make, configuration, timeout, where
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AdminClient | None = None
        self._opening = asyncio.Lock()

    async def first(self, places: Collection[Place]) -> dict[Place, int]:
        """See `throughline.bus.Bus.first_offsets`."""
        found = await self._ask(lambda consumer: consumer.beginning_offsets(_partitions(places)), "where partitions begin")
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    async def end(self, places: Collection[Place]) -> dict[Place, int]:
        """See `throughline.bus.Bus.end_offsets`."""
        found = await self._ask(lambda consumer: consumer.end_offsets(_partitions(places)), "where partitions end")
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    async def for_time(self, places: Collection[Place], time: Instant) -> dict[Place, int]:
        """See `throughline.bus.Bus.offsets_for_time`."""
        milliseconds = max(0, time // 1000)
        found = await self._ask(
            lambda consumer: consumer.offsets_for_times(dict.fromkeys(_partitions(places), milliseconds)), "what came when"
        )
        ends = await self.end(places)
        return {place: ends[place] if (at := found[TopicPartition(*place)]) is None else at.offset for place in places}

    async def _ask(self, question: Callable[[AIOKafkaConsumer], Awaitable[Result]], what: str) -> Result:
        try:
            async with asyncio.timeout(self._timeout):
                async with self._opening:
                    if self._consumer is None:
                        consumer = self._make()
                        try:
                            await consumer.start()
                        except BaseException:
                            await close(consumer)
                            raise
                        self._consumer = consumer
                return await question(self._consumer)
        except (KafkaError, TimeoutError) as error:
            raise BusError(f"Kafka at {self._where} did not say {what}: {explain(error)}") from error

    async def committed(self, group: str, places: Collection[Place]) -> dict[Place, int | None]:
        """See `throughline.bus.Bus.committed`."""
        asked = [ConsumerGroupTopicPartitions(group, [ClientPartition(*place) for place in places])]
        reason = "no answer in time"
        try:
            async with asyncio.timeout(self._timeout):
                while True:
                    admin = self._admin = self._admin or AdminClient(self._configuration)
                    answers = admin.list_consumer_group_offsets(asked, require_stable=True, request_timeout=self._timeout)
                    try:
                        async with asyncio.timeout(_ANSWER_SECONDS):
                            found = await asyncio.shield(asyncio.wrap_future(answers[group]))
                        failed = [place.error for place in found.topic_partitions if place.error is not None]
                    except KafkaException as error:
                        failed = [error.args[0]]
                    except TimeoutError:
                        if self._admin is admin:  # it may wait for a coordinator that went away, and would wait for ever
                            self._admin = None
                        continue
                    if not failed:
                        return {(p.topic, p.partition): p.offset if p.offset >= 0 else None for p in found.topic_partitions}
                    reason = failed[0].str()
                    if failed[0].code() != ClientError.UNSTABLE_OFFSET_COMMIT and not failed[0].retriable():
                        break
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            pass
        raise BusError(f"Kafka at {self._where} did not say what the group {group} has committed: {reason}")

    async def stop(self) -> None:
        """Closes the connections."""
        consumer, self._consumer, self._admin = self._consumer, None, None
        if consumer is not None:
            await close(consumer)


def _partitions(places: Collection[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]
