"""Fixtures that every part's tests may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks._processes import free_port as find_free_port
from tests.support.kafka import KafkaServer

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Footage, weights and tracks that the repository does not carry; skips the test where they are absent."""
    folder = Path(os.environ.get("THROUGHLINE_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder, which is not at {folder} (set THROUGHLINE_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Kafka for the whole run: use topics and groups of your own (uuid), and do not stop it."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    return find_free_port()
