"""What every bus promises of transactions; a bus that has none says so."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.support.bus import DEADLINE, group, next_offsets, read_count
from tests.throughline.bus.conftest import Broker
from throughline.bus import (
    MATCHES,
    STATE,
    TRACKLETS,
    Bus,
    BusError,
    FencedError,
    Membership,
    Record,
    RecordRefusedError,
    latest,
)
from throughline.bus.topics import LARGEST_RECORD

with_transactions = pytest.mark.parametrize("broker", ["memory", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)


def own_id() -> str:
    return f"test.{uuid.uuid4().hex}"


async def all_of(bus: Bus, topic: str) -> list[Record]:
    places = [(topic, number) for number in range(await bus.partitions(topic))]
    starts = await bus.first_offsets(places)
    return [record for place in places async for batch in bus.read(place, starts[place]) for record in batch]


async def values(bus: Bus, topic: str) -> list[bytes | None]:
    return [record.value for record in await all_of(bus, topic)]


async def until_there(bus: Bus, topic: str, count: int) -> list[Record]:
    """All records, as soon as there are so many: Kafka lets readers see a transaction a moment after it was committed."""
    async with asyncio.timeout(DEADLINE):
        while len(records := await all_of(bus, topic)) < count:  # noqa: ASYNC110 - Kafka tells nobody
            await asyncio.sleep(0.01)
    return records


async def values_there(bus: Bus, topic: str, count: int) -> list[bytes | None]:
    return [record.value for record in await until_there(bus, topic, count)]


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
async def test_a_bus_without_transactions_names_what_has_them(bus: Bus) -> None:
    assert not bus.capabilities.transactions
    with pytest.raises(BusError, match=r"no transactions: set kafka\.bootstrap_servers to a real Kafka"):
        await bus.transactions(own_id())


@with_transactions
async def test_records_of_several_topics_come_together_in_order(broker: Broker, bus: Bus) -> None:
    assert bus.capabilities.transactions
    matches, state = broker.settings.topic(MATCHES), broker.settings.topic(STATE)
    transactions = await bus.transactions(own_id())
    async with transactions.begin() as transaction:
        for number in range(500):
            await transaction.send(matches, "harbour", b"%d" % number, {"schema": b"match/1"})
        await transaction.send(state, "harbour", b"snapshot", {})
        assert await values(bus, matches) == []
    records = await until_there(bus, matches, 500)
    assert [int(record.value or b"") for record in records] == list(range(500))
    assert {record.key for record in records} == {b"harbour"}
    assert records[0].headers == {"schema": b"match/1"}
    assert await values_there(bus, state, 1) == [b"snapshot"]
    labels = {"topic": matches}
    assert broker.metrics.registry.get_sample_value("throughline_records_published_total", labels) == 500
    assert broker.metrics.registry.get_sample_value("throughline_transactions_total", {"outcome": "committed"}) == 1


@with_transactions
async def test_a_key_goes_to_the_same_partition_however_and_wherever_it_is_published(broker: Broker, bus: Bus) -> None:
    tracklets, state = broker.settings.topic(TRACKLETS), broker.settings.topic(STATE)
    keys = ["", "harbour", "süd", b"\xff\xfe".decode(errors="surrogateescape"), *(f"site-{n}" for n in range(40))]
    transactions = await bus.transactions(own_id())
    async with transactions.begin() as transaction:
        for key in keys:
            await transaction.send(state, key, b"", {})
    for key in keys:
        await bus.publish(tracklets, key, b"", {})
    found = [{record.key: record.partition for record in await until_there(bus, topic, 44)} for topic in (tracklets, state)]
    assert found[0] == found[1]
    assert {key.encode(errors="surrogateescape"): await bus.partition_of(tracklets, key) for key in keys} == found[0]
    assert set(found[0].values()) == set(range(4))


@with_transactions
async def test_an_exception_aborts_and_the_next_transaction_is_none_the_worse(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(MATCHES)
    transactions = await bus.transactions(own_id())
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole block is the transaction
        async with transactions.begin() as transaction:
            await transaction.send(topic, "k", b"aborted", {})
            raise ZeroDivisionError
    async with transactions.begin() as transaction:
        await transaction.send(topic, "k", b"committed", {})
    assert await values_there(bus, topic, 1) == [b"committed"]
    assert broker.metrics.registry.get_sample_value("throughline_transactions_total", {"outcome": "aborted"}) == 1


@with_transactions
async def test_an_empty_transaction_is_nothing_special(bus: Bus) -> None:
    transactions = await bus.transactions(own_id())
    for _ in range(2):
        async with transactions.begin():
            pass


@with_transactions
async def test_a_record_that_is_too_large_is_refused_and_the_others_can_be_committed(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(MATCHES)
    transactions = await bus.transactions(own_id())
    async with transactions.begin() as transaction:
        await transaction.send(topic, "k", b"1", {})
        with pytest.raises(RecordRefusedError, match=topic):
            await transaction.send(topic, "k", bytes(LARGEST_RECORD + 1), {})
        await transaction.send(topic, "k", b"2", {})
    assert await values_there(bus, topic, 2) == [b"1", b"2"]


@with_transactions
async def test_more_than_fits_in_any_buffer_can_be_sent(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(MATCHES)
    transactions = await bus.transactions(own_id())
    async with transactions.begin() as transaction:
        for number in range(50):
            await transaction.send(topic, "k", number.to_bytes(2_000_000, "big"), {})
    assert [int.from_bytes(value or b"", "big") for value in await values_there(bus, topic, 50)] == list(range(50))


@with_transactions
async def test_only_one_transaction_at_a_time_and_none_after_its_end(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(MATCHES)
    transactions = await bus.transactions(own_id())
    async with transactions.begin() as first:
        with pytest.raises(BusError, match="only one can be at a time"):
            async with transactions.begin():
                pass
    with pytest.raises(BusError, match="is over"):
        await first.send(topic, "k", b"late", {})
    await transactions.stop()
    await transactions.stop()
    with pytest.raises(BusError, match="have been stopped"):
        async with transactions.begin():
            pass


@with_transactions
async def test_who_opens_an_id_again_fences_the_former_and_ends_what_it_left_open(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(MATCHES), own_id()
    zombie = await bus.transactions(name)
    with pytest.raises(FencedError, match=name):  # noqa: PT012 - the whole block is the transaction
        async with zombie.begin() as left_open:
            await left_open.send(topic, "k", b"zombie", {})
            heir = await bus.transactions(name)
            async with heir.begin() as transaction:
                await transaction.send(topic, "k", b"heir", {})
            assert await values_there(bus, topic, 1) == [b"heir"]  # nothing holds it back
    for _ in range(2):
        with pytest.raises(FencedError, match=name):
            async with zombie.begin():
                pass
    async with heir.begin() as transaction:
        await transaction.send(topic, "k", b"and again", {})
    assert await values_there(bus, topic, 2) == [b"heir", b"and again"]
    assert broker.metrics.registry.get_sample_value("throughline_transactions_total", {"outcome": "fenced"}) == 1


@with_transactions
async def test_a_zombie_that_was_idle_is_fenced_too(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(MATCHES), own_id()
    zombie = await bus.transactions(name)
    await bus.transactions(name)
    with pytest.raises(FencedError, match="taken"):
        async with zombie.begin() as transaction:
            await transaction.send(topic, "k", b"zombie", {})
    await bus.transactions(name)  # by now all is decided
    assert await values(bus, topic) == []


@with_transactions
async def test_offsets_are_committed_with_the_records_or_not_at_all(broker: Broker, bus: Bus) -> None:
    tracklets, matches, name = broker.settings.topic(TRACKLETS), broker.settings.topic(MATCHES), group()
    for number in range(6):
        await bus.publish(tracklets, "k", b"%d" % number, {})
    place = (tracklets, await bus.partition_of(tracklets, "k"))
    consumer = await bus.consumer([tracklets], name)
    before_reading = consumer.membership
    assert before_reading is None
    records = await read_count(consumer, 6)
    membership = consumer.membership
    assert membership is not None
    assert membership.group == name
    transactions = await bus.transactions(own_id())
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the whole block is the transaction
        async with transactions.begin() as transaction:
            await transaction.send(matches, "k", b"aborted", {})
            await transaction.commit_offsets(membership, next_offsets(records))
            raise ZeroDivisionError
    assert await bus.committed(name, [place]) == {place: None}
    async with transactions.begin() as transaction:
        await transaction.send(matches, "k", b"committed", {})
        await transaction.commit_offsets(membership, {})
        await transaction.commit_offsets(membership, next_offsets(records[:4]))
    assert await bus.committed(name, [place]) == {place: 4}
    assert await values_there(bus, matches, 1) == [b"committed"]
    await consumer.stop()
    again = await bus.consumer([tracklets], name)
    assert [record.value for record in await read_count(again, 2)] == [b"4", b"5"]


@with_transactions
async def test_offsets_for_partitions_that_no_group_has_given_can_be_committed(broker: Broker, bus: Bus) -> None:
    place, name = (broker.settings.topic(TRACKLETS), 2), group()
    transactions = await bus.transactions(own_id())
    async with transactions.begin() as transaction:
        await transaction.commit_offsets(Membership(name), {place: 0})
    assert await bus.committed(name, [place]) == {place: 0}


@with_transactions
async def test_a_member_that_the_group_has_gone_on_without_commits_nothing(broker: Broker, bus: Bus) -> None:
    tracklets, matches, name = broker.settings.topic(TRACKLETS), broker.settings.topic(MATCHES), group()
    await bus.publish(tracklets, "k", b"v", {})
    consumer = await bus.consumer([tracklets], name)
    records = await read_count(consumer, 1)
    membership = consumer.membership
    assert membership is not None
    await consumer.stop()
    await read_count(await bus.consumer([tracklets], name), 1)
    mine = own_id()
    transactions = await bus.transactions(mine)
    with pytest.raises(FencedError, match="has gone on without"):  # noqa: PT012 - the whole block is the transaction
        async with transactions.begin() as transaction:
            await transaction.send(matches, "k", b"zombie", {})
            await transaction.commit_offsets(membership, next_offsets(records))
    with pytest.raises(FencedError, match="has gone on without"):
        async with transactions.begin():
            pass
    await bus.transactions(mine)  # by now all is decided
    assert await values(bus, matches) == []
    place = (tracklets, records[0].partition)
    assert await bus.committed(name, [place]) == {place: None}


@with_transactions
async def test_a_reader_in_a_group_sees_nothing_of_a_transaction_before_its_end(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(MATCHES)
    consumer = await bus.consumer([topic], group())
    transactions = await bus.transactions(own_id())
    async with transactions.begin() as transaction:
        for number in range(3):
            await transaction.send(topic, "k", b"%d" % number, {})
        polls = 0
        async for batch in consumer.records():
            assert not batch
            polls += 1
            if polls == 3:
                break
    assert [record.value for record in await read_count(consumer, 3)] == [b"0", b"1", b"2"]


@with_transactions
async def test_what_stands_in_a_compacted_topic(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(STATE)
    place = (topic, await bus.partition_of(topic, "harbour"))
    assert await latest(bus, place) == {}
    transactions = await bus.transactions(own_id())
    for value in (b"old", b"new"):
        async with transactions.begin() as transaction:
            await transaction.send(topic, "harbour", value, {})
    await bus.publish(topic, "harbour", b"newest", {})
    await until_there(bus, topic, 3)
    everything = await latest(bus, place)
    assert {key: record.value for key, record in everything.items()} == {b"harbour": b"newest"}
    earlier = await latest(bus, place, end=everything[b"harbour"].offset)
    assert earlier[b"harbour"].value == b"new"
    await bus.publish(topic, "harbour", None, {})
    assert await latest(bus, place) == {}


@with_transactions
async def test_stopping_the_bus_aborts_what_is_under_way(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(MATCHES)
    transactions = await bus.transactions(own_id())
    with pytest.raises(BusError, match="stopped"):  # noqa: PT012 - the whole block is the transaction
        async with transactions.begin() as transaction:
            await transaction.send(topic, "k", b"aborted", {})
            await bus.stop()
            await transaction.send(topic, "k", b"too late", {})
    another = broker.bus()
    await another.start()
    try:
        assert await values(another, topic) == []
        await another.publish(topic, "k", b"next", {})
        assert await values_there(another, topic, 1) == [b"next"]
    finally:
        await another.stop()
