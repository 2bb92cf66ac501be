"""What every bus with shared groups promises when members come and go."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.support.bus import group, next_offsets, until
from tests.throughline.bus.conftest import Broker
from throughline.bus import MATCHES, TRACKLETS, Bus, Consumer, FencedError, Place, Record

pytestmark = pytest.mark.parametrize("broker", ["memory", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)


class Member:
    """Reads, remembers what it is told and what it gets, and commits when a partition is taken from it."""

    def __init__(self, bus: Bus, topic: str, seek_to: int | None = None) -> None:
        self.bus, self.topic, self.seek_to = bus, topic, seek_to
        self.told: list[tuple[str, frozenset[Place]]] = []
        self.seen: list[Record] = []
        self.processing = False
        self.consumer: Consumer | None = None
        self.to_commit: dict[Place, int] = {}
        self.before_revoked = asyncio.Event()
        self.before_revoked.set()

    @property
    def held(self) -> frozenset[Place]:
        return frozenset() if self.consumer is None else self.consumer.assignment

    async def revoked(self, places: frozenset[Place]) -> None:
        assert not self.processing
        assert self.consumer is not None
        assert places == self.held
        self.told.append(("revoked", places))
        await self.before_revoked.wait()
        await self.consumer.commit(self.to_commit)
        self.to_commit = {}

    async def assigned(self, places: frozenset[Place]) -> None:
        assert not self.processing
        assert self.consumer is not None
        assert places == self.held
        self.told.append(("assigned", places))
        if self.seek_to is not None:
            for place in places:
                if (await self.bus.end_offsets([place]))[place] >= self.seek_to:
                    await self.consumer.seek(place, self.seek_to)

    async def read(self) -> None:
        assert self.consumer is not None
        async for batch in self.consumer.records():
            self.processing = True
            await asyncio.sleep(0.01)
            assert {(record.topic, record.partition) for record in batch} <= self.held
            self.seen += batch
            self.to_commit |= next_offsets(batch)
            self.processing = False


@contextlib.asynccontextmanager
async def joined(member: Member, name: str) -> AsyncIterator[Member]:
    member.consumer = await member.bus.consumer([member.topic], name, listener=member)
    reading = asyncio.create_task(member.read())
    try:
        yield member
    finally:
        await member.consumer.stop()
        await reading


async def test_a_listener_hears_of_partitions_before_their_records(broker: Broker, bus: Bus) -> None:
    topic = broker.settings.topic(TRACKLETS)
    for number in range(20):
        await bus.publish(topic, "k", b"%d" % number, {})
    for name in (group(), None):
        member = Member(bus, topic, seek_to=15)
        member.consumer = await bus.consumer([topic], name, listener=member)
        assert member.held == frozenset()
        reading = asyncio.create_task(member.read())
        await until(lambda member=member: len(member.seen) >= 5)  # type: ignore[misc]
        await member.consumer.stop()
        await reading
        assert [record.offset for record in member.seen] == list(range(15, 20))
        assert member.told == [("assigned", frozenset((topic, number) for number in range(4)))]


async def test_members_hand_over_what_is_finished_and_nothing_is_read_twice(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(TRACKLETS), group()
    sent = 0

    async def publish(count: int) -> None:
        nonlocal sent
        for _ in range(count):
            await bus.publish(topic, f"k{sent}", b"%d" % sent, {})
            sent += 1

    first, second = Member(bus, topic), Member(bus, topic)
    async with joined(first, name):
        await publish(30)
        await until(lambda: len(first.seen) == 30)
        async with joined(second, name):
            await until(lambda: len(second.held) == 2 and len(first.held) == 2)
            assert not first.held & second.held
            await publish(60)
            await until(lambda: len(first.seen) + len(second.seen) >= 90)
            assert second.seen
            # what the leaver has read is committed by whoever leaves
            assert second.consumer is not None
            await second.consumer.commit(second.to_commit)
        await until(lambda: len(first.held) == 4)
        await publish(30)
        await until(lambda: len(first.seen) + len(second.seen) >= 120)
    numbers = [int(record.value or b"") for record in (*first.seen, *second.seen)]
    assert sorted(numbers) == list(range(120))
    rounds = len(first.told) // 2
    assert rounds >= 2
    assert [what for what, _ in first.told] == [*["assigned", "revoked"] * rounds, "assigned"]


async def test_nobody_gets_a_partition_before_the_former_holder_has_let_go(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(TRACKLETS), group()
    first, second = Member(bus, topic), Member(bus, topic)
    async with joined(first, name):
        await until(lambda: len(first.held) == 4)
        first.before_revoked.clear()
        joining = asyncio.create_task(second_joins(second, name))
        await until(lambda: first.told[-1][0] == "revoked")
        await asyncio.sleep(0.3)
        assert second.told == []
        assert len(first.held) == 4
        first.before_revoked.set()
        await joining
        assert second.told[-1][0] == "assigned"


async def second_joins(member: Member, name: str) -> None:
    async with joined(member, name):
        await until(lambda: len(member.held) == 2)


async def test_a_member_that_lost_its_partition_cannot_commit_for_it_in_a_transaction(broker: Broker, bus: Bus) -> None:
    topic, name = broker.settings.topic(TRACKLETS), group()
    first, second = Member(bus, topic), Member(bus, topic)
    async with joined(first, name):
        await until(lambda: len(first.held) == 4)
        assert first.consumer is not None
        before = first.consumer.membership
        assert before is not None
        async with joined(second, name):
            await until(lambda: len(second.held) == 2 and len(first.held) == 2)
            transactions = await bus.transactions(f"test.{uuid.uuid4().hex}")
            with pytest.raises(FencedError, match="has gone on without"):  # noqa: PT012 - the whole block is the transaction
                async with transactions.begin() as transaction:
                    await transaction.send(broker.settings.topic(MATCHES), "k", b"v", {})
                    await transaction.commit_offsets(before, {(topic, 0): 0})
            now = first.consumer.membership
            assert now is not None
            transactions = await bus.transactions(f"test.{uuid.uuid4().hex}")
            async with transactions.begin() as transaction:
                await transaction.commit_offsets(now, {(topic, 0): 0})
    assert await bus.committed(name, [(topic, 0)]) == {(topic, 0): 0}


async def test_what_a_listener_raises_comes_out_of_the_reading(broker: Broker, bus: Bus) -> None:
    class Failing(Member):
        async def assigned(self, places: frozenset[Place]) -> None:
            raise ZeroDivisionError

    member = Failing(bus, broker.settings.topic(TRACKLETS))
    member.consumer = await bus.consumer([member.topic], group(), listener=member)
    with pytest.raises(ZeroDivisionError):
        await member.read()
    await member.consumer.stop()
