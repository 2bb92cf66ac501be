"""Transactions on a real Kafka whose producers are killed, time out, or lose their broker."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from tests.support.bus import DEADLINE, group, next_offsets, read_count, until
from tests.support.kafka import KafkaServer
from throughline.bus import (
    MATCHES,
    TRACKLETS,
    BusError,
    FencedError,
    KafkaBus,
    Membership,
    Place,
    Record,
    RecordRefusedError,
    Transactions,
)
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

pytestmark = pytest.mark.kafka

VICTIM = """
import asyncio, sys
from throughline.bus import KafkaBus, Membership
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

async def main(servers, prefix, transactional_id, group):
    bus = KafkaBus(KafkaSettings(bootstrap_servers=servers, prefix=prefix), Metrics())
    await bus.start()
    transactions = await bus.transactions(transactional_id)
    async with transactions.begin() as transaction:
        await transaction.send(f"{prefix}.matches", "k", b"committed", {})
        await transaction.commit_offsets(Membership(group), {(f"{prefix}.tracklets", 0): 1})
    async with transactions.begin() as transaction:
        for _ in range(1000):
            await transaction.send(f"{prefix}.matches", "k", b"never seen", {})
        await transaction.commit_offsets(Membership(group), {(f"{prefix}.tracklets", 0): 2})
        print("in the middle", flush=True)
        await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""

COPIER = """
import asyncio, sys
from itertools import groupby
from throughline.bus import FencedError, KafkaBus
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

class Copier:
    def __init__(self, bus, prefix, group):
        self.bus, self.prefix, self.group, self.transactions = bus, prefix, group, {}

    async def revoked(self, places):
        while self.transactions:
            await self.transactions.popitem()[1].stop()

    async def assigned(self, places):
        for place in places:
            self.transactions[place] = await self.bus.transactions(f"{self.prefix}.copier.{place[1]}")
            committed = (await self.bus.committed(self.group, [place]))[place]
            await self.consumer.seek(place, committed or 0)

    async def run(self):
        self.consumer = await self.bus.consumer([f"{self.prefix}.tracklets"], self.group, listener=self)
        print("reading", flush=True)
        async for batch in self.consumer.records(50):
            for place, records in groupby(batch, lambda record: (record.topic, record.partition)):
                try:
                    async with self.transactions[place].begin() as transaction:
                        for record in records:
                            await transaction.send(f"{self.prefix}.matches", record.key.decode(), record.value, {})
                        await transaction.commit_offsets(self.consumer.membership, {place: record.offset + 1})
                except FencedError:
                    continue  # another copies it, or will: the group is about to say who

async def main(servers, prefix, group):
    bus = KafkaBus(KafkaSettings(bootstrap_servers=servers, prefix=prefix, partitions=4, session_timeout=3), Metrics())
    await bus.start()
    await Copier(bus, prefix, group).run()

asyncio.run(main(*sys.argv[1:]))
"""

MEMBER = """
import asyncio, sys
from throughline.bus import KafkaBus
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

class Listener:
    async def revoked(self, places):
        print("revoked", len(places), flush=True)

    async def assigned(self, places):
        print("assigned", len(places), flush=True)

async def main(servers, prefix, group):
    bus = KafkaBus(KafkaSettings(bootstrap_servers=servers, prefix=prefix, partitions=4, session_timeout=2), Metrics())
    await bus.start()
    consumer = await bus.consumer([f"{prefix}.tracklets"], group, listener=Listener())
    async for _ in consumer.records():
        pass

asyncio.run(main(*sys.argv[1:]))
"""


@contextlib.asynccontextmanager
async def bus_on(server: KafkaServer, **changes: Any) -> AsyncIterator[tuple[KafkaBus, KafkaSettings]]:
    settings = KafkaSettings(
        **{
            "bootstrap_servers": server.bootstrap_servers,
            "prefix": f"t{uuid.uuid4().hex}",
            "request_timeout": DEADLINE,
            **changes,
        }
    )
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        yield bus, settings
    finally:
        await bus.stop()


async def python(program: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE)


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), DEADLINE)).decode().strip()


async def kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def stretch(bus: KafkaBus, place: Place) -> list[bytes | None]:
    return [record.value async for batch in bus.read(place, 0) for record in batch]


async def send(transactions: Transactions, topic: str, value: bytes) -> None:
    async with transactions.begin() as transaction:
        await transaction.send(topic, "k", value, {})


