"""Reads a stretch of one partition, and says when some of it is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from throughline.bus._connection import explain
from throughline.bus._consumer import close, record_from
from throughline.bus.records import BusError, Place, Record
from throughline.telemetry.metrics import Metrics

__all__ = ["RangeReader", "check_range"]

_POLL_MILLISECONDS = 200


def check_range(place: Place, start: int, end: int, first: int, last: int) -> None:
    """Raises an error unless the offsets from ``start`` up to ``end`` are among those from ``first`` up to ``last``."""
    if start >= end:
        return
    if start < first:
        raise BusError(
            f"{place[0]}/{place[1]} does not keep offsets {start} to {min(first, end)} any more, the oldest is {first}: give the "
            "topic a longer retention.ms"
        )
    if end > last:
        raise BusError(f"{place[0]}/{place[1]} cannot be read up to offset {end}: it ends at {last}")


class RangeReader:
    """Reads from one offset up to another with a client of its own.

    Args:
        make: Makes an aiokafka consumer without topics and group, which fails where an offset is gone.
        place: Where.
        timeout: Seconds without any progress until it gives up.
        where: What to call the servers in errors.
        metrics: Counts records.
    """

    def __init__(self, make: Callable[[], AIOKafkaConsumer], place: Place, timeout: float, where: str, metrics: Metrics) -> None:
        self._consumer, self._place, self._timeout, self._where = make(), place, timeout, where
        self._metrics = metrics

    async def records(self, start: int, end: int, max_records: int) -> AsyncIterator[Sequence[Record]]:
        """Batches up to ``end``.

        Raises:
            BusError: Kafka did not deliver.
        """
        partition = TopicPartition(*self._place)
        position = start
        try:
            async with asyncio.timeout(self._timeout):
                await self._consumer.start()
                self._consumer.assign([partition])
                self._consumer.seek(partition, start)
            while position < end:
                before = position
                async with asyncio.timeout(self._timeout):
                    batch: list[Record] = []
                    while position == before:
                        fetched = await self._consumer.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=max_records)
                        batch = [record_from(item) for items in fetched.values() for item in items if item.offset < end]
                        position = await self._consumer.position(partition)
                self._metrics.records_consumed.labels(partition.topic).inc(len(batch))
                if batch:
                    yield batch
        except (KafkaError, TimeoutError) as error:
            raise BusError(
                f"Kafka at {self._where}: {partition.topic}/{partition.partition} could not be read from offset {position} to "
                f"{end}: {explain(error)}"
            ) from error
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Closes the connection; safe to call twice."""
        await close(self._consumer)
