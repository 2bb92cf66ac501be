"""The order of things on a stream: sizes, contexts, addresses, graphs and memory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import InferenceError, ModelError
from inference.tensorrt.engine import TensorRTEngine
from inference.tensorrt.flavours import TensorRT
from inference.tensorrt.loading import LoadedPlan, PlanError
from inference.tensorrt.memory import GpuMemory
from inference.tensorrt.worker import Worker, padded_sizes
from inference.tensorrt.workers import ClosedError, Workers
from tests.inference.tensorrt.conftest import some
from tests.support.fake_gpu import FakeGpu, FakeMemory
from tests.support.fake_tensorrt import ExecutionContextAllocationStrategy, FakeApi, fake_tensorrt, open_on_fake
from throughline.types import FloatArray


@pytest.fixture
def expected(network: Path) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(network)


def forget_workers(engine: TensorRTEngine, memory: FakeMemory) -> None:
    """The next call has to make a new one."""
    with memory.current():
        for worker in engine._workers._idle:
            worker.free()
    engine._workers._idle.clear()


def check(engine: TensorRTEngine, expected: OnnxRuntimeEngine, count: int) -> None:
    (found,) = engine.infer(some(count))
    np.testing.assert_allclose(found, expected.infer(some(count))[0], atol=1e-5)


@pytest.mark.parametrize(
    ("fixed", "most", "sizes"),
    [
        (False, 1, (1,)),
        (False, 2, (1, 2)),
        (False, 6, (1, 2, 4, 6)),
        (False, 8, (1, 2, 4, 8)),
        (False, 9, (1, 2, 4, 8, 9)),
        (True, 3, (3,)),
    ],
)
def test_sizes_are_powers_of_two_and_the_largest(tensorrt: TensorRT, fixed: bool, most: int, sizes: tuple[int, ...]) -> None:
    assert padded_sizes(LoadedPlan(tensorrt, None, "images", (3, 4, 4), fixed, most, (), (), ())) == sizes


def test_batches_are_padded_split_and_recorded_once_for_each_size(
    network: Path, tensorrt: TensorRT, api: FakeApi, gpu: FakeGpu, memory: FakeMemory, expected: OnnxRuntimeEngine
) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=6)
    for count in (3, 4, 3, 13, 2, 1):
        check(engine, expected, count)
    # each size when it was opened; then 4, 4, 4; 6 + 6 + 1; 2; 1
    assert [context.passes for context in api.contexts] == [[6, 6, 6], [4, 4, 4, 4], [2, 2], [1, 1, 1]]
    assert {context.strategy for context in api.contexts} == {ExecutionContextAllocationStrategy.USER_MANAGED}
    assert memory.captures == 4
    assert memory.replays == 8
    assert gpu.problems == []


def test_without_graphs_one_context_serves_all_sizes(
    network: Path, tensorrt: TensorRT, api: FakeApi, gpu: FakeGpu, memory: FakeMemory, expected: OnnxRuntimeEngine
) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=6, cuda_graphs=False)
    for count in (3, 4, 13, 2):
        check(engine, expected, count)
    assert [context.passes for context in api.contexts] == [[6, 4, 2, 1, 4, 4, 6, 6, 1, 2]]
    assert memory.captures == 0
    assert gpu.problems == []


def test_a_provider_that_cannot_record_runs_plainly(
    network: Path, tensorrt: TensorRT, api: FakeApi, gpu: FakeGpu, expected: OnnxRuntimeEngine
) -> None:
    engine = open_on_fake(network, tensorrt, FakeMemory(gpu, records=False), max_batch=4)
    for count in (1, 3, 4):
        check(engine, expected, count)
    assert len(api.contexts) == 2
    assert gpu.problems == []


def test_rtx_records_by_itself(network: Path, gpu: FakeGpu, memory: FakeMemory, expected: OnnxRuntimeEngine) -> None:
    rtx = fake_tensorrt(gpu, flavour="tensorrt-rtx", version="1.7.1.116")
    engine = open_on_fake(network, rtx, memory, max_batch=4)
    for count in (3, 4, 1):
        check(engine, expected, count)
    (context,) = rtx.api.contexts
    assert context.strategy.cuda_graph_strategy.name == "WHOLE_GRAPH_CAPTURE"
    assert memory.captures == 0


def test_rtx_without_graphs(network: Path, gpu: FakeGpu, memory: FakeMemory) -> None:
    rtx = fake_tensorrt(gpu, flavour="tensorrt-rtx", version="1.7.1.116")
    open_on_fake(network, rtx, memory, cuda_graphs=False)
    assert rtx.api.contexts[0].strategy.cuda_graph_strategy.name == "DISABLED"


def test_no_pictures_never_reach_the_gpu(network: Path, tensorrt: TensorRT, gpu: FakeGpu, memory: FakeMemory) -> None:
    engine = open_on_fake(network, tensorrt, memory)
    events = list(gpu.events)
    assert engine.infer(some(0))[0].shape == (0, 16)
    assert gpu.events == events


def test_a_network_with_a_fixed_batch_takes_any(tmp_path: Path, tensorrt: TensorRT, api: FakeApi, memory: FakeMemory) -> None:
    from tests.support.onnx_models import write_embedder

    path = write_embedder(tmp_path / "three.onnx", batch=3)
    engine = open_on_fake(path, tensorrt, memory, max_batch=16)
    assert engine.max_batch == 3
    check(engine, OnnxRuntimeEngine(path), 7)
    assert {size for context in api.contexts for size in context.passes} == {3}


def test_outputs_come_in_the_order_of_the_file_and_in_32_bits(tmp_path: Path, tensorrt: TensorRT, memory: FakeMemory) -> None:
    """TensorRT names them in another order here, and one of them is kept in 16 bits."""
    from tests.support.onnx_models import write_embedder

    path = write_embedder(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node("Cast", ["p"], ["half"], to=onnx.TensorProto.FLOAT16))
    model.graph.output.append(onnx.helper.make_tensor_value_info("half", onnx.TensorProto.FLOAT16, ["batch", 16, 1, 1]))
    onnx.save(model, path)
    engine = open_on_fake(path, tensorrt, memory)
    assert engine.output_names == ("vector", "half")
    assert engine.output_shapes == ((16,), (16, 1, 1))
    vectors, halves = engine.infer(some(3))
    assert halves.dtype == np.float32
    np.testing.assert_allclose(halves[:, :, 0, 0], vectors, atol=2e-3)


def test_memory_goes_back_when_the_engine_closes(network: Path, tensorrt: TensorRT, gpu: FakeGpu, memory: FakeMemory) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=4)
    engine.infer(some(3))
    assert gpu.allocated
    engine.close()
    engine.close()
    assert not gpu.allocated
    assert gpu.problems == []
    with pytest.raises(InferenceError, match=r"^net has been closed$"):
        engine.infer(some(1))


def test_a_gpu_too_small_for_the_largest_batch_is_told_when_it_is_opened(
    network: Path, tensorrt: TensorRT, gpu: FakeGpu, memory: FakeMemory
) -> None:
    gpu.capacity = 8 * 3 * 24 * 20 * 4
    open_on_fake(network, tensorrt, memory, max_batch=4).close()
    with pytest.raises(ModelError, match=r"net\.onnx: net failed on a batch of 16: out of memory"):
        open_on_fake(network, tensorrt, memory, max_batch=16)
    assert gpu.problems == []


def test_a_failed_pass_is_one_error_and_the_next_one_works(
    network: Path, tensorrt: TensorRT, api: FakeApi, gpu: FakeGpu, memory: FakeMemory, expected: OnnxRuntimeEngine
) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=4, cuda_graphs=False)
    held = len(gpu.allocated)
    api.fail.append("execute_async_v3")
    with pytest.raises(InferenceError) as caught:
        engine.infer(some(3))
    assert str(caught.value) == "net failed on a batch of 3: TensorRT failed: execute_async_v3: Error Code 1: made to fail"
    assert len(gpu.allocated) < held  # its worker is gone
    check(engine, expected, 3)
    assert gpu.problems == []


@pytest.mark.parametrize("call", ["create_execution_context", "execute_async_v3"])
def test_a_size_that_cannot_be_set_up_fails_alone(
    network: Path, tensorrt: TensorRT, api: FakeApi, memory: FakeMemory, expected: OnnxRuntimeEngine, call: str
) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=4)
    forget_workers(engine, memory)
    api.fail.append(call)
    with pytest.raises(InferenceError, match=r"net failed on a batch of 2: .*made to fail"):
        engine.infer(some(2))
    check(engine, expected, 2)


def test_a_gpu_without_memory_is_an_error_in_words(
    network: Path, tensorrt: TensorRT, gpu: FakeGpu, memory: FakeMemory, expected: OnnxRuntimeEngine
) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=4)
    forget_workers(engine, memory)
    gpu.capacity = 1
    with pytest.raises(InferenceError, match="net failed on a batch of 2: out of memory"):
        engine.infer(some(2))
    gpu.capacity = None
    check(engine, expected, 2)
    assert gpu.problems == []


def test_a_graph_that_cannot_be_recorded_costs_speed_only(
    network: Path, tensorrt: TensorRT, gpu: FakeGpu, expected: OnnxRuntimeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    class Fails(FakeMemory):
        def capture(self, stream: object, work: object) -> None:
            raise self.failures[0]("busy")

    engine = open_on_fake(network, tensorrt, Fails(gpu), max_batch=4)
    assert "passes of 4 pictures run without a CUDA graph: busy" in caplog.text
    for count in (1, 3, 4, 1):
        check(engine, expected, count)
    assert gpu.problems == []


def test_threads_use_workers_of_their_own_and_no_more_than_two(
    network: Path, tensorrt: TensorRT, api: FakeApi, gpu: FakeGpu, memory: FakeMemory, expected: OnnxRuntimeEngine
) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=4)
    batches = [some(count) for count in (1, 2, 3, 4, 5, 9)] * 10
    wanted = [expected.infer(batch)[0] for batch in batches]
    with ThreadPoolExecutor(6) as pool:
        for (found,), right in zip(pool.map(engine.infer, batches), wanted, strict=True):
            np.testing.assert_allclose(found, right, atol=1e-5)
    assert gpu.problems == []
    assert all(len(context.streams) == 1 for context in api.contexts)
    assert len({stream for context in api.contexts for stream in context.streams}) <= 2


def test_closing_waits_for_what_runs(network: Path, tensorrt: TensorRT, gpu: FakeGpu, memory: FakeMemory) -> None:
    engine = open_on_fake(network, tensorrt, memory, max_batch=4)
    results: list[FloatArray] = []
    with engine._workers.borrow() as worker:
        closing = threading.Thread(target=engine.close)
        closing.start()
        while not engine._workers._closed:
            pass
        results += worker.infer(some(2))
        assert closing.is_alive()
        waiting = pytest.raises(ClosedError)
        with waiting, engine._workers.borrow():
            pass
    closing.join(60)
    assert not closing.is_alive()
    assert results[0].shape == (2, 16)
    assert not gpu.allocated
    assert gpu.problems == []


def test_who_waits_for_a_worker_gets_the_one_that_comes_back(tensorrt: TensorRT, memory: FakeMemory) -> None:
    made: list[object] = []

    class Nothing(Worker):
        def __init__(self) -> None:
            made.append(self)

    workers = Workers(Nothing, memory, 1)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> object:
        with workers.borrow() as worker:
            entered.set()
            assert leave.wait(60)
            return worker

    def take() -> object:
        with workers.borrow() as worker:
            return worker

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold)
        assert entered.wait(60)
        second = pool.submit(take)
        leave.set()
        assert first.result(60) is second.result(60)
    assert len(made) == 1


def test_a_worker_that_cannot_be_made_frees_its_place(memory: GpuMemory) -> None:
    def fail() -> Worker:
        raise PlanError("no context")

    workers = Workers(fail, memory, 1)
    for _ in range(3):
        with pytest.raises(PlanError), workers.borrow():
            pass
    workers.close()
