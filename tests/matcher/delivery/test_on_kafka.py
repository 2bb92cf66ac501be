"""Matchers killed on a real Kafka, and Kafka killed under a matcher."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from matcher import Matcher
from tests.conftest import REPOSITORY
from tests.support.bus import DEADLINE
from tests.support.kafka import KafkaServer
from tests.support.traffic import chain_site, drive, streamed
from throughline.bus import BusError, KafkaBus, Pipeline
from throughline.messages import MatcherRecord, encode_json
from throughline.settings import Site
from throughline.settings.site import dump_site
from throughline.telemetry.metrics import Metrics

pytestmark = pytest.mark.kafka


def sites_on(server: KafkaServer, names: Sequence[str], partitions: int) -> list[Site]:
    changes = {
        "bootstrap_servers": server.bootstrap_servers,
        "prefix": f"t{uuid.uuid4().hex}",
        "partitions": partitions,
        "session_timeout": 2.0,
        "snapshot_interval": 5.0,
        "request_timeout": 8.0,
    }
    site = chain_site(3, "confirm_after: 8, horizon: 60")
    kafka = site.kafka.model_copy(update=changes)
    return [site.model_copy(update={"site": name, "kafka": kafka}) for name in names]


def expected(site: Site, records: Sequence[MatcherRecord]) -> list[bytes]:
    matcher = Matcher(site)
    return [encode_json(event) for record in records for event in matcher.process(record)]


class Members:
    """Matchers in processes of their own."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [str(file) for file in files]
        self.running: list[asyncio.subprocess.Process] = []

    async def start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.matcher_member",
            *self._files,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
        )
        self.running.append(process)
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), DEADLINE) == b"working\n"
        return process

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        self.running.remove(process)
        if process.returncode is None:
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def members(sites: Sequence[Site], folder: Path) -> AsyncIterator[Members]:
    files = [folder / f"{site.site}.yaml" for site in sites]
    for file, site in zip(files, sites, strict=True):
        file.write_text(dump_site(site))
    found = Members(files)
    try:
        yield found
    finally:
        for process in list(found.running):
            await found.kill(process)


@contextlib.asynccontextmanager
async def bus_of(site: Site) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(site.kafka, Metrics())
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def log(bus: KafkaBus, site: Site) -> list[bytes]:
    topic = site.kafka.topic("matches")
    place = topic, await bus.partition_of(topic, site.site)
    return [r.value or b"" async for batch in bus.read(place, 0) for r in batch if r.key == site.site.encode()]


async def publish(bus: KafkaBus, site: Site, records: Sequence[MatcherRecord]) -> None:
    """Under load, but not all at once: kills meet it in all states."""
    async with Pipeline(bus, site.kafka, Metrics()) as pipeline:
        for start in range(0, len(records), 25):
            for record in records[start : start + 25]:
                await pipeline.room()
                pipeline.send(record)
            await asyncio.sleep(0.05)


async def until_logged(bus: KafkaBus, site: Site, count: int, seconds: float = DEADLINE) -> list[bytes]:
    """The whole log, once there is as much; never waits for what must not come."""
    async with asyncio.timeout(seconds):
        while True:
            with contextlib.suppress(BusError):
                if len(found := await log(bus, site)) >= count:
                    return found
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_a_matcher_killed_at_random_leaves_the_log_of_one_that_was_not(kafka_server: KafkaServer, tmp_path: Path) -> None:
    random, (site,) = Random(7), sites_on(kafka_server, ["killed"], 1)
    records = streamed(site, drive(site, 40, seed=11), step=1.0)
    whole = expected(site, records)
    async with bus_of(site) as bus, members([site], tmp_path) as running:
        publishing = asyncio.create_task(publish(bus, site, records))
        kills = 0
        while kills < 6:
            member = await running.start()
            await asyncio.sleep(random.uniform(0.1, 4.0))
            await running.kill(member)
            kills += 1
        last = await running.start()
        await publishing
        await until_logged(bus, site, len(whole))
        assert last.stdin is not None
        last.stdin.close()
        assert await asyncio.wait_for(last.wait(), DEADLINE) == 0
        assert await log(bus, site) == whole


@pytest.mark.slow
async def test_a_member_takes_over_the_sites_of_one_that_was_killed(kafka_server: KafkaServer, tmp_path: Path) -> None:
    sites = sites_on(kafka_server, [f"site{number}" for number in range(4)], 4)
    records = {site.site: streamed(site, drive(site, 12, seed=place), step=1.0) for place, site in enumerate(sites)}
    whole = {site.site: expected(site, records[site.site]) for site in sites}
    async with bus_of(sites[0]) as bus, members(sites, tmp_path) as running:
        homes = {await bus.partition_of(site.kafka.topic("tracklets"), site.site) for site in sites}
        assert len(homes) > 1
        first, _ = await running.start(), await running.start()
        publishing = [asyncio.create_task(publish(bus, site, records[site.site])) for site in sites]
        for site in sites:
            await until_logged(bus, site, len(whole[site.site]) // 3)
        await running.kill(first)
        await asyncio.gather(*publishing)
        for site in sites:
            assert await until_logged(bus, site, len(whole[site.site])) == whole[site.site]


@pytest.fixture
def mortal_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A Kafka that may be killed."""
    server = KafkaServer(tmp_path_factory.mktemp("mortal-kafka"))
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
async def test_kafka_killed_under_a_matcher_loses_and_doubles_nothing(mortal_kafka: KafkaServer, tmp_path: Path) -> None:
    (site,) = sites_on(mortal_kafka, ["site"], 1)
    records = streamed(site, drive(site, 25, seed=2), step=1.0)
    whole = expected(site, records)
    async with bus_of(site) as bus, members([site], tmp_path) as running:
        await publish(bus, site, records)  # all of it first: a publisher of tracklets may repeat one when its broker dies
        await running.start()
        for part in (4, 2):
            await until_logged(bus, site, len(whole) // part)
            mortal_kafka.kill()
            mortal_kafka.launch()
            await asyncio.to_thread(mortal_kafka.wait_until_ready)
        assert await until_logged(bus, site, len(whole), 2 * DEADLINE) == whole
