"""The pool of workers: order, isolation of failures, counting, and an orderly end."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from inference.batcher import Batcher, InferenceWorkers
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import InferenceError
from inference.threads import available_cores
from tests.support.onnx_models import write_embedder
from throughline.telemetry.metrics import Metrics
from throughline.types import FloatArray

DEADLINE = 30.0


def _value(metrics: Metrics, name: str, model: str) -> float:
    return metrics.registry.get_sample_value(f"throughline_{name}", {"model": model}) or 0.0


async def test_a_request_is_prepared_run_and_finished_off_the_event_loop(
    tmp_path: Path, workers: InferenceWorkers, metrics: Metrics
) -> None:
    engine = OnnxRuntimeEngine(write_embedder(tmp_path / "net.onnx"))
    batch = np.random.default_rng(0).standard_normal((5, 3, 24, 20)).astype(np.float32)
    seen: list[int] = []

    def prepare() -> FloatArray:
        seen.append(threading.get_ident())
        return batch

    result = await workers.submit(engine, prepare, lambda outputs: (threading.get_ident(), outputs[0]))
    assert result[0] == seen[0] != threading.get_ident()
    np.testing.assert_array_equal(result[1], engine.infer(batch)[0])
    assert _value(metrics, "inference_batch_size_sum", "net") == 5
    assert _value(metrics, "inference_seconds_count", "net") == 1
    assert _value(metrics, "inference_queue_seconds_count", "net") == 1
    assert _value(metrics, "inference_failures_total", "net") == 0


async def test_requests_start_in_the_order_in_which_they_came(metrics: Metrics) -> None:
    workers: Batcher = InferenceWorkers(1, metrics)
    gate = threading.Event()
    started: list[int] = []

    def work(number: int) -> int:
        assert gate.wait(DEADLINE)
        started.append(number)
        return number

    tasks = [asyncio.create_task(workers.run("m", partial(work, number))) for number in range(20)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.wait_for(asyncio.gather(*tasks), DEADLINE) == list(range(20)) == started
    workers.close()


async def test_no_more_run_at_once_than_there_are_workers(metrics: Metrics) -> None:
    workers = InferenceWorkers(2, metrics)
    both, running, most, lock = threading.Barrier(2), 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(DEADLINE)  # passes only when two run at once
        with lock:
            running -= 1

    await asyncio.wait_for(asyncio.gather(*(workers.run("m", work) for _ in range(8))), DEADLINE)
    assert most == 2
    workers.close()


async def test_a_failure_reaches_its_own_caller_only(workers: InferenceWorkers, metrics: Metrics) -> None:
    def fail() -> None:
        raise InferenceError("broken picture")

    results = await asyncio.gather(
        workers.run("m", lambda: 1), workers.run("m", fail), workers.run("m", lambda: 3), return_exceptions=True
    )
    assert results[0] == 1
    assert isinstance(results[1], InferenceError)
    assert results[2] == 3
    assert _value(metrics, "inference_failures_total", "m") == 1


async def test_a_cancelled_caller_takes_a_waiting_request_back(metrics: Metrics) -> None:
    workers = InferenceWorkers(1, metrics)
    gate = threading.Event()
    ran: list[str] = []
    first = asyncio.create_task(workers.run("m", lambda: gate.wait(DEADLINE)))
    second = asyncio.create_task(workers.run("m", lambda: ran.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    assert await asyncio.wait_for(first, DEADLINE)
    workers.close()
    assert ran == []


async def test_closing_finishes_what_runs_and_refuses_what_waits(metrics: Metrics) -> None:
    workers = InferenceWorkers(1, metrics)
    begun = threading.Event()

    def work() -> str:
        begun.set()
        end = time.monotonic() + DEADLINE
        while not workers._closed and time.monotonic() < end:
            time.sleep(0.001)
        return "done"

    running = asyncio.create_task(workers.run("m", work))
    waiting = asyncio.create_task(workers.run("m", lambda: "never"))
    assert await asyncio.to_thread(begun.wait, DEADLINE)
    await asyncio.wait_for(asyncio.to_thread(workers.close), DEADLINE)
    assert await running == "done"
    with pytest.raises(InferenceError, match="m: inference has been shut down"):
        await waiting
    with pytest.raises(InferenceError, match="shut down"):
        await workers.run("m", lambda: None)
    workers.close()


def test_no_number_means_a_worker_for_each_core_at_most_four(metrics: Metrics) -> None:
    workers = InferenceWorkers(0, metrics)
    assert workers.threads == min(available_cores(), 4)
    workers.close()
