"""Each broker that a bus can stand on."""

from __future__ import annotations

import gc
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.support.kafka import KafkaServer
from throughline.bus import Bus, KafkaBus, MemoryBus
from throughline.settings.kafka import EMBEDDED, KafkaSettings
from throughline.telemetry.metrics import Metrics


@pytest.fixture(autouse=True)
def nothing_left_behind(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No task and no future of a client dies with an error that nobody has seen."""
    yield
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert [record.getMessage() for record in records if record.name == "asyncio"] == []


@dataclass(frozen=True)
class Broker:
    """A broker under test, with topics of its own."""

    kind: str
    settings: KafkaSettings
    metrics: Metrics
    servers: str | None
    memory: MemoryBus

    def bus(self, **changes: object) -> Bus:
        """A bus that has not been started; in memory it is always the same one, since it is its own broker."""
        if self.kind == "memory":
            return self.memory
        return KafkaBus(self.settings.model_copy(update=changes), self.metrics, self.servers)


@pytest.fixture(scope="session")
def embedded_servers() -> Iterator[str]:
    """Address of an embedded broker, started as its parent would."""
    command = [sys.executable, "-m", "throughline.bus.embedded", "--port", "0", "--until-stdin-ends"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        state, _, servers = process.stdout.readline().strip().partition(" ")
        assert state == "ready", servers
        yield servers
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.fixture(params=["memory", "embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Every implementation in turn: each must keep the same contract."""
    servers, address = None, EMBEDDED
    if request.param == "embedded":
        servers = request.getfixturevalue("embedded_servers")
    elif request.param == "kafka":
        server: KafkaServer = request.getfixturevalue("kafka_server")
        address = server.bootstrap_servers
    settings = KafkaSettings(bootstrap_servers=address, prefix=f"t{uuid.uuid4().hex}", partitions=4, request_timeout=20)
    metrics = Metrics()
    return Broker(request.param, settings, metrics, servers, MemoryBus(metrics, partitions=4))


@pytest.fixture
async def bus(broker: Broker) -> AsyncIterator[Bus]:
    """A started bus on it."""
    bus = broker.bus()
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture(scope="module")
def mortal_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Kafka that tests may kill and hang, if they bring it back."""
    server = KafkaServer(tmp_path_factory.mktemp("mortal-kafka"))
    server.start()
    yield server
    server.stop()
