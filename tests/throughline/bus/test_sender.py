"""Order and failures of the sender, with a producer that does as it is told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from tests.support.bus import DEADLINE, until
from throughline.bus import BusError, RecordRefusedError
from throughline.bus._sender import Sender


class Producer:
    """Stands in for aiokafka's: records are acknowledged when the test says so."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.acknowledgements: list[asyncio.Future[None]] = []
        self.yields = 0  # how often the next call of send gives way before it takes its record
        self.errors: list[KafkaError] = []  # what the next calls of send raise
        self.startable = asyncio.Event()
        self.startable.set()
        self.closed = False
        self._closed = False
        self._sender = SimpleNamespace(close=self._nothing)
        self.client = SimpleNamespace(close=self._close)

    async def start(self) -> None:
        await self.startable.wait()

    async def stop(self) -> None:
        self.closed = True

    async def flush(self) -> None:
        await asyncio.wait(self.acknowledgements)

    async def send(self, topic: str, value: bytes, key: bytes, headers: Any) -> asyncio.Future[None]:
        yields, self.yields = self.yields, 0
        for _ in range(yields):
            await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(value)
        self.acknowledgements.append(asyncio.get_running_loop().create_future())
        return self.acknowledgements[-1]

    async def _nothing(self) -> None:
        pass

    async def _close(self) -> None:
        assert self._closed
        self.closed = True


class Stage:
    """A sender whose producers are at hand."""

    def __init__(self, timeout: float = DEADLINE) -> None:
        self.producers: list[Producer] = []
        self.next = Producer()
        self.sender = Sender(self._make, timeout, "somewhere:9092")

    def _make(self) -> Producer:
        made, self.next = self.next, Producer()
        self.producers.append(made)
        return made

    def send(self, value: bytes, topic: str = "t") -> asyncio.Task[None]:
        return asyncio.create_task(self.sender.send(topic, b"k", value, {}))


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_call_that_has_to_wait_is_not_overtaken() -> None:
    stage = Stage()
    stage.next.yields = 5
    calls = [stage.send(b"%d" % number) for number in range(4)]
    await turns()
    assert stage.producers[0].sent == [b"0", b"1", b"2", b"3"]
    for acknowledgement in stage.producers[0].acknowledgements:
        acknowledgement.set_result(None)
    await asyncio.gather(*calls)
    await stage.sender.stop()
    assert stage.producers[0].closed


async def test_a_topic_that_has_to_wait_does_not_hold_up_another() -> None:
    stage = Stage()
    calls = [stage.send(b"0", "first")]
    await turns()
    stage.producers[0].yields = 10**6
    calls += [stage.send(b"1", "stuck"), stage.send(b"2", "free")]
    await turns()
    assert stage.producers[0].sent == [b"0", b"2"]
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    for acknowledgement in stage.producers[0].acknowledgements:
        assert acknowledgement.cancelled()
    await stage.sender.stop()


async def test_when_one_fails_those_after_it_fail_with_it_and_the_next_gets_a_new_producer() -> None:
    stage = Stage()
    calls = [stage.send(b"%d" % number) for number in range(3)]
    await turns()
    first = stage.producers[0]
    first.yields = 10**6
    calls += [stage.send(b"3"), stage.send(b"4")]  # one is being taken, one waits for it
    await turns()
    first.acknowledgements[0].set_result(None)
    first.acknowledgements[1].set_exception(KafkaConnectionError("gone"))
    await turns()
    assert [call.done() for call in calls] == [True] * 5
    assert calls[0].exception() is None
    assert "gone" in str(calls[1].exception())
    for call in calls[2:]:
        with pytest.raises(BusError, match="one before it failed"):
            call.result()
    again = stage.send(b"again")
    await turns()
    assert first.closed
    assert [producer.sent for producer in stage.producers] == [[b"0", b"1", b"2"], [b"again"]]
    stage.producers[1].acknowledgements[0].set_result(None)
    await again
    await stage.sender.stop()


async def test_a_call_that_waits_behind_one_that_fails_fails_too_and_connects_to_nothing() -> None:
    stage = Stage()
    stage.next.yields, stage.next.errors = 5, [KafkaConnectionError("gone")]
    failing, waiting = stage.send(b"0"), stage.send(b"1")
    await turns()
    assert "gone" in str(failing.exception())
    assert "one before it failed" in str(waiting.exception())
    assert len(stage.producers) == 1
    await stage.sender.stop()


async def test_a_late_failure_does_not_cost_the_new_producer() -> None:
    stage = Stage()

    async def send_until_it_is_taken() -> None:
        try:
            await stage.sender.send("t", b"k", b"0", {})
        except BusError:
            await stage.sender.send("t", b"k", b"0 again", {})

    stubborn, other = asyncio.create_task(send_until_it_is_taken()), stage.send(b"1")
    await turns()
    for acknowledgement in stage.producers[0].acknowledgements:
        acknowledgement.set_exception(KafkaConnectionError("gone"))
    await turns()
    assert isinstance(other.exception(), BusError)
    assert stage.producers[1].sent == [b"0 again"]
    stage.producers[1].acknowledgements[0].set_result(None)
    await stubborn
    await stage.sender.stop()


async def test_a_record_without_an_acknowledgement_fails_when_its_time_is_up() -> None:
    stage = Stage(timeout=0.01)
    with pytest.raises(BusError, match=r"somewhere:9092 did not acknowledge a record for t within 0\.01 s"):
        await stage.send(b"0")
    await stage.sender.stop()
    assert stage.producers[0].closed


async def test_a_buffer_that_stays_full_is_waited_for() -> None:
    stage = Stage()
    stage.next.errors = [KafkaTimeoutError(), KafkaTimeoutError()]
    call = stage.send(b"0")
    await turns()
    stage.producers[0].acknowledgements[0].set_result(None)
    await call
    await stage.sender.stop()


async def test_a_record_too_large_to_be_sent_disturbs_nobody() -> None:
    stage = Stage()
    before = stage.send(b"0")
    await turns()
    stage.producers[0].errors = [MessageSizeTooLargeError("9 bytes")]
    with pytest.raises(RecordRefusedError, match="too large"):
        await stage.send(b"1")
    stage.producers[0].acknowledgements[0].set_result(None)
    await before
    assert len(stage.producers) == 1
    await stage.sender.stop()


async def test_a_record_that_the_broker_refuses_costs_the_producer() -> None:
    stage = Stage()
    call = stage.send(b"0")
    await turns()
    stage.producers[0].acknowledgements[0].set_exception(MessageSizeTooLargeError())
    with pytest.raises(RecordRefusedError, match=r"max\.message\.bytes"):
        await call
    await until(lambda: stage.producers[0].closed)
    await stage.sender.stop()


async def test_stopping_while_a_producer_starts_closes_it() -> None:
    stage = Stage()
    starting = stage.next
    starting.startable.clear()
    calls = [stage.send(b"0"), stage.send(b"1")]
    await turns()
    await stage.sender.stop()
    assert starting.closed
    for call in calls:
        with pytest.raises(BusError):
            await call
    assert len(stage.producers) == 1
    with pytest.raises(BusError, match="has been closed"):
        await stage.send(b"2")


async def test_stopping_waits_for_what_is_under_way() -> None:
    stage = Stage()
    call = stage.send(b"0")
    await turns()
    stopping = asyncio.create_task(stage.sender.stop())
    await turns()
    assert not stopping.done()
    stage.producers[0].acknowledgements[0].set_result(None)
    await stopping
    await call
