"""Publishing without waiting: order, failures, and what happens when there is no room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.bus import DEADLINE
from throughline.bus import BusError, Headers, MemoryBus, Pipeline, RecordRefusedError, pipeline
from throughline.messages import Progress, decode_record
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

SETTINGS = KafkaSettings(request_timeout=DEADLINE)
TOPIC = SETTINGS.topic("tracklets")


class FaultyBus(MemoryBus):
    """Asks ``fault`` about each attempt (the number in the record, the count of attempts so far) before taking the record.

    Like Kafka, it fails what is under way behind a record that failed.
    """

    def __init__(self, metrics: Metrics, fault: Callable[[int, int], Exception | None]) -> None:
        super().__init__(metrics)
        self._fault = fault
        self.attempts = 0
        self.under_way = 0
        self.most_under_way = 0
        self._generation = 0

    async def publish(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        generation = self._generation
        self.attempts += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if error := self._fault(number_of(value), self.attempts):
                if not isinstance(error, RecordRefusedError):
                    self._generation += 1
                raise error
            await asyncio.sleep(0.001)
            if generation != self._generation:
                raise BusError("one before it failed")
            await super().publish(topic, key, value, headers)
        finally:
            self.under_way -= 1


class HeldBus(MemoryBus):
    """Takes nothing until it is let go."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.let_go = asyncio.Event()

    async def publish(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        await self.let_go.wait()
        await super().publish(topic, key, value, headers)


def number_of(value: bytes | None) -> int:
    message = decode_record(value or b"")
    assert isinstance(message, Progress)
    return message.complete_to


def numbered(number: int) -> Progress:
    return Progress("harbour", "c01", number)


def numbers(bus: MemoryBus) -> list[int]:
    return [number_of(record.value) for record in bus.log(TOPIC)]


def dropped(metrics: Metrics) -> float:
    labels = {"topic": TOPIC, "outcome": "dropped"}
    return metrics.registry.get_sample_value("throughline_publish_failures_total", labels) or 0.0


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_PAUSE_SECONDS", 0.001)


async def test_many_are_under_way_and_arrive_in_order() -> None:
    metrics = Metrics()
    bus = FaultyBus(metrics, lambda *_: None)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics, window=50) as line:
        outcomes = [line.send(numbered(n), traceparent="00-1-2-01") for n in range(500)]
        assert await asyncio.gather(*outcomes) == [True] * 500
        assert len(line) == 0
    assert numbers(bus) == list(range(500))
    assert bus.most_under_way == 50
    assert bus.log(TOPIC)[0].headers["traceparent"] == b"00-1-2-01"


async def test_what_failed_is_sent_again_in_order() -> None:
    metrics = Metrics()
    bus = FaultyBus(metrics, lambda _, attempt: BusError("away") if attempt in {20, 21, 90, 200} else None)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics, window=16) as line:
        outcomes = [line.send(numbered(n)) for n in range(300)]
        assert await asyncio.gather(*outcomes) == [True] * 300
    assert list(dict.fromkeys(numbers(bus))) == list(range(300))
    assert dropped(metrics) == 0


async def test_a_record_that_will_never_be_taken_is_dropped_and_counted_and_others_go_on() -> None:
    metrics = Metrics()
    bus = FaultyBus(metrics, lambda number, _: RecordRefusedError("too large") if number == 7 else None)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics) as line:
        outcomes = await asyncio.gather(*(line.send(numbered(n)) for n in range(20)))
    assert outcomes == [n != 7 for n in range(20)]
    assert sorted(numbers(bus)) == [n for n in range(20) if n != 7]
    assert dropped(metrics) == 1


async def test_without_room_the_oldest_that_is_not_under_way_is_dropped() -> None:
    metrics = Metrics()
    bus = HeldBus(metrics)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics, capacity=10, window=4) as line:
        outcomes = [line.send(numbered(n)) for n in range(4)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # these four are under way
        outcomes += [line.send(numbered(n)) for n in range(4, 13)]
        assert len(line) == 10
        bus.let_go.set()
        assert await asyncio.gather(*outcomes) == [n not in {4, 5, 6} for n in range(13)]
    assert numbers(bus) == [0, 1, 2, 3, *range(7, 13)]
    assert dropped(metrics) == 3


async def test_who_can_wait_for_room_loses_nothing() -> None:
    metrics = Metrics()
    bus = FaultyBus(metrics, lambda *_: None)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics, capacity=10, window=4) as line:
        for n in range(200):
            await line.room()
            line.send(numbered(n))
        await line.flush()
        assert len(line) == 0
    assert numbers(bus) == list(range(200))
    assert dropped(metrics) == 0


async def test_the_end_waits_for_what_is_pending() -> None:
    metrics = Metrics()
    bus = FaultyBus(metrics, lambda *_: None)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics, window=8) as line:
        for n in range(100):
            line.send(numbered(n))
    assert numbers(bus) == list(range(100))


async def test_what_cannot_be_delivered_by_the_end_is_counted() -> None:
    metrics = Metrics()
    bus = HeldBus(metrics)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics, window=2, drain_timeout=0.01) as line:
        outcomes = [line.send(numbered(n)) for n in range(5)]
    assert await asyncio.gather(*outcomes) == [False] * 5
    assert dropped(metrics) == 5
    assert numbers(bus) == []


async def test_an_impatient_sender_does_not_lose_its_message() -> None:
    metrics = Metrics()
    bus = FaultyBus(metrics, lambda *_: None)
    await bus.start()
    async with Pipeline(bus, SETTINGS, metrics) as line:
        line.send(numbered(1)).cancel()
        line.send(numbered(2))
    assert numbers(bus) == [1, 2]


async def test_it_must_be_entered_first() -> None:
    line = Pipeline(MemoryBus(), SETTINGS, Metrics())
    with pytest.raises(BusError, match="not running"):
        line.send(numbered(1))
    with pytest.raises(ValueError, match="window of 10 does not fit a capacity of 10"):
        Pipeline(MemoryBus(), SETTINGS, Metrics(), capacity=10, window=10)
