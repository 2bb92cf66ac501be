"""Passes recorded as CUDA graphs, on a pretended GPU that does what is recorded when it is replayed; and on a real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.engines.cuda_graphs import CapturedPasses
from inference.engines.torch_engine import TorchEngine
from tests.support.onnx_models import write_embedder

SHAPE = (3, 4, 5)


class Recorder:
    """What torch offers for graphs; a module registers its work here, and a graph repeats it in its own memory."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.recording: Graph | None = None
        self.pools: list[Any] = []

    def module(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Sums and doubles; while recorded, nothing is computed, as on a GPU."""
        outputs: tuple[Tensor, ...] = (batch.sum(dim=(1, 2, 3)), 2 * batch)
        if self.recording is not None:
            outputs = tuple(torch.full_like(output, float("nan")) for output in outputs)
            self.recording.work = (batch, outputs)
        self.log.append(f"module {len(batch)}")
        return outputs


class Graph:
    def __init__(self) -> None:
        self.work: tuple[Tensor, tuple[Tensor, ...]] | None = None

    def replay(self) -> None:
        assert self.work is not None
        batch, (sums, doubles) = self.work
        sums.copy_(batch.sum(dim=(1, 2, 3)))
        doubles.copy_(2 * batch)


class Stream:
    device = torch.device("cpu")

    def __init__(self, recorder: Recorder, name: str) -> None:
        self._recorder, self.name = recorder, name

    def wait_stream(self, _: Stream) -> None:
        self._recorder.log.append(f"{self.name} waits for a stream")

    def wait_event(self, event: Event) -> None:
        self._recorder.log.append(f"{self.name} waits for {event.by}")

    def synchronize(self) -> None:
        self._recorder.log.append(f"{self.name} is waited for")


class Event:
    by = "nobody"

    def record(self, stream: Stream) -> None:
        self.by = stream.name


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()

    @contextmanager
    def graph(one: Graph, *, pool: Any, stream: Any, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        made.pools.append(pool)
        made.recording = one
        yield
        made.recording = None

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: Stream(made, "own"))
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Stream(made, threading.current_thread().name))
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    return made


def passes(recorder: Recorder, *sizes: int) -> CapturedPasses:
    return CapturedPasses(recorder.module, SHAPE, sizes, torch.device("cpu"))


def pictures(count: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(count).standard_normal((count, *SHAPE)).astype(np.float32))


def test_each_size_is_warmed_up_and_recorded_the_largest_first_in_one_pool(recorder: Recorder) -> None:
    passes(recorder, 1, 2, 4)
    assert [line for line in recorder.log if line.startswith("module")] == [
        f"module {size}" for size in (4, 2, 1) for _ in range(4)
    ]
    assert recorder.pools == [(0, 1)] * 3
    assert recorder.log[-1] == "own is waited for"


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_batch_is_padded_and_its_own_rows_come_back(recorder: Recorder, count: int) -> None:
    run = passes(recorder, 1, 2, 4)
    run(pictures(4) * 100)  # leaves its rows in the largest buffer
    recorder.log.clear()
    sums, doubles = run(pictures(count))
    assert torch.allclose(sums, pictures(count).sum(dim=(1, 2, 3)), atol=1e-4)
    assert torch.equal(doubles, 2 * pictures(count))
    assert recorder.log == ["MainThread waits for MainThread"], "replayed, not computed anew"


def test_results_are_copies(recorder: Recorder) -> None:
    run = passes(recorder, 2)
    (_, first) = run(pictures(2))
    run(pictures(2) + 1)
    assert torch.equal(first, 2 * pictures(2))


def test_threads_take_turns_and_each_waits_for_the_one_before(recorder: Recorder) -> None:
    run = passes(recorder, 1, 2, 4)
    recorder.log.clear()
    counts = [1, 2, 3, 4] * 8
    with ThreadPoolExecutor(4, thread_name_prefix="worker") as pool:
        for count, (sums, _) in zip(counts, pool.map(lambda number: run(pictures(number)), counts), strict=True):
            assert torch.allclose(sums, pictures(count).sum(dim=(1, 2, 3)), atol=1e-4)
    waited = [line.split(" waits for ") for line in recorder.log]
    assert len(waited) == len(counts)
    assert waited[0][1] == "nobody"
    assert all(later[1] == earlier[0] for earlier, later in pairwise(waited))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
@pytest.mark.parametrize("count", [0, 1, 3, 16, 37])
def test_on_a_gpu_graphs_give_what_single_launches_give(tmp_path: Path, count: int) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    batch = np.random.default_rng(count).standard_normal((count, 3, 24, 20)).astype(np.float32)
    expected = TorchEngine(path, device="cpu", precision="float32").infer(batch)[0]
    for graphs in (True, False):
        engine = TorchEngine(path, precision="float32", cuda_graphs=graphs)
        with ThreadPoolExecutor(3) as pool:
            for (found,) in pool.map(engine.infer, [batch] * 6):
                np.testing.assert_allclose(found, expected, atol=1e-4)
        (half,) = TorchEngine(path, cuda_graphs=graphs).infer(batch)
        np.testing.assert_allclose(half, expected, atol=0.05)