async def test_nothing_of_a_killed_producers_transaction_is_seen_and_its_successor_takes_over_at_once(
    kafka_server: KafkaServer,
) -> None:
    name, readers = f"test.{uuid.uuid4().hex}", group()
    # a timeout so long that waiting for it would fail this test
    async with bus_on(kafka_server, transaction_timeout=600) as (bus, settings):
        tracklets, matches = settings.topic(TRACKLETS), settings.topic(MATCHES)
        victim = await python(VICTIM, kafka_server.bootstrap_servers, settings.prefix, name, readers)
        try:
            assert await line_of(victim) == "in the middle"
        finally:
            await kill(victim)
        async with asyncio.timeout(DEADLINE):
            successor = await bus.transactions(name)
        assert await stretch(bus, (matches, 0)) == [b"committed"]
        assert await bus.committed(readers, [(tracklets, 0)]) == {(tracklets, 0): 1}
        async with successor.begin() as transaction:
            await transaction.send(matches, "k", b"by the successor", {})
            await transaction.commit_offsets(Membership(readers), {(tracklets, 0): 3})
        consumer = await bus.consumer([matches], group())
        assert [record.value for record in await read_count(consumer, 2)] == [b"committed", b"by the successor"]
        assert await bus.committed(readers, [(tracklets, 0)]) == {(tracklets, 0): 3}


async def test_committed_offsets_wait_for_a_transaction_that_may_still_change_them(kafka_server: KafkaServer) -> None:
    async with bus_on(kafka_server) as (bus, settings):
        place, readers = (settings.topic(TRACKLETS), 0), group()
        transactions = await bus.transactions(f"test.{uuid.uuid4().hex}")
        async with transactions.begin() as transaction:
            await transaction.commit_offsets(Membership(readers), {place: 7})
            asking = asyncio.create_task(bus.committed(readers, [place]))
            await asyncio.wait([asking], timeout=0.5)
            assert not asking.done()
        assert await asking == {place: 7}


async def test_a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced(mortal_kafka: KafkaServer) -> None:
    async with bus_on(mortal_kafka, transaction_timeout=1.0) as (bus, settings):
        topic, name, readers = settings.topic(MATCHES), f"test.{uuid.uuid4().hex}", group()
        place = (settings.topic(TRACKLETS), 0)
        transactions = await bus.transactions(name)
        with pytest.raises(FencedError, match=r"took longer than kafka\.transaction_timeout"):  # noqa: PT012 - the whole block is the transaction
            async with transactions.begin() as transaction:
                await transaction.send(topic, "k", b"too late", {})
                await transaction.commit_offsets(Membership(readers), {place: 7})
                assert await bus.committed(readers, [place]) == {place: None}  # waits until it is over
        await send(await bus.transactions(name), topic, b"again")
        await until_values(bus, (topic, 0), [b"again"])


async def until_values(bus: KafkaBus, place: Place, expected: list[bytes | None]) -> None:
    async with asyncio.timeout(DEADLINE):
        while await stretch(bus, place) != expected:  # noqa: ASYNC110 - what is waited for happens elsewhere, and tells nobody
            await asyncio.sleep(0.05)


async def test_a_timeout_that_the_broker_does_not_allow_is_named(kafka_server: KafkaServer) -> None:
    async with bus_on(kafka_server, transaction_timeout=3600) as (bus, _):
        with pytest.raises(BusError, match=r"kafka\.transaction_timeout, or raise the broker's transaction\.max\.timeout\.ms"):
            await bus.transactions(f"test.{uuid.uuid4().hex}")


async def test_a_record_that_only_the_topic_refuses_aborts_its_transaction(kafka_server: KafkaServer) -> None:
    async with bus_on(kafka_server) as (bus, settings):
        name = f"test.{uuid.uuid4().hex}"
        topic = f"{settings.prefix}.made-elsewhere"  # by the broker's own defaults: about one megabyte a record
        await bus.publish(topic, "k", b"1", {})
        transactions = await bus.transactions(name)
        with pytest.raises(RecordRefusedError, match=r"max\.message\.bytes"):  # noqa: PT012 - the whole block is the transaction
            async with transactions.begin() as transaction:
                await transaction.send(topic, "k", b"aborted", {})
                await transaction.send(topic, "k", bytes(2_000_000), {})
        with pytest.raises(RecordRefusedError, match=name):
            await send(transactions, topic, b"ended")
        await send(await bus.transactions(name), topic, b"2")
        await until_values(bus, (topic, 0), [b"1", b"2"])


async def test_a_commit_without_an_answer_is_decided_by_who_opens_the_id_next(mortal_kafka: KafkaServer) -> None:
    async with bus_on(mortal_kafka) as (bus, settings):
        topic, name = settings.topic(MATCHES), f"test.{uuid.uuid4().hex}"
        hasty = KafkaBus(settings.model_copy(update={"request_timeout": 2.0}), Metrics())
        await hasty.start()
        try:
            transactions = await hasty.transactions(name)
            with pytest.raises(BusError, match=f"may or may not have been committed: open {name} again"):  # noqa: PT012 - the whole block is the transaction
                async with transactions.begin() as transaction:
                    await transaction.send(topic, "k", b"1", {})
                    mortal_kafka.suspend()
            with pytest.raises(BusError, match="may or may not"):
                await send(transactions, topic, b"2")
        finally:
            mortal_kafka.resume()
            await hasty.stop()
        heir = await bus.transactions(name)
        decided = await stretch(bus, (topic, 0))
        assert decided in ([], [b"1"])
        await send(heir, topic, b"2")
        await until_values(bus, (topic, 0), [*decided, b"2"])


