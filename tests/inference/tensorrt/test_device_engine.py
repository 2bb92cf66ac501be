"""Tensors in and out with torch's memory, on a stand-in for ``torch.cuda``: what waits for what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import InferenceError
from inference.tensorrt.device_engine import TensorRTDeviceEngine
from inference.tensorrt.torch_memory import TorchMemory
from tests.inference.tensorrt.conftest import some
from tests.support.fake_gpu import FakeGpu
from tests.support.fake_tensorrt import fake_tensorrt, open_on_fake
from tests.support.fake_torch_cuda import FakeCuda


@pytest.fixture
def gpu() -> FakeGpu:
    return FakeGpu(knows_memory=False)


def opened(network: Path, gpu: FakeGpu, cuda: FakeCuda, **settings: Any) -> TensorRTDeviceEngine:
    memory = TorchMemory(0, device=torch.device("cpu"), cuda=cuda)
    engine = open_on_fake(network, fake_tensorrt(gpu), memory, max_batch=4, **settings)
    assert isinstance(engine, TensorRTDeviceEngine)
    return engine


@pytest.mark.parametrize("cuda_graphs", [True, False])
def test_passes_lie_between_what_the_caller_queued_and_what_it_will_queue(network: Path, gpu: FakeGpu, cuda_graphs: bool) -> None:
    cuda = FakeCuda(gpu)
    engine = opened(network, gpu, cuda, cuda_graphs=cuda_graphs)
    caller = cuda.current_stream().cuda_stream
    for _ in range(2):
        gpu.events.clear()
        (found,) = engine.infer_tensors(torch.from_numpy(some(6)))
        (first, worker, other), *passes, last = gpu.events
        assert (first, other) == ("wait", caller)
        assert last == ("wait", caller, worker)
        queued = [handle for what, handle, _ in passes if what == "queue"]
        assert len(queued) >= 2  # 4 and 2; where a size is recorded it is queued twice
        assert set(queued) == {worker} != {caller}
        np.testing.assert_allclose(found.numpy(), OnnxRuntimeEngine(network).infer(some(6))[0], atol=1e-5)


def test_no_pictures_wait_for_nothing(network: Path, gpu: FakeGpu) -> None:
    engine = opened(network, gpu, FakeCuda(gpu))
    gpu.events.clear()
    (found,) = engine.infer_tensors(torch.zeros((0, 3, 24, 20)))
    assert found.shape == (0, 16)
    assert gpu.events == []


def test_what_one_mode_made_the_other_may_use(network: Path, gpu: FakeGpu) -> None:
    """Buffers made within inference mode could not be written outside of it."""
    engine = opened(network, gpu, FakeCuda(gpu))
    batch = torch.from_numpy(some(3))
    with torch.inference_mode():
        (inside,) = engine.infer_tensors(batch)
    (outside,) = engine.infer_tensors(batch)
    assert torch.equal(inside, outside)


def test_a_graph_that_cannot_be_recorded_costs_speed_only(network: Path, gpu: FakeGpu, caplog: pytest.LogCaptureFixture) -> None:
    engine = opened(network, gpu, FakeCuda(gpu, fails_to_record=True))
    assert "run without a CUDA graph: CUDA error: operation failed due to a previous error during capture" in caplog.text
    (found,) = engine.infer_tensors(torch.from_numpy(some(3)))
    np.testing.assert_allclose(found.numpy(), OnnxRuntimeEngine(network).infer(some(3))[0], atol=1e-5)


def test_errors_of_torch_are_errors_of_the_model(network: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened(network, gpu, FakeCuda(gpu))

    def fails(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nSee documentation")

    monkeypatch.setattr(TorchMemory, "queueing_on", fails)
    with pytest.raises(InferenceError) as caught:
        engine.infer_tensors(torch.from_numpy(some(2)))
    assert str(caught.value) == "net failed on a batch of 2: CUDA out of memory. Tried to allocate 2 GiB."


def test_arrays_of_another_provider_are_a_mistake(gpu: FakeGpu) -> None:
    memory = TorchMemory(0, device=torch.device("cpu"), cuda=FakeCuda(gpu))
    array = memory.on_host((2, 3), np.dtype(np.float16))
    assert array.array.dtype == np.float16
    with pytest.raises(TypeError, match="expected a TorchStream of torch, not FakeStream"):
        memory.upload(array, memory.on_gpu((2, 3), np.dtype(np.float16)), 2, gpu.new_stream())
