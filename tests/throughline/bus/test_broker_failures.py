"""A real Kafka is killed, hung and brought back under a bus that goes on working."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.support.bus import DEADLINE, group, next_offsets, read_count, until
from tests.support.kafka import KafkaServer
from throughline.bus import TRACKLETS, BusError, Consumer, KafkaBus, Pipeline
from throughline.messages import Progress, decode_record
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@contextlib.asynccontextmanager
async def bus_on(server: KafkaServer, *, request_timeout: float) -> AsyncIterator[tuple[KafkaBus, KafkaSettings, Metrics]]:
    settings = KafkaSettings(
        bootstrap_servers=server.bootstrap_servers, prefix=f"t{uuid.uuid4().hex}", request_timeout=request_timeout
    )
    metrics = Metrics()
    bus = KafkaBus(settings, metrics)
    await bus.start()
    try:
        yield bus, settings, metrics
    finally:
        await bus.stop()


def connected(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("throughline_bus_connected")


def failures(metrics: Metrics, topic: str) -> float:
    labels = {"topic": topic, "outcome": "failed"}
    return metrics.registry.get_sample_value("throughline_publish_failures_total", labels) or 0.0


async def bring_back(server: KafkaServer) -> None:
    server.launch()
    await asyncio.to_thread(server.wait_until_ready)


async def test_a_broker_killed_and_started_again_loses_nothing_and_needs_no_restart(mortal_kafka: KafkaServer) -> None:
    async with bus_on(mortal_kafka, request_timeout=DEADLINE) as (bus, settings, metrics):
        topic, name = settings.topic(TRACKLETS), group()
        acknowledged: list[int] = []
        seen: list[int] = []

        async def publish(numbers: range) -> None:
            for number in numbers:
                await bus.publish(topic, "k", b"%d" % number, {})
                acknowledged.append(number)

        async def read(consumer: Consumer) -> None:
            async for batch in consumer.records():
                seen.extend(int(record.value or b"") for record in batch)
                with contextlib.suppress(BusError):
                    await consumer.commit(next_offsets(batch))

        consumer = await bus.consumer([topic], name)
        reading = asyncio.create_task(read(consumer))
        publishing = asyncio.gather(*(publish(range(first, 100_000, 20)) for first in range(20)))
        await until(lambda: len(seen) > 500)
        mortal_kafka.kill()
        before = len(acknowledged)
        await until(lambda: connected(metrics) == 0)
        await bring_back(mortal_kafka)
        await until(lambda: len(acknowledged) > before + 500)
        await until(lambda: connected(metrics) == 1)
        publishing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await publishing
        await until(lambda: set(seen) >= set(acknowledged))
        await consumer.stop()
        await reading
        for first in range(20):  # what one caller published one after the other is read in that order
            numbers = list(dict.fromkeys(number for number in seen if number % 20 == first))
            assert numbers == sorted(numbers)
        assert (
            metrics.registry.get_sample_value("throughline_publish_failures_total", {"topic": topic, "outcome": "failed"}) is None
        )


async def test_a_pipeline_delivers_everything_in_order_through_a_kill(mortal_kafka: KafkaServer) -> None:
    async with bus_on(mortal_kafka, request_timeout=2.0) as (bus, settings, metrics):
        topic = settings.topic(TRACKLETS)
        async with Pipeline(bus, settings, metrics, drain_timeout=DEADLINE) as pipeline:
            outcomes = []
            for number in range(3000):
                outcomes.append(pipeline.send(Progress("harbour", "c01", number)))
                if number == 1000:
                    await outcomes[500]
                    mortal_kafka.kill()
                if number == 2000:
                    await until(lambda: failures(metrics, topic) > 0)
                    await bring_back(mortal_kafka)
            assert await asyncio.wait_for(asyncio.gather(*outcomes), DEADLINE) == [True] * 3000
        consumer = await bus.consumer([topic], None)
        first_seen: dict[int, None] = {}
        while len(first_seen) < 3000:
            for record in await read_count(consumer, 1):
                message = decode_record(record.value or b"")
                assert isinstance(message, Progress)
                first_seen.setdefault(message.complete_to)
        assert list(first_seen) == list(range(3000))


async def test_a_hung_broker_fails_publishes_in_time_and_order_holds_when_it_wakes(mortal_kafka: KafkaServer) -> None:
    async with bus_on(mortal_kafka, request_timeout=3.0) as (bus, settings, metrics):
        topic = settings.topic(TRACKLETS)
        consumer = await bus.consumer([topic], group())
        await bus.publish(topic, "k", b"before", {})
        records = await read_count(consumer, 1)
        mortal_kafka.suspend()
        try:
            failed = await asyncio.gather(
                *(bus.publish(topic, "k", b"lost %d" % number, {}) for number in range(50)), return_exceptions=True
            )
            assert all(isinstance(error, BusError) for error in failed)
            assert "did not acknowledge" in str(failed[0])
            with pytest.raises(BusError, match="did not take the offsets"):
                await consumer.commit(next_offsets(records))
            with pytest.raises(BusError, match="how much there is to read"):
                await consumer.lag()
            await until(lambda: connected(metrics) == 0)
        finally:
            mortal_kafka.resume()
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    await bus.publish(topic, "k", b"after", {})
                except BusError:
                    continue
                break
        read: dict[int, bytes | None] = {}  # a member that the group took for dead reads again from what was committed
        while b"after" not in read.values():
            read |= {record.offset: record.value for record in await read_count(consumer, 1)}
        values = [read[offset] for offset in sorted(read)]
        assert values[-1] == b"after"
        kept = [value for value in values if value is not None and value.startswith(b"lost")]  # the broker may have them
        assert kept == [b"lost %d" % number for number in range(len(kept))]


async def test_closing_does_not_hang_on_a_dead_broker(mortal_kafka: KafkaServer) -> None:
    async with bus_on(mortal_kafka, request_timeout=2.0) as (bus, settings, _):
        topic = settings.topic(TRACKLETS)
        await bus.consumer([topic], group())
        await bus.publish(topic, "k", b"", {})
        mortal_kafka.kill()
        pending = asyncio.create_task(bus.publish(topic, "k", b"", {}))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(DEADLINE):
            await bus.stop()
            with pytest.raises(BusError):
                await pending
    await bring_back(mortal_kafka)
