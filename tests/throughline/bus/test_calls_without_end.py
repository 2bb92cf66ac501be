"""Calls of librdkafka that never return: they cost a client, not the process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.bus import DEADLINE
from throughline.bus import BusError, _offsets, _transactions
from throughline.bus._offsets import OffsetLookup
from throughline.bus._transactions import KafkaTransactions
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

PLACE = ("tracklets", 0)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What a call waits for that never comes while the test lasts."""
    monkeypatch.setattr(_transactions, "_GRACE_SECONDS", 0.05)
    event = threading.Event()
    yield event
    event.set()


def transactions(metrics: Metrics) -> KafkaTransactions:
    return KafkaTransactions(KafkaSettings(request_timeout=0.2), "nowhere:9092", "t.0", metrics)


def failed(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("throughline_transactions_total", {"outcome": "failed"})


async def test_a_call_that_never_returns_ends_the_transactions_and_says_so(stuck: threading.Event) -> None:
    metrics = Metrics()
    under = transactions(metrics)
    assert await under.call(max, 1, 2) == 2
    for arguments in ((lambda _: stuck.wait(), 0.05), (stuck.wait,)):
        under = transactions(metrics)
        with pytest.raises(BusError, match=r"under t\.0 does not go on: open t\.0 again"):
            await asyncio.wait_for(under.call(*arguments), DEADLINE)
        assert not under.is_open
        with pytest.raises(BusError, match="does not go on"):
            async with under.begin():
                pass
        await under.stop()
    assert failed(metrics) == 2


async def test_whoever_is_cancelled_does_not_wait_for_ever_either(stuck: threading.Event) -> None:
    metrics = Metrics()
    waiting = asyncio.create_task(transactions(metrics).call(stuck.wait))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, DEADLINE)
    assert failed(metrics) == 1


class Admin:
    """Clients of which the first few never answer."""

    made = 0
    mute = 2

    def __init__(self, _: dict[str, Any]) -> None:
        type(self).made += 1
        self._answers = self.made > self.mute

    def list_consumer_group_offsets(self, asked: list[Any], **_: Any) -> dict[str, Future[Any]]:
        answer: Future[Any] = Future()
        if self._answers:
            found = SimpleNamespace(topic=PLACE[0], partition=PLACE[1], offset=7, error=None)
            answer.set_result(SimpleNamespace(topic_partitions=[found]))
        return {asked[0].group_id: answer}


async def test_a_client_that_does_not_answer_is_replaced_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_offsets, "_ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(_offsets, "AdminClient", Admin)
    monkeypatch.setattr(Admin, "made", 0)

    def lookup(seconds: float) -> OffsetLookup:
        return OffsetLookup(lambda: pytest.fail("no consumer is needed"), {}, seconds, "nowhere:9092")

    patient = lookup(DEADLINE)
    assert await asyncio.gather(*(patient.committed("g", [PLACE]) for _ in range(3))) == [{PLACE: 7}] * 3
    assert Admin.made == 3
    monkeypatch.setattr(Admin, "mute", 10**9)
    with pytest.raises(BusError, match="did not say what the group g has committed: no answer in time"):
        await lookup(0.3).committed("g", [PLACE])
