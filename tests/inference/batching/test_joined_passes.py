"""Requests of several cameras in one pass of a network: joined, split again, and each failure for its own caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.batcher import Batcher, InferenceWorkers
from inference.batching import JoinedPasses
from inference.embedder import Description
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import DeviceEngine
from inference.engines.torch_engine import TorchEngine
from inference.errors import InferenceError
from inference.onnx_embedder import OnnxEmbedder
from inference.yolox import YoloxDetector
from tests.support.onnx_models import write_embedder, write_yolox
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Detections, FloatArray, Frame

DEADLINE = 30.0
BAD = -1.0


class Doubling:
    """Stands for a network on a GPU: gives twice what it is given, and fails on a batch with a bad picture in it."""

    name, hash = "doubling", "0" * 16
    input_shape = (3, 2, 2)
    output_shapes = ((3, 2, 2),)
    output_names = ("twice",)
    device = torch.device("cpu")
    joins = True
    metadata: Mapping[str, str] = {}

    def __init__(self, max_batch: int | None = 8) -> None:
        self.max_batch = max_batch
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Semaphore(0)

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        return (2 * batch,)

    def infer_tensors(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        self.began.release()
        assert self.gate.wait(DEADLINE)
        self.batches.append(len(batch))
        if (batch == BAD).any():
            raise InferenceError("a bad picture")
        return (2 * batch,)

    def close(self) -> None:
        """Holds nothing."""


@pytest.fixture
def make(metrics: Metrics) -> Iterator[Callable[..., JoinedPasses]]:
    made: list[JoinedPasses] = []

    def joined(**how: Any) -> JoinedPasses:
        made.append(JoinedPasses(InferenceWorkers(1, metrics), metrics, **how))
        return made[-1]

    yield joined
    for one in made:
        one.close()


def pictures(number: float, count: int = 1) -> torch.Tensor:
    return torch.full((count, 3, 2, 2), number)


async def ask(batcher: Batcher, engine: Doubling, number: float, count: int = 1, camera: str = "") -> float:
    def finish(outputs: tuple[torch.Tensor, ...]) -> float:
        (twice,) = outputs
        assert twice.shape == (count, 3, 2, 2)
        assert (twice == twice[0, 0, 0, 0]).all()
        return float(twice[0, 0, 0, 0])

    return await batcher.submit(engine, lambda: pictures(number, count), finish, camera=camera, size=count)


def total(metrics: Metrics, name: str, model: str = "doubling") -> float:
    return metrics.registry.get_sample_value(f"throughline_{name}", {"model": model}) or 0.0


async def test_requests_that_come_together_share_a_pass_and_each_gets_its_own(make: Any, metrics: Metrics) -> None:
    engine = Doubling()
    assert isinstance(engine, DeviceEngine)
    batcher = make(wait=DEADLINE)  # so it is the full pass that begins
    answers = await asyncio.wait_for(
        asyncio.gather(*(ask(batcher, engine, number, 2, f"c{number}") for number in range(4))), DEADLINE
    )
    assert answers == [0, 2, 4, 6]
    assert engine.batches == [8]
    assert total(metrics, "inference_batch_size_sum") == 8
    assert total(metrics, "inference_batch_size_count") == 1
    assert total(metrics, "inference_queue_seconds_count") == 4


async def test_a_request_waits_for_others_no_longer_than_it_may(make: Any) -> None:
    engine = Doubling()
    assert await asyncio.wait_for(ask(make(wait=0.01), engine, 3), DEADLINE) == 6
    assert engine.batches == [1]


async def test_what_comes_while_the_network_is_busy_fills_the_next_pass(make: Any) -> None:
    engine = Doubling(max_batch=4)
    engine.gate.clear()
    batcher = make(wait=0.0, threads=1)
    first = asyncio.create_task(ask(batcher, engine, 1, camera="a"))
    assert await asyncio.to_thread(engine.began.acquire, timeout=DEADLINE)
    others = [asyncio.create_task(ask(batcher, engine, number, camera="b")) for number in range(2, 9)]
    await asyncio.sleep(0)
    engine.gate.set()
    assert await asyncio.wait_for(asyncio.gather(first, *others), DEADLINE) == [2 * number for number in range(1, 9)]
    assert engine.batches == [1, 4, 3]


async def test_cameras_take_turns(make: Any) -> None:
    engine = Doubling(max_batch=2)
    engine.gate.clear()
    batcher = make(wait=0.0, threads=1)
    order: list[str] = []

    async def one(camera: str) -> None:
        await ask(batcher, engine, 1, camera=camera)
        order.append(camera)

    first = asyncio.create_task(one("a"))
    assert await asyncio.to_thread(engine.began.acquire, timeout=DEADLINE)
    others = [asyncio.create_task(one(camera)) for camera in ("a", "a", "a", "b")]
    await asyncio.sleep(0)
    engine.gate.set()
    await asyncio.wait_for(asyncio.gather(first, *others), DEADLINE)
    assert sorted(order[1:3]) == ["a", "b"], "the second camera is in the next pass, though three were there before it"


async def test_a_failure_reaches_its_own_caller_only(make: Any, metrics: Metrics) -> None:
    engine = Doubling()
    batcher = make(wait=DEADLINE)

    def broken() -> torch.Tensor:
        raise ValueError("no pixels")

    def unreadable(outputs: object) -> None:
        raise InferenceError("not a unit vector")

    answers = await asyncio.wait_for(
        asyncio.gather(
            ask(batcher, engine, 1, 2),
            ask(batcher, engine, BAD, 2),
            ask(batcher, engine, 3, 2),
            batcher.submit(engine, broken, lambda outputs: None),
            batcher.submit(engine, lambda: pictures(5), unreadable),
            return_exceptions=True,
        ),
        DEADLINE,
    )
    assert answers[0] == 2
    assert isinstance(answers[1], InferenceError)
    assert answers[2] == 6
    assert isinstance(answers[3], ValueError)
    assert str(answers[4]) == "not a unit vector"
    assert engine.batches == [7, 2, 2, 2, 1]
    assert total(metrics, "inference_failures_total") == 3
    assert total(metrics, "inference_batch_size_sum") == 5, "failed passes are not counted"


async def test_a_session_that_breaks_leaves_no_caller_waiting(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def session(self: object) -> None:
        raise RuntimeError("the GPU is gone")

    monkeypatch.setattr("inference.pictures.device.DeviceOperations.session", session)
    batcher = make(wait=0.0)
    for _ in range(2):  # its thread goes on
        with pytest.raises(RuntimeError, match="the GPU is gone"):
            await asyncio.wait_for(ask(batcher, Doubling(), 1), DEADLINE)


async def test_cancelled_callers_take_their_requests_back(make: Any) -> None:
    engine = Doubling()
    engine.gate.clear()
    batcher = make(wait=0.0, threads=1)
    first = asyncio.create_task(ask(batcher, engine, 1))
    assert await asyncio.to_thread(engine.began.acquire, timeout=DEADLINE)
    second, third = (asyncio.create_task(ask(batcher, engine, number)) for number in (2, 3))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    engine.gate.set()
    assert tuple(await asyncio.wait_for(asyncio.gather(first, third), DEADLINE)) == (2, 6)
    assert engine.batches == [1, 1]


async def test_too_many_requests_of_one_camera_are_refused(make: Any, metrics: Metrics) -> None:
    engine = Doubling()
    engine.gate.clear()
    batcher = make(wait=0.0, threads=1)
    first = asyncio.create_task(ask(batcher, engine, 1, camera="a"))
    assert await asyncio.to_thread(engine.began.acquire, timeout=DEADLINE)
    others = [asyncio.create_task(ask(batcher, engine, 2, camera="a")) for _ in range(65)]
    other = asyncio.create_task(ask(batcher, engine, 3, camera="b"))
    await asyncio.sleep(0)
    engine.gate.set()
    answers = await asyncio.wait_for(asyncio.gather(first, *others, other, return_exceptions=True), DEADLINE)
    assert [answer for answer in answers if isinstance(answer, float)] == [2, *[4] * 64, 6]
    (refused,) = [answer for answer in answers if isinstance(answer, Exception)]
    assert str(refused) == "doubling: too many requests of camera a wait already"
    assert total(metrics, "inference_failures_total") == 1


async def test_closing_finishes_what_runs_and_refuses_what_waits(make: Any) -> None:
    engine = Doubling()
    engine.gate.clear()
    batcher = make(wait=0.0, threads=1)
    running = asyncio.create_task(ask(batcher, engine, 1))
    assert await asyncio.to_thread(engine.began.acquire, timeout=DEADLINE)
    waiting = asyncio.create_task(ask(batcher, engine, 2))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    with pytest.raises(InferenceError, match="doubling: inference has been shut down"):
        await asyncio.wait_for(waiting, DEADLINE)
    engine.gate.set()
    assert await asyncio.wait_for(running, DEADLINE) == 2
    await asyncio.wait_for(closing, DEADLINE)
    for refused in (ask(batcher, engine, 3), batcher.run("m", lambda: None)):
        with pytest.raises(InferenceError, match="shut down"):
            await refused
    batcher.close()


async def test_networks_on_the_cpu_and_other_work_go_to_the_workers(make: Any, metrics: Metrics, tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(write_embedder(tmp_path / "net.onnx"))
    batch = np.zeros((2, 3, 24, 20), np.float32)
    batcher = make(wait=DEADLINE)  # nothing waits here
    for _ in range(2):
        rows = await asyncio.wait_for(batcher.submit(engine, lambda: batch, lambda outputs: outputs[0], size=2), DEADLINE)
        assert rows.shape == (2, 16)
    assert await batcher.run("m", lambda: threading.current_thread().name) != threading.current_thread().name
    assert total(metrics, "inference_batch_size_count", "net") == 2


async def test_two_networks_run_side_by_side_and_the_one_that_waits_longest_comes_first(make: Any) -> None:
    slow, quick = Doubling(), Doubling()
    slow.gate.clear()
    batcher = make(wait=0.0, threads=2)
    held = asyncio.create_task(ask(batcher, slow, 1))
    assert await asyncio.to_thread(slow.began.acquire, timeout=DEADLINE)
    assert await asyncio.wait_for(ask(batcher, quick, 2), DEADLINE) == 4
    slow.gate.set()
    assert await asyncio.wait_for(held, DEADLINE) == 2


@pytest.mark.parametrize("threads", [1, 3])
async def test_many_cameras_at_once_get_what_is_theirs(make: Any, threads: int) -> None:
    engine = Doubling(max_batch=5)
    batcher = make(wait=0.001, threads=threads)

    async def camera(name: int) -> None:
        rng = np.random.default_rng(name)
        for number in range(20):
            value = float(100 * name + number)
            assert await ask(batcher, engine, value, int(rng.integers(1, 9)), f"c{name}") == 2 * value
            if rng.random() < 0.3:
                await asyncio.sleep(float(rng.random()) / 500)

    await asyncio.wait_for(asyncio.gather(*map(camera, range(12))), DEADLINE)
    assert len(engine.batches) < 240, "some shared a pass"


async def test_real_networks_say_the_same_together_as_alone(
    make: Any, workers: InferenceWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Detector and embedder with a head, by torch on frames of several cameras and sizes."""
    monkeypatch.setattr(TorchEngine, "joins", True)  # as on a GPU
    rng = np.random.default_rng(0)
    frames = [
        Frame(f"c{number}", 0, 0, ClockSource.FILE, 0.0, rng.integers(0, 256, (60 + 10 * (number % 3), 90, 3), np.uint8))
        for number in range(6)
    ]
    crops = [[rng.integers(0, 256, (30 + number, 40, 3), np.uint8)] * (number % 3 + 1) for number in range(6)]
    networks = [
        TorchEngine(path, device="cpu", precision="float32", max_batch=8)
        for path in (
            write_yolox(tmp_path / "detector.onnx", batch="batch"),
            write_embedder(tmp_path / "embedder.onnx", heads={"type": 4}),
        )
    ]
    seen: list[list[Detections]] = []
    told: list[list[Description]] = []
    for batcher in (make(wait=0.05), workers):
        detector, embedder = YoloxDetector(networks[0], batcher), OnnxEmbedder(networks[1], batcher, flip=True)
        seeing = asyncio.gather(*map(detector.detect, frames))
        telling = asyncio.gather(*(embedder.describe(pictures, camera=f"c{n}") for n, pictures in enumerate(crops)))
        seen.append(await asyncio.wait_for(seeing, DEADLINE))
        told.append(await asyncio.wait_for(telling, DEADLINE))
    assert sum(map(len, seen[0])) > 0
    for together, alone in zip(*seen, strict=True):
        np.testing.assert_allclose(together.boxes, alone.boxes, atol=1e-3)
    for one, other in zip(*told, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)
        np.testing.assert_allclose(one.attributes["type"], other.attributes["type"], atol=1e-5)


