"""Plans found, built, refused and built again, when networks are opened."""

from __future__ import annotations

import builtins
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from inference.engines.gpu import Gpu, NoGpuError
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import ModelError
from inference.tensorrt import opening
from inference.tensorrt.compiling import compile_plan
from inference.tensorrt.flavours import TensorRT
from inference.tensorrt.opening import open_tensorrt, provide_memory, tensorrt_is_here
from inference.tensorrt.plans import PlanCache
from tests.inference.tensorrt.conftest import some
from tests.support.fake_gpu import FakeGpu, FakeGpuError, FakeMemory
from tests.support.fake_tensorrt import GPU, FakeApi, fake_tensorrt, open_on_fake
from tests.support.onnx_models import write_embedder
from throughline.settings.models import EngineSettings
from throughline.telemetry.metrics import Metrics

FULL = EngineSettings(precision="float32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "plans"


def counted(metrics: Metrics) -> dict[str, float]:
    values = {
        state: metrics.registry.get_sample_value("throughline_engine_plans_total", {"model": "net", "state": state})
        for state in ("cached", "missing", "stale", "foreign", "broken")
    }
    return {state: value for state, value in values.items() if value}


def test_a_plan_is_built_once(network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path) -> None:
    metrics = Metrics()
    api = None
    for _ in range(2):
        tensorrt = fake_tensorrt(gpu)  # as after a restart
        api = tensorrt.api
        engine = open_on_fake(network, tensorrt, memory, folder=folder, metrics=metrics)
        np.testing.assert_allclose(engine.infer(some(3))[0], OnnxRuntimeEngine(network).infer(some(3))[0], atol=1e-5)
        assert engine.metadata["mean"] == "0,0,0"
    assert api is not None
    assert api.builds == 0
    assert counted(metrics) == {"missing": 1, "cached": 1}


def test_after_an_update_of_tensorrt_the_plan_is_built_again(
    network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    for version in ("11.4.0.106", "11.5.0.1"):
        open_on_fake(network, fake_tensorrt(gpu, version=version), memory, folder=folder, metrics=metrics)
    assert counted(metrics) == {"missing": 1, "stale": 1}
    assert "is stale and is built again" in caplog.text
    assert len(list(folder.glob("*.plan"))) == 1


@pytest.mark.parametrize("damage", ["cut", "replaced"])
def test_a_damaged_plan_is_built_again(network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path, damage: str) -> None:
    metrics = Metrics()
    open_on_fake(network, fake_tensorrt(gpu), memory, folder=folder)
    (plan,) = folder.glob("*.plan")
    plan.write_bytes(plan.read_bytes()[:-9] if damage == "cut" else b"something else")
    engine = open_on_fake(network, fake_tensorrt(gpu), memory, folder=folder, metrics=metrics)
    assert engine.infer(some(1))[0].shape == (1, 16)
    assert counted(metrics) == {"broken": 1}


def test_a_plan_that_others_may_write_is_built_again(network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path) -> None:
    metrics = Metrics()
    open_on_fake(network, fake_tensorrt(gpu), memory, folder=folder)
    (plan,) = folder.glob("*.plan")
    plan.chmod(0o666)
    open_on_fake(network, fake_tensorrt(gpu), memory, folder=folder, metrics=metrics)
    assert counted(metrics) == {"foreign": 1}
    assert plan.stat().st_mode & 0o777 == 0o600


def test_a_plan_that_tensorrt_refuses_is_built_again_once(
    network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    open_on_fake(network, fake_tensorrt(gpu), memory, folder=folder)
    tensorrt = fake_tensorrt(gpu)
    tensorrt.api.fail.append("deserialize_cuda_engine")
    engine = open_on_fake(network, tensorrt, memory, folder=folder, metrics=metrics)
    assert engine.infer(some(2))[0].shape == (2, 16)
    assert tensorrt.api.builds == 1
    assert counted(metrics) == {"broken": 1}
    assert "is built again: tensorrt 11.4.0.106 does not load the plan" in caplog.text
    tensorrt.api.fail += ["deserialize_cuda_engine"] * 2
    with pytest.raises(ModelError, match=r"net\.onnx: tensorrt 11\.4\.0\.106 does not load the plan: .* made to fail"):
        open_on_fake(network, tensorrt, memory, folder=folder)


def test_a_network_that_does_not_run_is_refused_when_it_is_opened(
    network: Path, tensorrt: TensorRT, api: FakeApi, gpu: FakeGpu, memory: FakeMemory
) -> None:
    api.fail.append("execute_async_v3")
    with pytest.raises(ModelError, match=r"net\.onnx: net failed on a batch of 16: TensorRT failed: .* made to fail"):
        open_on_fake(network, tensorrt, memory)
    assert not gpu.allocated


def test_a_gpu_that_does_not_work_is_an_error_of_the_model(
    network: Path, tensorrt: TensorRT, memory: FakeMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise FakeGpuError("CUDA error 46: device busy")

    monkeypatch.setattr(memory, "stream", fails)
    with pytest.raises(ModelError, match=r"models\.engine\.gpu: the Fake GPU does not work: CUDA error 46"):
        open_on_fake(network, tensorrt, memory)


def test_outputs_of_a_size_that_is_not_known_are_refused(tmp_path: Path, tensorrt: TensorRT, memory: FakeMemory) -> None:
    path = write_embedder(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "found"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"net\.onnx: an output has another size for each picture"):
        open_on_fake(path, tensorrt, memory)


def test_a_folder_that_cannot_be_written_costs_time_only(
    network: Path, tensorrt: TensorRT, memory: FakeMemory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    engine = open_on_fake(network, tensorrt, memory, folder=tmp_path / "file" / "plans")
    assert engine.infer(some(1))[0].shape == (1, 16)
    assert "its plan cannot be kept and will be built again next time" in caplog.text


def test_each_precision_and_batch_has_a_plan_of_its_own(network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path) -> None:
    for settings in ({}, {"max_batch": 4}, {"precision": "float16"}, {"precision": "auto"}):
        open_on_fake(network, fake_tensorrt(gpu), memory, folder=folder, **settings)
    assert len(list(folder.glob("*.plan"))) == 3


def test_in_16_bits_it_is_still_the_same_model(network: Path, tensorrt: TensorRT, memory: FakeMemory) -> None:
    full, half = (open_on_fake(network, tensorrt, memory, precision=precision) for precision in ("float32", "float16"))
    assert full.hash == half.hash
    difference = np.abs(full.infer(some(3))[0] - half.infer(some(3))[0]).max()
    assert 0 < difference < 0.01


def test_times_that_tensorrt_measured_are_kept_for_the_next_build(
    network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path
) -> None:
    open_on_fake(network, fake_tensorrt(gpu), memory, folder=folder)
    tensorrt = fake_tensorrt(gpu)
    open_on_fake(network, tensorrt, memory, folder=folder, max_batch=2)
    assert tensorrt.api.timing_caches == [b"measured;"]


def test_kernels_that_rtx_compiled_are_kept_for_this_gpu(network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path) -> None:
    for starts in (1, 2):
        rtx = fake_tensorrt(gpu, flavour="tensorrt-rtx", version="1.7.1.116")
        open_on_fake(network, rtx, memory, folder=folder)
        (kept,) = folder.glob("*-sm90.kernels")
        assert kept.read_bytes() == b"compiled;" * starts


def test_rtx_builds_where_there_is_no_gpu_and_the_plan_serves_where_there_is_one(
    network: Path, gpu: FakeGpu, memory: FakeMemory, folder: Path
) -> None:
    metrics = Metrics()
    cache = PlanCache(folder)
    compiled = compile_plan(network, FULL, fake_tensorrt(gpu, flavour="tensorrt-rtx", version="1.7.1.116"), None, cache)
    assert (compiled.state, compiled.key.gpu, compiled.key.driver) == ("missing", "any", "any")
    rtx = fake_tensorrt(gpu, flavour="tensorrt-rtx", version="1.7.1.116")
    open_on_fake(network, rtx, memory, folder=folder, metrics=metrics)
    assert rtx.api.builds == 0
    assert counted(metrics) == {"cached": 1}


def test_tensorrt_does_not_build_without_a_gpu(network: Path, tensorrt: TensorRT, folder: Path) -> None:
    with pytest.raises(ModelError, match="TensorRT builds only on a machine with the GPU"):
        compile_plan(network, FULL, tensorrt, None, PlanCache(folder))


def test_the_key_names_all_that_matters(network: Path, tensorrt: TensorRT, folder: Path) -> None:
    key = compile_plan(network, EngineSettings(max_batch=4), tensorrt, GPU, PlanCache(folder)).key
    assert (key.flavour, key.version, key.gpu, key.driver) == ("tensorrt", "11.4.0.106", "sm90", "13.2")
    assert (key.precision, key.max_batch) == ("float16", 4)
    exact = compile_plan(network, FULL, tensorrt, GPU, PlanCache(folder)).key
    assert set(exact.options) - set(key.options) == {"exact"}


def test_without_a_gpu_it_is_said(network: Path, monkeypatch: pytest.MonkeyPatch, tensorrt: TensorRT) -> None:
    def none(number: int) -> Gpu:
        raise NoGpuError("no driver")

    monkeypatch.setattr(opening, "find_gpu", none)
    monkeypatch.setattr(opening, "load_tensorrt", lambda flavour: tensorrt)
    with pytest.raises(ModelError, match="TensorRT needs an NVIDIA GPU: no driver; use `auto` or `onnxruntime`"):
        open_tensorrt(network, FULL)


def test_memory_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ModelError, match=r"models\.engine\.memory: this build of torch .* cannot use the GPU; or use pycuda"):
        provide_memory(EngineSettings(memory="torch"))
    genuine = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "inference.tensorrt.torch_memory":
            raise ModuleNotFoundError("No module named 'torch'")
        return genuine(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelError, match=r"models\.engine\.memory: torch cannot be used here .*; install it, or use pycuda"):
        provide_memory(EngineSettings(memory="torch"))


def test_looking_whether_tensorrt_is_there_loads_nothing(rtx: TensorRT, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert tensorrt_is_here()
