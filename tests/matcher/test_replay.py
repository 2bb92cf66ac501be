"""What a replay says is what was said, or what other settings would have said; and Kafka is as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from matcher.replay import Replay
from tests.support.dated_bus import lived, serve
from tests.support.traffic import chain_site
from throughline.bus import BusError, Capabilities, MemoryBus, Record
from throughline.messages import DecisionTrace, encode_json
from throughline.settings import Site
from throughline.times import Instant

SITE = chain_site(3)
SITE = SITE.model_copy(update={"kafka": SITE.kafka.model_copy(update={"snapshot_interval": 15.0})})
CHANGED = chain_site(3, "new_vehicle_prior: 0.6, confirm_after: 5")


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    bus = await lived(SITE)
    yield bus
    await bus.stop()


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
    await serve(other, CHANGED)
    would_have_been = [record.value for record in other.log("throughline.matches")]
    await other.stop()
    assert await replayed(bus, 0, settings=CHANGED) == would_have_been
    assert would_have_been != [record.value for record in bus.log("throughline.matches")]


async def test_without_offsets_by_time_it_says_what_is_missing(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    poor = Capabilities(shared_groups=False, compaction=False, durable=False, transactions=False, offsets_by_time=False)
    monkeypatch.setattr(type(bus), "capabilities", poor)
    with pytest.raises(BusError, match="needs a real Kafka"):
        await Replay(bus, SITE).span(0, None)


@pytest.mark.parametrize("where", [0.0, 0.5])
async def test_traces_belong_to_the_events_of_the_span(bus: MemoryBus, where: float) -> None:
    since = 1000 * round(where * len(bus.log("throughline.tracklets")))
    traces: list[DecisionTrace] = []
    replay = Replay(bus, SITE, trace=traces.append)
    events = [event async for some in replay.events(await replay.span(since, None)) for event in some]
    decisions = [event for event in events if event.kind != "watchlist"]
    assert [(trace.event, trace.sequence) for trace in traces] == [(event.event, event.sequence) for event in decisions]
    assert [encode_json(event) for event in events] == await replayed(bus, since)
