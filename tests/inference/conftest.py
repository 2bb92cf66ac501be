"""Fixtures for tests of inference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inference.batcher import InferenceWorkers
from throughline.telemetry.metrics import Metrics


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def workers(metrics: Metrics) -> Iterator[InferenceWorkers]:
    pool = InferenceWorkers(2, metrics)
    yield pool
    pool.close()