@pytest.mark.slow
async def test_a_broker_that_is_killed_and_comes_back_loses_and_doubles_nothing(mortal_kafka: KafkaServer) -> None:
    async with bus_on(mortal_kafka) as (bus, settings):
        topic, name = settings.topic(MATCHES), f"test.{uuid.uuid4().hex}"
        transactions = await bus.transactions(name)
        done = 0

        async def work() -> None:
            nonlocal done
            while True:
                await send(transactions, topic, b"%d" % done)
                done += 1

        working = asyncio.create_task(work())
        await until(lambda: done > 20)
        mortal_kafka.kill()
        before = done
        mortal_kafka.launch()
        await asyncio.to_thread(mortal_kafka.wait_until_ready)
        await until(lambda: done > before + 20 or working.done())
        assert not working.done()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await bus.transactions(name)  # decides the last one
        numbers = [int(value or b"") for value in await stretch(bus, (topic, 0))]
        assert numbers in (list(range(done)), list(range(done + 1)))


async def test_whoever_gives_up_waiting_leaves_nothing_half_done(kafka_server: KafkaServer) -> None:
    async with bus_on(kafka_server) as (bus, settings):
        topic = settings.topic(MATCHES)
        transactions = await bus.transactions(f"test.{uuid.uuid4().hex}")
        impatient = asyncio.create_task(send(transactions, topic, b"impatient"))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        await send(transactions, topic, b"patient")
        await until_values(bus, (topic, 0), [b"patient"])


@pytest.mark.slow
async def test_what_members_of_a_group_copy_is_copied_once_whenever_they_are_killed(kafka_server: KafkaServer) -> None:
    random, name, sent = Random(14), group(), 0
    async with bus_on(kafka_server, partitions=4) as (bus, settings), contextlib.AsyncExitStack() as stack:
        tracklets, matches = settings.topic(TRACKLETS), settings.topic(MATCHES)

        async def copier() -> asyncio.subprocess.Process:
            process = await python(COPIER, kafka_server.bootstrap_servers, settings.prefix, name)
            stack.push_async_callback(kill, process)
            return process

        async def publish() -> None:
            nonlocal sent
            while True:
                await asyncio.gather(*(bus.publish(tracklets, f"k{n % 8}", b"%d" % n, {}) for n in range(sent, sent + 40)))
                sent += 40
                await asyncio.sleep(0.02)

        async def copied() -> list[Record]:
            ends = await bus.end_offsets([(matches, number) for number in range(4)])
            return [r for place, end in ends.items() async for batch in bus.read(place, 0, end, 5000) for r in batch]

        publishing = asyncio.create_task(publish())
        copiers = [await copier(), await copier()]
        for process in copiers:
            assert await line_of(process) == "reading"
        for _ in range(3):
            before = len(await copied())
            while len(await copied()) <= before:  # noqa: ASYNC110 - another process copies
                await asyncio.sleep(random.uniform(0.01, 0.2))
            assert copiers[1].returncode is None
            victim = copiers.pop(0)
            victim.kill()
            await victim.wait()
            copiers.append(await copier())
        publishing.cancel()
        await asyncio.wait([publishing])
        goal = sum((await bus.end_offsets([(tracklets, number) for number in range(4)])).values())
        async with asyncio.timeout(DEADLINE):
            while len(records := await copied()) < goal:  # noqa: ASYNC110 - another process copies
                await asyncio.sleep(0.1)
        assert all(process.returncode is None for process in copiers)
        assert len(records) == len({record.value for record in records}) == goal
        for key in {record.key for record in records}:
            numbers = [int(record.value or b"") for record in records if record.key == key]
            assert numbers == sorted(numbers)


async def test_a_killed_member_is_missed_and_its_partitions_are_taken_over(kafka_server: KafkaServer) -> None:
    class Listener:
        def __init__(self) -> None:
            self.told: list[tuple[str, int]] = []

        async def revoked(self, places: frozenset[Place]) -> None:
            self.told.append(("revoked", len(places)))

        async def assigned(self, places: frozenset[Place]) -> None:
            self.told.append(("assigned", len(places)))

    async with bus_on(kafka_server, partitions=4) as (bus, settings):
        topic, name, listener = settings.topic(TRACKLETS), group(), Listener()
        consumer = await bus.consumer([topic], name, listener=listener)
        seen: set[bytes | None] = set()

        async def read() -> None:
            async for batch in consumer.records():
                seen.update(record.value for record in batch)
                await consumer.commit(next_offsets(batch))

        reading = asyncio.create_task(read())
        member = await python(MEMBER, kafka_server.bootstrap_servers, settings.prefix, name)
        try:
            await until(lambda: ("assigned", 2) in listener.told)
            assert await line_of(member) == "assigned 2"
        finally:
            await kill(member)
        for number in range(40):
            await bus.publish(topic, f"k{number}", b"%d" % number, {})
        await until(lambda: len(seen) == 40)
        assert listener.told[:2] == [("assigned", 4), ("revoked", 4)]
        assert listener.told[-2:] == [("revoked", 2), ("assigned", 4)]
        await consumer.stop()
        await reading
