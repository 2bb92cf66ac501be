from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable

import pytest

from matcher.service import ElsewhereError, MatcherService
from tests.support.traffic import START, chain_site, complete_at_end, drive, tracklet
from throughline.bus import Capabilities, MemoryBus
from throughline.bus.publisher import Publisher
from throughline.messages import MatcherRecord, MatchEvent, Progress, decode_match_event
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics

FINAL = ("confirmed", "revised", "retracted", "new")


class WithoutTransactions(MemoryBus):
    @property
    def capabilities(self) -> Capabilities:
        return dataclasses.replace(super().capabilities, transactions=False)


class Kafka:
    def __init__(self, site: Site, *, transactions: bool = True) -> None:
        self.site, self.metrics = site, Metrics()
        self.bus = MemoryBus(self.metrics) if transactions else WithoutTransactions(self.metrics)

    async def send(self, records: list[MatcherRecord]) -> None:
        publisher = Publisher(self.bus, self.site.kafka)
        for record in records:
            await publisher.publish(record)

    def events(self) -> list[MatchEvent]:
        return [decode_match_event(record.value or b"") for record in self.bus.log("throughline.matches")]

    async def serve_until(self, condition: Callable[[], bool]) -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(MatcherService(self.bus, [self.site], self.metrics).run(stop))
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.02)
                assert not task.done() or task.result() is None
            stop.set()
            await task

    async def serve(self) -> None:
        """Runs a service over all that stands on the bus."""
        stop = asyncio.Event()
        stop.set()
        async with asyncio.timeout(30):
            await MatcherService(self.bus, [self.site], self.metrics).run(stop)

    def value(self, name: str, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(name, labels)
        assert found is not None, f"{name} {labels}"
        return found


@pytest.fixture(params=[True, False], ids=["exactly once", "at least once"])
async def kafka(request: pytest.FixtureRequest) -> Kafka:
    kafka = Kafka(chain_site(3), transactions=request.param)
    await kafka.bus.start()
    return kafka


@pytest.fixture
async def simple_kafka() -> Kafka:
    kafka = Kafka(chain_site(3), transactions=False)
    await kafka.bus.start()
    return kafka


async def test_matches_are_published_with_key_and_headers(kafka: Kafka) -> None:
    seen = drive(kafka.site, 8, seed=1)
    await kafka.send(complete_at_end(kafka.site, seen))
    await kafka.serve_until(lambda: sum(event.kind in FINAL for event in kafka.events()) >= len(seen))
    log = kafka.bus.log("throughline.matches")
    assert {record.key for record in log} == {b"test"}
    assert all(record.headers["schema"] == b"match/1" for record in log)
    assert all(record.headers["content-type"] == b"application/json" for record in log)
    assert [event.sequence for event in kafka.events()] == list(range(1, len(log) + 1))


async def test_metrics_tell_what_it_did(kafka: Kafka) -> None:
    seen = drive(kafka.site, 8, seed=1)
    await kafka.send([*complete_at_end(kafka.site, seen), seen[0].tracklet, Progress("test", "c9", START)])
    await kafka.serve()
    kinds = [event.kind for event in kafka.events()]
    assert kafka.value("throughline_matches_total", site="test", kind="confirmed") == kinds.count("confirmed") > 0
    assert kafka.value("throughline_match_probability_count", site="test") == kinds.count("confirmed")
    assert kafka.value("throughline_matcher_records_skipped_total", site="test", reason="repeated") == 1
    assert kafka.value("throughline_matcher_records_skipped_total", site="test", reason="unknown_camera") == 1
    assert kafka.value("throughline_candidates_rejected_total", site="test", gate="travel_window") > 0
    first = {event.tracklet.tracklet: event.kind for event in reversed(kafka.events()) if event.kind in ("provisional", *FINAL)}
    for kind in set(first.values()):
        count = list(first.values()).count(kind)
        assert kafka.value("throughline_decision_delay_seconds_count", site="test", kind=kind) == count
    assert len(first) == len(seen)
    assert kafka.value("throughline_gallery_tracklets", site="test") > 0


async def test_an_unreadable_record_goes_to_the_dead_letters_and_nothing_stops(kafka: Kafka) -> None:
    topic = kafka.site.kafka.topic("tracklets")
    await kafka.bus.publish(topic, "test", b"\xc1 rubbish", {})
    await kafka.bus.publish(topic, "elsewhere", b"\xc1 of another site", {})
    await kafka.send(complete_at_end(kafka.site, drive(kafka.site, 3, seed=2)))
    await kafka.serve()
    (letter,) = kafka.bus.log("throughline.dead-letters")
    assert letter.value == b"\xc1 rubbish"
    assert letter.headers["reason"].startswith(b"unreadable")
    assert kafka.value("throughline_dead_letters_total", topic=topic, reason="unreadable") == 1
    assert any(event.kind == "confirmed" for event in kafka.events())


@pytest.mark.parametrize("cut", [5, 40, 90])
async def test_a_restart_says_nothing_twice_and_loses_nothing(kafka: Kafka, cut: int) -> None:
    records = complete_at_end(kafka.site, drive(kafka.site, 12, seed=3))
    await kafka.send(records[:cut])
    await kafka.serve()
    await kafka.send(records[cut:])
    await kafka.serve()
    whole = Kafka(kafka.site)
    await whole.bus.start()
    await whole.send(records)
    await whole.serve()
    assert [event.event for event in kafka.events()] == [event.event for event in whole.events()]
    assert [event.sequence for event in kafka.events()] == [event.sequence for event in whole.events()]


async def test_what_decisions_may_still_need_is_not_committed(simple_kafka: Kafka) -> None:
    await simple_kafka.send([tracklet("c1", 0, 3, name="old")])
    await simple_kafka.send([Progress("test", camera, START + 5_000_000) for camera in ("c1", "c2", "c3")])
    await simple_kafka.serve()
    group = await simple_kafka.bus.consumer(["throughline.tracklets"], "throughline.matcher.test")
    assert await group.lag() == 4, "all of it is read again after a restart"
    await group.stop()
    await simple_kafka.send([Progress("test", camera, START + 2000_000_000) for camera in ("c1", "c2", "c3")])
    await simple_kafka.serve()
    group = await simple_kafka.bus.consumer(["throughline.tracklets"], "throughline.matcher.test")
    assert await group.lag() == 3, "the tracklet is out of reach by now"
    await group.stop()


async def test_candidates_are_told_by_who_decides(kafka: Kafka) -> None:
    seen = drive(kafka.site, 4, seed=1)
    await kafka.send(complete_at_end(kafka.site, seen)[:-3])
    service, stop = MatcherService(kafka.bus, [kafka.site], kafka.metrics), asyncio.Event()
    name = next(one.tracklet.tracklet for one in seen if one.tracklet.camera == "c2")
    with pytest.raises(ElsewhereError, match="the matcher of test is not in this process, or has not begun"):
        await service.candidates("test", name, 5)
    task = asyncio.create_task(service.run(stop))
    async with asyncio.timeout(30):
        found = None
        while found is None or not found.candidates:
            await asyncio.sleep(0.02)
            with contextlib.suppress(ElsewhereError):
                found = await service.candidates("test", name, 5)
        assert found.tracklet.tracklet == name
        with pytest.raises(ElsewhereError):
            await service.candidates("elsewhere", name, 5)
        stop.set()
        await task
    with pytest.raises(ElsewhereError):
        await service.candidates("test", name, 5)