def test_it_works_from_any_event_loop(make: Any) -> None:
    engine, batcher = Doubling(), make(wait=0.0)
    for number in (1, 2):
        assert asyncio.run(partial(ask, batcher, engine, number)()) == 2 * number


class Counting:
    """A finish that serves a whole pass, and remembers how many it served at once."""

    def __init__(self, number: float, served: list[int]) -> None:
        self.number, self.served = number, served

    def __call__(self, outputs: tuple[torch.Tensor, ...]) -> float:
        self.served.append(1)
        return float(outputs[0][0, 0, 0, 0]) + self.number

    def together(self, outputs: tuple[torch.Tensor, ...], finishes: Sequence[Counting]) -> list[float]:
        self.served.append(len(finishes))
        if any(one.number < 0 for one in finishes):
            raise ValueError("one of them is bad")
        return [float(row[0, 0, 0]) + one.number for row, one in zip(outputs[0], finishes, strict=True)]


@pytest.mark.parametrize("bad", [False, True])
async def test_a_pass_is_finished_at_once_where_that_is_possible(make: Any, bad: bool) -> None:
    engine = Doubling()
    batcher = make(wait=DEADLINE)
    served: list[int] = []
    numbers = [1.0, 2.0, -3.0 if bad else 3.0, *range(4, 9)]
    tasks = [
        batcher.submit(engine, partial(pictures, number), Counting(number, served), camera=f"c{place}")
        for place, number in enumerate(numbers)
    ]
    assert await asyncio.gather(*tasks) == [3 * number for number in numbers]
    assert engine.batches == [8]
    assert served == ([8, *[1] * 8] if bad else [8])
