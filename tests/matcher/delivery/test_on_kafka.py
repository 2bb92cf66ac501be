"""Matchers killed on a real Kafka, and Kafka killed under a matcher."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from matcher.delivery.snapshots import SnapshotStore
from matcher.replay import Replay
from tests.support.bus import DEADLINE
from tests.support.kafka import KafkaServer
from tests.support.matcher_group import (
    Load,
    bus_of,
    log,
    members,
    publish,
    uninterrupted,
    until_it_grows,
    until_logged,
    whole_log,
)
from tests.support.traffic import chain_site, drive, streamed
from throughline.messages import encode_json
from throughline.settings import Site

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


@pytest.mark.slow
async def test_a_matcher_killed_at_random_leaves_the_log_of_one_that_was_not(kafka_server: KafkaServer, tmp_path: Path) -> None:
    random, (site,) = Random(7), sites_on(kafka_server, ["killed"], 1)
    async with bus_of(site) as bus, members([site], tmp_path) as running:
        load = Load(bus, site, seed=11)
        for number in range(7):
            member = await running.start()
            if number % 3 == 1:  # in the midst of starting, joining or reading its snapshot
                await asyncio.sleep(random.uniform(0.0, 2.5))
            else:  # in the midst of deciding and committing
                await until_it_grows(bus, site)
                await asyncio.sleep(random.uniform(0.0, 1.0))
            await running.kill(member)
        last = await running.start()
        await until_it_grows(bus, site)
        await load.end()
        whole, state = await uninterrupted(bus, site)
        await until_logged(bus, site, len(whole))
        await running.finish(last)
        assert await log(bus, site) == whole
        kept = await SnapshotStore(bus, site).latest()
        assert kept is not None
        assert kept.state == state
        replay = Replay(bus, site)
        span = await replay.span(0, None)
        assert [encode_json(event) async for events in replay.events(span) for event in events] == whole
        assert len(whole) > 300


@pytest.mark.slow
async def test_members_share_the_sites_and_take_over_from_one_killed_and_one_that_hung(
    kafka_server: KafkaServer, tmp_path: Path
) -> None:
    sites = sites_on(kafka_server, [f"site{number}" for number in range(4)], 4)
    async with bus_of(sites[0]) as bus, members(sites, tmp_path) as running:
        homes = {await bus.partition_of(site.kafka.topic("tracklets"), site.site) for site in sites}
        assert len(homes) > 1
        loads = [Load(bus, site, seed, pace=100.0) for seed, site in enumerate(sites)]
        first, second = await running.start(), await running.start()
        for site in sites:
            await until_it_grows(bus, site)
        await running.kill(first)
        for site in sites:
            await until_it_grows(bus, site)
        third = await running.start()
        for site in sites:
            await until_it_grows(bus, site)
        second.send_signal(signal.SIGSTOP)  # the group takes it for dead, and what it had goes to the other
        try:
            await asyncio.sleep(2 * sites[0].kafka.session_timeout)
            for site in sites:
                await until_it_grows(bus, site)
        finally:
            second.send_signal(signal.SIGCONT)  # it wakes up in the midst of what was its own, and may commit none of it
        for site in sites:
            await until_it_grows(bus, site)
        for load in loads:
            await load.end()
        wholes = [await whole_log(bus, site) for site in sites]
        for site, whole in zip(sites, wholes, strict=True):
            await until_logged(bus, site, len(whole))
        await running.finish(second)
        await running.finish(third)
        for site, whole in zip(sites, wholes, strict=True):
            assert await log(bus, site) == whole, site.site
            assert len(whole) > 30


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
    async with bus_of(site) as bus, members([site], tmp_path) as running:
        await publish(bus, site, streamed(site, drive(site, 25, seed=2), step=1.0))
        whole = await whole_log(bus, site)
        await running.start()
        for part in (4, 2):
            await until_logged(bus, site, len(whole) // part)
            mortal_kafka.kill()
            mortal_kafka.launch()
            await asyncio.to_thread(mortal_kafka.wait_until_ready)
        assert await until_logged(bus, site, len(whole), 2 * DEADLINE) == whole
