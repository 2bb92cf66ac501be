"""Members of a group of matchers that come, go, fail and are replaced: the log is always that of one that never did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from random import Random

import msgspec
import pytest

from matcher import Matcher
from matcher.deciding import MatcherWorker, Verdict
from matcher.delivery import snapshots
from matcher.delivery.owned_partition import OwnedPartition
from matcher.delivery.snapshots import SnapshotStore
from matcher.service import MatcherService
from matcher.state import packed_state_of
from tests.support.bus import DEADLINE, until
from tests.support.traffic import chain_site, complete_at_end, drive, streamed
from throughline.bus import BusError, MemoryBus
from throughline.bus.publisher import Publisher
from throughline.messages import MatcherRecord, MatchEvent, Tracklet, decode_match_event
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics


def called(name: str, matching: str = "") -> Site:
    site = chain_site(3, matching)
    kafka = site.kafka.model_copy(update={"snapshot_interval": 10.0})
    return site.model_copy(update={"site": name, "kafka": kafka})


SITE = called("test")


class Kafka:
    """A bus in memory with matchers on it."""

    def __init__(self, partitions: int = 1) -> None:
        self.metrics = Metrics()
        self.bus = MemoryBus(self.metrics, partitions)

    async def send(self, records: Sequence[MatcherRecord]) -> None:
        publisher = Publisher(self.bus, SITE.kafka)
        for record in records:
            await publisher.publish(record)

    def log(self, site: str = "test") -> list[bytes]:
        records = self.bus.log("throughline.matches")
        return [record.value or b"" for record in records if record.key == site.encode()]

    def events(self, site: str = "test") -> list[MatchEvent]:
        return [decode_match_event(value) for value in self.log(site)]

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"throughline_{name}", labels) or 0.0

    async def serve(self, *sites: Site) -> None:
        """A member that works on all there is and leaves in good order."""
        stop = asyncio.Event()
        stop.set()
        async with asyncio.timeout(DEADLINE):
            await MatcherService(self.bus, sites or [SITE], self.metrics).run(stop)

    @contextlib.asynccontextmanager
    async def member(self, *sites: Site) -> AsyncIterator[asyncio.Task[None]]:
        """A member that works until it is killed here."""
        task = asyncio.create_task(MatcherService(self.bus, sites or [SITE], self.metrics).run(asyncio.Event()))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def at_the_end(self) -> None:
        """Returns when everything has been read and committed."""
        places = self.bus.places(["throughline.tracklets"])
        group = self.bus._groups["throughline.matcher"]
        await until(lambda: all(group.committed.get(place, 0) == self.bus.end(place) for place in places))


@pytest.fixture
async def kafka() -> AsyncIterator[Kafka]:
    kafka = Kafka()
    await kafka.bus.start()
    yield kafka
    await kafka.bus.stop()


async def uninterrupted(records: Sequence[MatcherRecord], site: Site = SITE) -> list[bytes]:
    kafka = Kafka()
    await kafka.bus.start()
    await kafka.send(records)
    await kafka.serve(site)
    await kafka.bus.stop()
    return kafka.log(site.site)


def traffic(site: Site = SITE, vehicles: int = 12, seed: int = 3) -> list[MatcherRecord]:
    return streamed(site, drive(site, vehicles, seed=seed), step=2.0)


@pytest.mark.parametrize("seed", range(3))
async def test_members_that_are_killed_at_any_moment_leave_the_log_of_one_that_was_not(kafka: Kafka, seed: int) -> None:
    random, records, done = Random(seed), traffic(seed=seed), 0
    expected = await uninterrupted(records)
    while done < len(records):
        async with kafka.member():
            for _ in range(random.randint(1, 4)):
                more = records[done : done + random.randint(1, 60)]
                await kafka.send(more)
                done += len(more)
                for _ in range(random.randint(0, 30)):
                    await asyncio.sleep(0)
                await asyncio.sleep(random.choice([0.0, 0.01, 0.1]))
    await kafka.serve()
    assert kafka.log() == expected
    matcher = Matcher(SITE)
    for record in records:
        matcher.process(record)
    kept = await SnapshotStore(kafka.bus, SITE).latest()
    assert kept is not None
    assert kept.state == packed_state_of(matcher), "it has become what it would have become"
    assert [event.sequence for event in kafka.events()] == list(range(1, len(expected) + 1))
    assert kafka.value("matcher_starts_total", site="test", how="resumed") > 0
    assert kafka.value("matcher_divergences_total", site="test") == 0


async def test_a_transaction_that_fails_leaves_nothing_and_the_next_member_says_it(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = traffic()
    expected = await uninterrupted(records)
    commit, failures = OwnedPartition._commit, iter([3, 1, 4, 1, 5])
    left = next(failures)

    async def commit_or_fail(self: OwnedPartition, *arguments: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            left = next(failures, 0)
            raise BusError("Kafka is away")
        await commit(self, *arguments)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(OwnedPartition, "_commit", commit_or_fail)
    for at in range(0, len(records), 100):
        await kafka.send(records[at : at + 100])
        with contextlib.suppress(BusError):
            await kafka.serve()
    monkeypatch.undo()
    await kafka.serve()
    assert kafka.log() == expected


async def test_two_members_share_the_sites_and_take_over_from_each_other() -> None:
    kafka = Kafka(partitions=4)
    await kafka.bus.start()
    sites = [called(f"site{number}") for number in range(6)]
    records = {site.site: traffic(site, 8, seed=number) for number, site in enumerate(sites)}
    homes = {await kafka.bus.partition_of("throughline.tracklets", site.site) for site in sites}
    assert len(homes) > 1, "there is something to share"

    async def send(first: float, last: float) -> None:
        for some in records.values():
            await kafka.send(some[round(first * len(some)) : round(last * len(some))])

    async with kafka.member(*sites) as first:
        await send(0.0, 0.2)
        await kafka.at_the_end()
        async with kafka.member(*sites) as second:
            await send(0.2, 0.4)
            await kafka.at_the_end()
            shares = [member.assignment for member in kafka.bus._consumers if member._group_name and member.assignment]
            assert [len(share) for share in shares] == [2, 2]
            await send(0.4, 0.5)
            first.cancel()
            await asyncio.wait([first])
            await send(0.5, 0.8)
            await kafka.at_the_end()
            assert not second.done()
            async with kafka.member(*sites):
                await send(0.8, 1.0)
                await kafka.at_the_end()
    for site in sites:
        assert kafka.log(site.site) == await uninterrupted(records[site.site], site), site.site
    await kafka.bus.stop()


async def test_what_is_still_its_own_after_the_group_has_changed_is_not_read_again() -> None:
    kafka = Kafka(partitions=2)
    await kafka.bus.start()
    async with kafka.member() as one:
        await kafka.send(traffic()[:200])
        await kafka.at_the_end()
        before = kafka.value("matcher_starts_total", site="test", how="begun")
        idle = called("nobody sends for")
        async with kafka.member(SITE, idle):
            await asyncio.sleep(0.3)
        await kafka.send(traffic()[200:])
        await kafka.at_the_end()
        assert not one.done()
    started = before + kafka.value("matcher_starts_total", site="test", how="resumed")
    assert started <= 3, "it began once, and again only where another had it in between"
    assert kafka.log() == await uninterrupted(traffic())
    await kafka.bus.stop()


async def test_records_of_sites_without_settings_are_counted_and_left_alone(kafka: Kafka) -> None:
    other = called("elsewhere")
    await kafka.send(traffic(other)[:50])
    await kafka.send(traffic())
    await kafka.serve()
    assert kafka.value("matcher_foreign_records_total") == 50
    assert kafka.log("elsewhere") == []
    assert kafka.log() == await uninterrupted(traffic())


async def test_a_member_that_was_overtaken_commits_nothing_and_begins_anew(kafka: Kafka) -> None:
    records = traffic()
    service = asyncio.create_task(MatcherService(kafka.bus, [SITE], kafka.metrics).run(asyncio.Event()))
    await kafka.send(records[:100])
    await kafka.at_the_end()
    published = len(kafka.log())
    usurper = await kafka.bus.transactions("throughline.matcher.0")
    await kafka.send(records[100:])
    await asyncio.sleep(0.5)
    assert len(kafka.log()) == published
    assert kafka.value("transactions_total", outcome="fenced") == 1
    await usurper.stop()
    service.cancel()
    await asyncio.wait([service])
    await kafka.serve()
    assert kafka.log() == await uninterrupted(records)


async def test_large_states_are_cut_and_put_together(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_CHUNK", 2000)
    records = traffic()
    half = len(records) // 2
    await kafka.send(records[:half])
    await kafka.serve()
    kept = await SnapshotStore(kafka.bus, SITE).latest()
    assert kept is not None
    assert kept.manifest.parts > 3
    await kafka.send(records[half:])
    await kafka.serve()
    assert kafka.log() == await uninterrupted(records)
    assert kafka.value("matcher_starts_total", site="test", how="resumed") == 1


async def test_parts_stand_where_the_site_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_CHUNK", 2000)
    kafka = Kafka(partitions=8)
    await kafka.bus.start()
    await kafka.send(traffic()[:200])
    await kafka.serve()
    home = await kafka.bus.partition_of("throughline.state", "test")
    assert {record.partition for record in kafka.bus.log("throughline.state")} == {home}
    await kafka.bus.stop()


def _assert_each_is_decided_once(kafka: Kafka, records: Sequence[MatcherRecord]) -> None:
    events = kafka.events()
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len({event.event for event in events}) == len(events)
    firsts = [event.tracklet.tracklet for event in events if event.kind in ("confirmed", "new")]
    assert sorted(firsts) == sorted({record.tracklet for record in records if isinstance(record, Tracklet)})


async def test_other_settings_rebuild_from_the_tracklets_and_say_nothing_twice(kafka: Kafka) -> None:
    records = complete_at_end(SITE, drive(SITE, 40, seed=5))
    half = len(records) // 2
    await kafka.send(records[:half])
    await kafka.serve()
    before = kafka.log()
    changed = called("test", "new_vehicle_prior: 0.25")
    await kafka.send(records[half : half + 50])
    await kafka.serve(changed)
    await kafka.send(records[half + 50 :])
    await kafka.serve(changed)
    assert kafka.log()[: len(before)] == before
    _assert_each_is_decided_once(kafka, records)
    assert kafka.value("matcher_starts_total", site="test", how="rebuilt") == 1
    assert kafka.value("matcher_starts_total", site="test", how="resumed") == 1


@pytest.mark.parametrize("fate", ["gone", "unreadable"])
async def test_without_a_snapshot_that_can_be_read_it_rebuilds_from_the_tracklets(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    records = complete_at_end(SITE, drive(SITE, 40, seed=5))
    half = len(records) // 2
    if fate == "unreadable":
        state = MatcherWorker.state

        async def half_of_it(self: MatcherWorker) -> bytes:
            return (await state(self))[:-50]

        monkeypatch.setattr(MatcherWorker, "state", half_of_it)
    await kafka.send(records[:half])
    await kafka.serve()
    monkeypatch.undo()
    before = kafka.log()
    if fate == "gone":
        for log in kafka.bus._logs["throughline.state"]:
            log.clear()
    await kafka.send(records[half : half + 50])
    await kafka.serve()
    await kafka.send(records[half + 50 :])
    await kafka.serve()
    assert kafka.log()[: len(before)] == before
    _assert_each_is_decided_once(kafka, records)
    starts = {how: kafka.value("matcher_starts_total", site="test", how=how) for how in ("begun", "rebuilt", "resumed")}
    assert starts == {"begun": 1, "rebuilt": 1, "resumed": 1}


async def test_a_matcher_that_decides_otherwise_says_so_and_repeats_nothing(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = traffic(vehicles=20)
    half = len(records) // 2
    rarely = SITE.model_copy(update={"kafka": SITE.kafka.model_copy(update={"snapshot_interval": 1e6})})
    async with kafka.member(rarely):
        await kafka.send(records[:half])
        await kafka.at_the_end()
    decide = MatcherWorker.decide

    async def differently(self: MatcherWorker, values: Sequence[bytes]) -> Verdict:
        verdict = await decide(self, values)
        for decided in verdict.decided:
            decided.events[:] = [msgspec.structs.replace(event, event=f"x{event.event}") for event in decided.events]
        return verdict

    monkeypatch.setattr(MatcherWorker, "decide", differently)
    await kafka.serve()
    monkeypatch.undo()
    await kafka.send(records[half:])
    await kafka.serve()
    assert kafka.value("matcher_divergences_total", site="test") == 1
    events = kafka.events()
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    firsts = [event.tracklet.tracklet for event in events if event.kind in ("confirmed", "new")]
    assert len(firsts) == len(set(firsts))


async def test_events_of_a_former_version_without_snapshots_are_not_said_again(kafka: Kafka) -> None:
    records = traffic()
    await kafka.send(records)
    expected = await uninterrupted(records)
    for value in expected[: len(expected) // 2]:
        await kafka.bus.publish("throughline.matches", "test", value, {})
    async with kafka.member():
        await kafka.at_the_end()
    await kafka.serve()
    assert kafka.log() == expected
