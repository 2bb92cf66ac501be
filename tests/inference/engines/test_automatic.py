from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.engines import automatic
from inference.engines.gpu import Gpu, NoGpuError
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.opening import open_engine
from inference.errors import ModelError
from tests.support.onnx_models import write_embedder
from throughline.settings.models import EngineSettings


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_embedder(tmp_path / "net.onnx")


def _no_gpu(number: int) -> Gpu:
    raise NoGpuError("no NVIDIA driver here")


def _a_gpu(number: int) -> Gpu:
    return Gpu(number, "Big GPU", (9, 0), 1 << 36, "13.2")


def test_without_a_gpu_it_is_the_cpu_and_the_user_is_told_once(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "find_gpu", _no_gpu)
    told: list[str] = []
    engines = [open_engine(network, EngineSettings(), name=name, tell=told.append) for name in ("one", "other")]
    assert all(isinstance(engine, OnnxRuntimeEngine) for engine in engines)
    assert set(told) == {"models.engine: networks run on the CPU: no NVIDIA driver here"}


def test_the_first_that_opens_on_the_gpu_is_taken(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any) -> Any:
        raise ModelError("it does not know this GPU")

    on_gpu = OnnxRuntimeEngine(network, name="on the GPU")
    monkeypatch.setattr(automatic, "find_gpu", _a_gpu)
    monkeypatch.setattr(automatic, "_ON_GPU", {"first": fails, "second": lambda *arguments: on_gpu, "third": fails})
    told: list[str] = []
    assert open_engine(network, EngineSettings(), tell=told.append) is on_gpu
    assert told == ["models.engine: second on Big GPU"]


def test_where_nothing_runs_on_the_gpu_the_cpu_does_and_all_reasons_are_told(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any) -> Any:
        raise ModelError("it does not know this GPU")

    monkeypatch.setattr(automatic, "find_gpu", _a_gpu)
    monkeypatch.setattr(automatic, "_ON_GPU", {"first": fails, "second": fails})
    told: list[str] = []
    assert isinstance(open_engine(network, EngineSettings(), tell=told.append), OnnxRuntimeEngine)
    (line,) = told
    assert line.startswith("models.engine: net.onnx runs on the CPU although there is a Big GPU: first: it does not know")
    assert "second: it does not know this GPU" in line


def test_tensorrt_that_was_asked_for_is_not_replaced(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.tensorrt.opening.find_gpu", _no_gpu)
    pytest.importorskip("tensorrt_rtx_bindings", reason="asks for the GPU only if there is a TensorRT")
    with pytest.raises(ModelError, match="TensorRT needs an NVIDIA GPU: no NVIDIA driver here; use `auto` or `onnxruntime`"):
        open_engine(network, EngineSettings(kind="tensorrt"))


def test_a_machine_without_a_gpu_loads_nothing_for_it(network: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from inference.engines import gpu\n"
        "def none(number): raise gpu.NoGpuError('none')\n"
        "import inference.engines.automatic as automatic; automatic.find_gpu = none\n"
        "import throughline.commands.run, streams.analysis\n"
        "from inference.models import load_models; from throughline.settings.models import ModelsSettings, EmbedderSettings\n"
        "from throughline.telemetry.metrics import Metrics\n"
        f"models = load_models(ModelsSettings(embedders=(EmbedderSettings(model={str(network)!r}),)), Metrics())\n"
        "print(*sorted({'torch', 'openvino', 'tensorrt', 'tensorrt_rtx', 'tensorrt_rtx_bindings', 'pycuda', 'onnx'} "
        "& set(sys.modules)))\n"
        "models.close()"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == ""
