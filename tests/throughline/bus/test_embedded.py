"""The embedded broker: found at its port, shared by a tree of processes, and gone with it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import uuid

import pytest

from tests.support.bus import DEADLINE, group, next_offsets, read_count, until
from throughline.bus import EMBEDDED_BROKER_VARIABLE, TRACKLETS, BusError, EmbeddedBroker, KafkaBus, open_bus
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

PARENT = """
import asyncio
from throughline.bus import EmbeddedBroker

async def main():
    async with EmbeddedBroker() as broker:
        print(broker.bootstrap_servers, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""

CHILD = """
import asyncio, sys
from throughline.bus import open_bus
from throughline.settings.kafka import KafkaSettings
from throughline.telemetry.metrics import Metrics

async def main(prefix, group):
    async with open_bus(KafkaSettings(prefix=prefix), Metrics()) as bus:
        await bus.consumer([f"{prefix}.tracklets"], group)
        await bus.publish(f"{prefix}.tracklets", "k", b"from the child", {})
        print("published", flush=True)
        await asyncio.sleep(600)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def no_broker_of_a_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EMBEDDED_BROKER_VARIABLE, raising=False)


@pytest.fixture
def settings() -> KafkaSettings:
    return KafkaSettings(embedded_port=0, prefix=f"t{uuid.uuid4().hex}", request_timeout=20)


def answers(servers: str) -> bool:
    host, _, port = servers.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


async def python(program: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE)


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), DEADLINE)).decode().strip()


async def kill(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.communicate()


async def test_any_client_finds_it_at_the_port_asked_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with EmbeddedBroker(port) as broker:
        assert broker.bootstrap_servers == f"127.0.0.1:{port}"
        settings = KafkaSettings(bootstrap_servers=f"localhost:{port}", prefix=f"t{uuid.uuid4().hex}", request_timeout=20)
        bus = KafkaBus(settings, Metrics())
        await bus.start()
        assert not bus.capabilities.shared_groups  # it is recognised, whatever the settings call it
        await bus.publish(settings.topic(TRACKLETS), "k", b"v", {})
        assert len(await read_count(await bus.consumer([settings.topic(TRACKLETS)], group()), 1)) == 1
        await bus.stop()
    assert not answers(f"127.0.0.1:{port}")


async def test_a_port_that_is_taken_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BusError, match=rf"port {port} .* is taken: .*kafka\.embedded_port"):
            async with EmbeddedBroker(port):
                pass


async def test_it_ends_with_its_parent_however_that_ends() -> None:
    parent = await python(PARENT)
    servers = await first_line(parent)
    assert answers(servers)
    await kill(parent)
    await until(lambda: not answers(servers))


async def test_it_does_not_end_by_an_interrupt_meant_for_its_parent() -> None:
    async with EmbeddedBroker() as broker:
        process = broker._process
        assert process is not None
        assert os.getpgid(process.pid) != os.getpgid(0)
        assert answers(broker.bootstrap_servers)


async def test_run_by_hand_it_serves_until_a_signal() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "throughline.bus.embedded", "--port", "0"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    state, servers = (await first_line(process)).split()
    assert state == "ready"
    assert answers(servers)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
    await process.communicate()


async def test_open_bus_brings_a_broker_and_shares_it(settings: KafkaSettings) -> None:
    topic = settings.topic(TRACKLETS)
    async with open_bus(settings, Metrics()) as first:
        servers = os.environ[EMBEDDED_BROKER_VARIABLE]
        async with open_bus(settings, Metrics()) as second:
            assert os.environ[EMBEDDED_BROKER_VARIABLE] == servers
            await first.publish(topic, "k", b"v", {})
            assert len(await read_count(await second.consumer([topic], None), 1)) == 1
        await first.publish(topic, "k", b"v", {})
    assert EMBEDDED_BROKER_VARIABLE not in os.environ
    assert not answers(servers)


async def test_a_child_process_shares_the_broker_and_leaves_its_group_when_it_is_killed(settings: KafkaSettings) -> None:
    topic, name = settings.topic(TRACKLETS), group()
    async with open_bus(settings, Metrics()) as bus:
        child = await python(CHILD, settings.prefix, name)
        try:
            assert await first_line(child) == "published"
            with pytest.raises(BusError, match="already has a consumer"):
                await bus.consumer([topic], name)
        finally:
            await kill(child)
        consumer = await bus.consumer([topic], name)
        records = await read_count(consumer, 1)
        assert [record.value for record in records] == [b"from the child"]
        await consumer.commit(next_offsets(records))


async def test_a_broker_of_a_parent_that_is_gone_is_an_error(settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EMBEDDED_BROKER_VARIABLE, "127.0.0.1:9")
    with pytest.raises(BusError, match=r"127\.0\.0\.1:9: connection refused"):
        async with open_bus(settings, Metrics()):
            pass
    assert os.environ[EMBEDDED_BROKER_VARIABLE] == "127.0.0.1:9"
