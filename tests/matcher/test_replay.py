"""What a replay says is what was said, or what other settings would have said; and Kafka is as it was."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest

from matcher.replay import Replay
from matcher.service import MatcherService
from tests.support.traffic import chain_site, drive, streamed
from throughline.bus import BusError, Capabilities, MemoryBus, Record
from throughline.bus.publisher import Publisher
from throughline.messages import encode_json
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant

SITE = chain_site(3)
SITE = SITE.model_copy(update={"kafka": SITE.kafka.model_copy(update={"snapshot_interval": 15.0})})
CHANGED = chain_site(3, "new_vehicle_prior: 0.6, confirm_after: 5")


class Dated(MemoryBus):
    """Records are a millisecond apart, so that a moment between any two can be named."""

    def append(self, topic, key, value, headers) -> None:  # type: ignore[no-untyped-def]  # as in the bus
        super().append(topic, key, value, headers)
        for log in self._logs[topic]:
            log[:] = [dataclasses.replace(record, time=1000 * record.offset) for record in log]


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    bus = Dated()
    await bus.start()
    publisher = Publisher(bus, SITE.kafka)
    records = streamed(SITE, drive(SITE, 20, seed=4), step=2.0)
    for start in range(0, len(records), 150):
        for record in records[start : start + 150]:
            await publisher.publish(record)
        await serve(bus)
    yield bus
    await bus.stop()


async def serve(bus: MemoryBus) -> None:
    stop = asyncio.Event()
    stop.set()
    await MatcherService(bus, [SITE], Metrics()).run(stop)


async def replayed(bus: MemoryBus, since: Instant, until: Instant | None = None, settings: Site | None = None) -> list[bytes]:
    replay = Replay(bus, SITE, settings)
    return [encode_json(event) async for some in replay.events(await replay.span(since, until)) for event in some]


def everything(bus: MemoryBus) -> list[Record]:
    return [record for name in ("tracklets", "matches", "state", "dead-letters") for record in bus.log(SITE.kafka.topic(name))]


async def test_the_whole_log_comes_again_byte_for_byte_and_nothing_is_written(bus: MemoryBus) -> None:
    before = everything(bus)
    assert await replayed(bus, 0) == [record.value for record in bus.log("throughline.matches")]
    assert everything(bus) == before


@pytest.mark.parametrize("where", [0.2, 0.5, 0.9])
async def test_a_span_is_part_of_the_log(bus: MemoryBus, where: float) -> None:
    log = [record.value for record in bus.log("throughline.matches")]
    count = len(bus.log("throughline.tracklets"))
    middle, end = 1000 * round(where * count), 1000 * round((where + 0.1) * count)
    before, span, rest = await replayed(bus, 0, middle), await replayed(bus, middle, end), await replayed(bus, end)
    assert span
    assert before + span + rest == log
    found = await Replay(bus, SITE).span(middle, None)
    assert found.begins == "snapshot"
    assert found.start <= found.first
    assert found.start > 0 or where < 0.3, "the empty matcher is a snapshot too"


async def test_other_settings_tell_what_would_have_been_and_begin_at_the_start(bus: MemoryBus) -> None:
    count = len(bus.log("throughline.tracklets"))
    found = await Replay(bus, SITE, CHANGED).span(500 * count, None)
    assert (found.begins, found.start) == ("start", 0)
    other = MemoryBus()
    await other.start()
    for record in bus.log("throughline.tracklets"):
        await other.publish(record.topic, (record.key or b"").decode(), record.value, record.headers)
    stop = asyncio.Event()
    stop.set()
    await MatcherService(other, [CHANGED], Metrics()).run(stop)
    would_have_been = [record.value for record in other.log("throughline.matches")]
    await other.stop()
    assert await replayed(bus, 0, settings=CHANGED) == would_have_been
    assert would_have_been != [record.value for record in bus.log("throughline.matches")]


async def test_without_offsets_by_time_it_says_what_is_missing(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    poor = Capabilities(shared_groups=False, compaction=False, durable=False, transactions=False, offsets_by_time=False)
    monkeypatch.setattr(type(bus), "capabilities", poor)
    with pytest.raises(BusError, match="needs a real Kafka"):
        await Replay(bus, SITE).span(0, None)
