"""What every bus promises, held against memory, the embedded broker and a real Kafka."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.bus import DEADLINE, group, next_offsets, read_count, until
from tests.throughline.bus.conftest import Broker
from throughline.bus import TRACKLETS, Bus, BusError, Consumer, Record, RecordRefusedError
from throughline.bus.topics import LARGEST_RECORD


async def test_what_is_published_is_read(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    await bus.publish(topic, "harbour", b"\x00\xffbinary", {"schema": b"tracklet/1", "traceparent": b"\xfe\x00"})
    await bus.publish(topic, "harbour", None, {})
    first, second = await read_count(await bus.consumer([topic], None), 2)
    assert (first.topic, first.offset, first.key, first.value) == (topic, 0, b"harbour", b"\x00\xffbinary")
    assert first.headers == {"schema": b"tracklet/1", "traceparent": b"\xfe\x00"}
    assert (second.offset, second.partition, second.value, second.headers) == (1, first.partition, None, {})


async def test_overlapping_publishes_of_a_key_keep_their_order_in_one_partition(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    keys = [f"site-{number}" for number in range(12)]
    await asyncio.gather(*(bus.publish(topic, key, b"%d" % number, {}) for number in range(100) for key in keys))
    records = await read_count(await bus.consumer([topic], None), 1200)
    assert len(records) == 1200
    for key in keys:
        mine = [record for record in records if record.key == key.encode()]
        assert [int(record.value or b"") for record in mine] == list(range(100))
        assert len({record.partition for record in mine}) == 1
    assert len({record.partition for record in records}) > 1


async def test_any_bytes_can_be_a_key(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    await bus.publish(topic, b"\xff\x00\x80".decode(errors="surrogateescape"), b"v", {})
    (record,) = await read_count(await bus.consumer([topic], None), 1)
    assert record.key == b"\xff\x00\x80"


async def test_batches_are_no_larger_than_asked_for(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    await asyncio.gather(*(bus.publish(topic, "k", b"", {}) for _ in range(25)))
    consumer = await bus.consumer([topic], None)
    total = 0
    async with asyncio.timeout(DEADLINE):
        async for batch in consumer.records(10):
            assert len(batch) <= 10
            total += len(batch)
            if total == 25:
                break


async def test_an_idle_consumer_yields_empty_batches(broker: Broker, bus: Bus) -> None:
    consumer = await bus.consumer([broker.settings.topic(TRACKLETS)], None)
    async with asyncio.timeout(DEADLINE):
        async for batch in consumer.records():
            assert batch == []
            break


async def test_a_group_goes_on_where_it_committed(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(TRACKLETS), group()
    for number in range(5):
        await bus.publish(topic, "k", b"%d" % number, {})
    consumer = await bus.consumer([topic], name)
    records = await read_count(consumer, 5)
    await consumer.commit(next_offsets(records[:3]))
    await consumer.stop()

    consumer = await bus.consumer([topic], name)
    assert [record.value for record in await read_count(consumer, 2)] == [b"3", b"4"]
    await consumer.stop()  # without a commit: they come again
    consumer = await bus.consumer([topic], name)
    assert [record.value for record in await read_count(consumer, 2)] == [b"3", b"4"]


async def test_committed_offsets_hold_for_another_client(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(TRACKLETS), group()
    await bus.publish(topic, "k", b"old", {})
    consumer = await bus.consumer([topic], name)
    await consumer.commit(next_offsets(await read_count(consumer, 1)))
    await bus.publish(topic, "k", b"new", {})
    await bus.stop()

    another = broker.bus()
    await another.start()
    try:
        assert [record.value for record in await read_count(await another.consumer([topic], name), 1)] == [b"new"]
    finally:
        await another.stop()


async def test_each_group_and_each_reader_on_its_own_gets_everything(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    await bus.publish(topic, "k", b"v", {})
    for name in (group(), group(), None, None):
        assert len(await read_count(await bus.consumer([topic], name), 1)) == 1


@pytest.mark.parametrize("in_group", [True, False])
async def test_from_now_on_means_from_the_call_on(broker: Broker, bus: Bus, in_group: bool) -> None:
    topic = broker.settings.topic(TRACKLETS)
    await bus.publish(topic, "k", b"before", {})
    consumer = await bus.consumer([topic], group() if in_group else None, from_start=False)
    await bus.publish(topic, "k", b"after", {})
    assert [record.value for record in await read_count(consumer, 1)] == [b"after"]


async def test_a_consumer_reads_several_topics(broker: Broker, bus: Bus) -> None:
    topics = [broker.settings.topic(name) for name in ("tracklets", "matches")]
    for topic in topics:
        await bus.publish(topic, "k", topic.encode(), {})
    records = await read_count(await bus.consumer(topics, None), 2)
    assert {record.topic: record.value for record in records} == {topic: topic.encode() for topic in topics}


async def test_a_reader_without_a_group_cannot_commit(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    consumer = await bus.consumer([topic], None)
    with pytest.raises(BusError, match="without a group"):
        await consumer.commit({(topic, 0): 1})


async def test_lag_counts_what_is_left_to_read(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    consumer = await bus.consumer([topic], group())
    assert await consumer.lag() == 0
    for number in range(7):
        await bus.publish(topic, f"k{number}", b"", {})
    assert await consumer.lag() == 7
    await read_count(consumer, 7)
    assert await consumer.lag() == 0


async def test_a_group_with_two_consumers_shares_the_partitions_or_is_refused(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(TRACKLETS), group()
    first = await bus.consumer([topic], name)
    if not bus.capabilities.shared_groups:
        with pytest.raises(BusError, match=f"the group {name} already has a consumer.*real Kafka"):
            await bus.consumer([topic], name)
        await first.stop()
        await (await bus.consumer([topic], name)).stop()
        return

    async def collect(consumer: Consumer, into: list[Record]) -> None:
        async for batch in consumer.records():
            into.extend(batch)
            await consumer.commit(next_offsets(batch))

    seen: tuple[list[Record], list[Record]] = ([], [])
    reading = [asyncio.create_task(collect(first, seen[0]))]  # who does not read does not see that the group changes
    second = await bus.consumer([topic], name)
    reading.append(asyncio.create_task(collect(second, seen[1])))
    try:
        for number in range(40):
            await bus.publish(topic, f"k{number}", b"shared", {})
        await until(lambda: len(seen[0]) + len(seen[1]) >= 40)
        assert seen[0]
        assert seen[1]
        assert len({record.key for record in (*seen[0], *seen[1])}) == 40
        await second.stop()
        for number in range(40):
            await bus.publish(topic, f"k{number}", b"alone", {})
        await until(lambda: len({record.key for record in seen[0] if record.value == b"alone"}) == 40)
    finally:
        await first.stop()
        await second.stop()
        await asyncio.gather(*reading)


async def test_stopping_a_consumer_ends_its_records(broker: Broker, bus: Bus) -> None:
    consumer = await bus.consumer([broker.settings.topic(TRACKLETS)], group())

    async def read_until_the_end() -> int:
        return sum([1 async for _ in consumer.records()])

    reading = asyncio.create_task(read_until_the_end())
    await asyncio.sleep(0.05)
    await consumer.stop()
    await consumer.stop()
    async with asyncio.timeout(DEADLINE):
        await reading


async def test_a_stopped_bus_refuses_politely(broker: Broker) -> None:
    bus = broker.bus()
    topic = broker.settings.topic(TRACKLETS)
    for _ in range(2):
        with pytest.raises(BusError, match="not been started"):
            await bus.publish(topic, "k", b"", {})
        with pytest.raises(BusError, match="not been started"):
            await bus.consumer([topic], None)
        await bus.start()
        await bus.publish(topic, "k", b"", {})
        await bus.stop()
        await bus.stop()


async def test_a_record_that_is_too_large_is_refused_and_others_go_on(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    with pytest.raises(RecordRefusedError, match=topic):
        await bus.publish(topic, "k", bytes(LARGEST_RECORD + 1), {})
    await bus.publish(topic, "k", bytes(2_000_000), {})
    (record,) = await read_count(await bus.consumer([topic], None), 1)
    assert record.value == bytes(2_000_000)


async def test_it_counts(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    value = broker.metrics.registry.get_sample_value
    assert value("throughline_bus_connected") == 1
    for _ in range(3):
        await bus.publish(topic, "k", b"", {})
    with pytest.raises(RecordRefusedError):
        await bus.publish(topic, "k", bytes(LARGEST_RECORD + 1), {})
    await read_count(await bus.consumer([topic], None), 3)
    assert value("throughline_records_published_total", {"topic": topic}) == 3
    assert value("throughline_publish_seconds_count", {"topic": topic}) == 3
    assert value("throughline_publish_failures_total", {"topic": topic, "outcome": "failed"}) == 1
    assert value("throughline_records_consumed_total", {"topic": topic}) == 3
    await bus.stop()
    assert value("throughline_bus_connected") == 0


@pytest.mark.parametrize("broker", ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(broker: Broker, compression: str) -> None:
    bus = broker.bus(compression=compression)
    await bus.start()
    try:
        topic = broker.settings.topic(TRACKLETS)
        await bus.publish(topic, "k", b"abc" * 1000, {})
        (record,) = await read_count(await bus.consumer([topic], None), 1)
        assert record.value == b"abc" * 1000
    finally:
        await bus.stop()
