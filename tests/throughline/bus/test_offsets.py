"""What every bus promises of offsets: where partitions begin and end, what came when, and reading a stretch."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support.bus import DEADLINE, group, next_offsets, read_count
from tests.throughline.bus.conftest import Broker
from throughline.bus import TRACKLETS, Bus, BusError, Place, Record
from throughline.times import to_instant


async def filled(broker: Broker, bus: Bus, count: int) -> Place:
    topic = broker.settings.topic(TRACKLETS)
    await asyncio.gather(*(bus.publish(topic, "harbour", b"%d" % number, {}) for number in range(count)))
    return topic, await bus.partition_of(topic, "harbour")


async def stretch(bus: Bus, place: Place, start: int, end: int | None = None) -> list[Record]:
    async with asyncio.timeout(DEADLINE):
        return [record async for batch in bus.read(place, start, end, 7) for record in batch]


async def test_a_stretch_is_read_and_no_more(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 40)
    assert [record.offset for record in await stretch(bus, place, 5, 25)] == list(range(5, 25))
    records = await stretch(bus, place, 30)
    assert [record.value for record in records] == [b"%d" % number for number in range(30, 40)]
    assert {(record.topic, record.partition) for record in records} == {place}
    assert await stretch(bus, place, 40) == []
    assert await stretch(bus, place, 12, 12) == []


async def test_batches_of_a_stretch_are_no_larger_than_asked_for(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 40)
    sizes = [len(batch) async for batch in bus.read(place, 0, None, 7)]
    assert max(sizes) <= 7
    assert sum(sizes) == 40


async def test_a_stretch_that_does_not_exist_yet_is_refused(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 3)
    with pytest.raises(BusError, match="up to offset 4: it ends at 3"):
        await stretch(bus, place, 0, 4)


async def test_a_reader_may_leave_a_stretch_halfway(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 40)
    async for batch in bus.read(place, 0, None, 7):
        assert batch
        break
    assert len(await stretch(bus, place, 0)) == 40


async def test_partitions_begin_and_end(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 5)
    other = (place[0], (place[1] + 1) % 4)
    assert await bus.partitions(place[0]) == 4
    assert await bus.first_offsets([place, other]) == {place: 0, other: 0}
    assert await bus.end_offsets([place, other]) == {place: 5, other: 0}


async def test_a_consumer_goes_where_it_is_told(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 10)
    for name in (group(), None):
        consumer = await bus.consumer([place[0]], name)
        assert place in consumer.assignment
        assert len(consumer.assignment) == 4
        await read_count(consumer, 10)
        await consumer.seek(place, 7)
        assert [record.offset for record in await read_count(consumer, 3)] == [7, 8, 9]
        await consumer.seek(place, 10)
        assert await consumer.lag() == 0
        with pytest.raises(BusError, match="no offset 11"):
            await consumer.seek(place, 11)
        await consumer.stop()


async def test_committed_offsets_can_be_asked_for(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 10)
    other, name = (place[0], (place[1] + 1) % 4), group()
    assert await bus.committed(name, [place]) == {place: None}
    consumer = await bus.consumer([place[0]], name)
    await consumer.commit(next_offsets((await read_count(consumer, 10))[:6]))
    assert await bus.committed(name, [place, other]) == {place: 6, other: None}
    await consumer.stop()
    assert await bus.committed(name, [place, other]) == {place: 6, other: None}


async def test_offsets_are_found_by_time_or_that_is_refused(broker: Broker, bus: Bus) -> None:
    place = await filled(broker, bus, 5)
    if not bus.capabilities.offsets_by_time:
        with pytest.raises(BusError, match=r"no offsets by time: set kafka\.bootstrap_servers to a real Kafka"):
            await bus.offsets_for_time([place], to_instant(time.time()))
        return
    await asyncio.sleep(0.01)
    between = to_instant(time.time())
    await asyncio.sleep(0.01)
    await bus.publish(place[0], "harbour", b"later", {})
    other = (place[0], (place[1] + 1) % 4)
    assert await bus.offsets_for_time([place, other], 0) == {place: 0, other: 0}
    assert await bus.offsets_for_time([place, other], between) == {place: 5, other: 0}
    assert await bus.offsets_for_time([place], to_instant(time.time() + 3600)) == {place: 6}
    records = await stretch(bus, place, 0)
    assert records[4].time < between < records[5].time


async def test_a_stopped_bus_answers_nothing(broker: Broker) -> None:
    bus, place = broker.bus(), (broker.settings.topic(TRACKLETS), 0)
    for question in (
        bus.transactions("t"),
        bus.partitions(place[0]),
        bus.partition_of(place[0], "k"),
        bus.first_offsets([place]),
        bus.end_offsets([place]),
        bus.offsets_for_time([place], 0),
        bus.committed("g", [place]),
    ):
        with pytest.raises(BusError, match="not been started"):
            await question
    with pytest.raises(BusError, match="not been started"):
        await stretch(bus, place, 0)
