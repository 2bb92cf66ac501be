"""torch as an engine: what it asks of a machine, and networks that it cannot run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from inference.engines import torch_opening
from inference.engines.gpu import Gpu, NoGpuError
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.opening import open_engine
from inference.engines.torch_engine import TorchEngine
from inference.errors import InferenceError, ModelError
from inference.onnx_to_torch import OnnxModule
from tests.support.onnx_models import write_embedder
from throughline.settings.models import EngineSettings


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_embedder(tmp_path / "net.onnx")


def settings(**fields: Any) -> EngineSettings:
    return EngineSettings.model_validate({"kind": "torch", **fields})


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_opening, "find_gpu", lambda number: Gpu(number, "Big GPU", (9, 0), 1 << 36, "13.2"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_without_a_gpu_it_says_what_else_there_is(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: int) -> Gpu:
        raise NoGpuError("no NVIDIA driver here")

    monkeypatch.setattr(torch_opening, "find_gpu", none)
    with pytest.raises(ModelError, match="torch needs an NVIDIA GPU: no NVIDIA driver here; use `auto` or `onnxruntime`"):
        open_engine(network, settings())


@pytest.mark.usefixtures("a_gpu")
def test_without_torch_it_says_how_to_get_it(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inference.engines.torch_engine", None)
    with pytest.raises(ModelError, match=r"torch cannot be used here .*; pip install torch onnx"):
        open_engine(network, settings())


@pytest.mark.usefixtures("a_gpu")
def test_a_torch_that_cannot_use_the_gpu_is_told(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match=r"this build of torch \(.*\) cannot use the Big GPU"):
        open_engine(network, settings())


@pytest.mark.usefixtures("a_gpu")
def test_8_bits_are_refused(network: Path) -> None:
    with pytest.raises(ModelError, match=r"models\.engine\.precision: torch computes in float32 or float16, not int8"):
        open_engine(network, settings(precision="int8"))


@pytest.mark.usefixtures("a_gpu")
@pytest.mark.parametrize(("asked", "precision"), [("auto", "float16"), ("float16", "float16"), ("float32", "float32")])
def test_it_is_opened_as_the_settings_say(network: Path, monkeypatch: pytest.MonkeyPatch, asked: str, precision: str) -> None:
    seen: dict[str, Any] = {}

    def opened(path: Path, **options: Any) -> str:
        seen.update(options, path=path)
        return "engine"

    monkeypatch.setattr("inference.engines.torch_engine.TorchEngine", opened)
    found: object = open_engine(network, settings(precision=asked, gpu=1, max_batch=8, cuda_graphs=False), name="mine")
    assert found == "engine"
    assert seen == {
        "path": network,
        "name": "mine",
        "device": "cuda:1",
        "precision": precision,
        "max_batch": 8,
        "cuda_graphs": False,
    }


def test_an_unknown_operator_is_named(tmp_path: Path, network: Path) -> None:
    model = onnx.load(network)
    model.graph.node.append(helper.make_node("Erf", ["vector"], ["erf"]))
    model.graph.output[0].name = "erf"
    path = tmp_path / "erf.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"erf\.onnx: torch cannot run this network: unknown operators: Erf; choose another"):
        TorchEngine(path, device="cpu")
    assert OnnxRuntimeEngine(path).output_shapes == ((16,),)


def test_a_network_that_does_not_run_is_refused_at_once(tmp_path: Path, network: Path) -> None:
    model = onnx.load(network)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.zeros((16, 4, 3, 3), np.float32), "w"))  # of 4 channels
    path = tmp_path / "wrong.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"wrong\.onnx: the network does not run in torch"):
        TorchEngine(path, device="cpu")


def test_outputs_without_a_row_for_each_picture_are_refused(tmp_path: Path, network: Path) -> None:
    model = onnx.load(network)
    model.graph.node[-1].CopyFrom(helper.make_node("ReduceSum", ["p"], ["vector"], keepdims=0))
    path = tmp_path / "sum.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"sum\.onnx: expected outputs with one row for each picture, found \(\)"):
        TorchEngine(path, device="cpu")


def test_a_failure_of_torch_is_an_inference_error(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TorchEngine(network, device="cpu")

    def exhausted(_: torch.Tensor) -> tuple[torch.Tensor, ...]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore lines")

    monkeypatch.setattr(engine, "_pass", exhausted)
    with pytest.raises(InferenceError, match=r"net failed on a batch of 3: CUDA out of memory\. Tried to allocate 2 GiB$"):
        engine.infer(np.zeros((3, 3, 24, 20), np.float32))


def test_a_network_that_cannot_be_recorded_runs_without_graphs(
    network: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore lines")

    monkeypatch.setattr("inference.engines.torch_engine.CapturedPasses", fails)
    engine = TorchEngine(network, device="cpu")
    module = OnnxModule(onnx.load(network))
    assert engine._captured(module, [1, 2]) is module
    (line,) = caplog.messages
    assert line.endswith("recorded as: CUDA error: operation not permitted when stream is capturing")


def test_in_16_bits_results_differ_little_and_are_32_bits(network: Path) -> None:
    batch = np.random.default_rng(0).standard_normal((5, 3, 24, 20)).astype(np.float32)
    (half,) = TorchEngine(network, device="cpu", precision="float16").infer(batch)
    (full,) = TorchEngine(network, device="cpu", precision="float32").infer(batch)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() < 0.02
