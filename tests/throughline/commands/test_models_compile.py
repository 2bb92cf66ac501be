from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from inference.engines.gpu import Gpu, NoGpuError
from inference.errors import ModelError
from inference.tensorrt.flavours import TensorRT, load_tensorrt
from tests.support.fake_gpu import FakeGpu, FakeMemory
from tests.support.fake_tensorrt import GPU, fake_tensorrt
from tests.support.onnx_models import write_embedder, write_yolox
from throughline.commands.main import main

WEIGHTS = Path(__file__).resolve().parents[3] / "inference" / "weights"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "throughline" / "plans"


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(number: int) -> Gpu:
        raise NoGpuError("no NVIDIA driver here")

    monkeypatch.setattr("inference.engines.gpu.find_gpu", none)


@pytest.fixture
def rtx(no_gpu: None) -> None:
    try:
        load_tensorrt("tensorrt-rtx")
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture
def on_fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[], TensorRT]:
    """A machine with a GPU and TensorRT 11."""

    def install() -> TensorRT:
        gpu = FakeGpu()
        tensorrt = fake_tensorrt(gpu)
        monkeypatch.setattr("inference.engines.gpu.find_gpu", lambda number: GPU)
        monkeypatch.setattr("inference.tensorrt.flavours.load_tensorrt", lambda flavour: tensorrt)
        monkeypatch.setattr("inference.tensorrt.opening.provide_memory", lambda settings: FakeMemory(gpu))
        return tensorrt

    return install


def plans(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["plans"]
    return found


@pytest.mark.usefixtures("rtx")
def test_networks_that_ship_are_built_without_a_gpu(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "compile", "vehicle-detector", "vehicle-embedder", "--flavour", "tensorrt-rtx"]) == 0
    shown = capsys.readouterr()
    assert "plans are built and not run: no NVIDIA driver here" in shown.err
    assert shown.out.count("float16") == 2
    assert "not run" in shown.out
    assert len(list(cache.glob("*.plan"))) == 2
    assert main(["models", "compile", "vehicle-detector", "--flavour", "tensorrt-rtx", "--json"]) == 0
    (row,) = plans(capsys)
    assert (row["state"], row["seconds"], row["cosine"], row["gpu"]) == ("cached", 0.0, None, "any")
    assert Path(row["path"]).parent == cache


def test_on_a_gpu_each_network_is_compared_with_the_cpu(
    tmp_path: Path, on_fake: Callable[[], TensorRT], capsys: pytest.CaptureFixture[str]
) -> None:
    tensorrt = on_fake()
    path = write_embedder(tmp_path / "net.onnx")
    arguments = ["models", "compile", str(path), "--max-batch", "4", "--json"]
    assert main(arguments) == 0
    (row,) = plans(capsys)
    assert row["cosine"] > 0.9999
    assert 0 < row["difference"] < 1
    assert (row["state"], row["gpu"], row["max_batch"], row["precision"]) == ("built", "sm90", 4, "float16")
    assert main([*arguments, "--again"]) == 0
    assert plans(capsys)[0]["state"] == "built again"
    assert tensorrt.api.builds == 2
    newer = on_fake()
    object.__setattr__(newer, "version", "11.5.0.1")
    assert main(arguments) == 0
    assert plans(capsys)[0]["state"] == "built, was stale"


def test_tensorrt_without_a_gpu_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, no_gpu: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("inference.tensorrt.flavours.load_tensorrt", lambda flavour: fake_tensorrt(FakeGpu()))
    assert main(["models", "compile", "vehicle-detector"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "TensorRT builds only where its plans will run, and here they cannot: no NVIDIA driver here" in line


def test_8_bits_are_set_on_pictures_once(
    tmp_path: Path, on_fake: Callable[[], TensorRT], capsys: pytest.CaptureFixture[str]
) -> None:
    on_fake()
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        picture = cv2.resize(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8), (90, 60))
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.png"), picture)
    path = write_embedder(tmp_path / "net.onnx", layers=2)
    arguments = ["models", "compile", str(path), "--precision", "int8", "--json"]
    assert main(arguments) == 1
    assert "there is no 8-bit form of this network here" in capsys.readouterr().err
    assert main([*arguments, "--pictures", str(tmp_path / "pictures")]) == 0
    shown = capsys.readouterr()
    assert "net.onnx in 8 bits, vector: least cosine " in shown.err
    (row,) = json.loads(shown.out)["plans"]
    assert (row["precision"], row["state"]) == ("int8", "built")
    assert main(arguments) == 0
    assert plans(capsys)[0]["state"] == "cached"
    head = write_yolox(tmp_path / "head.onnx", batch="batch")
    assert main(["models", "compile", str(head), "--precision", "int8", "--pictures", str(tmp_path / "pictures")]) == 1
    assert "head.onnx: no layer of this network stands 8 bits; use float16" in capsys.readouterr().err


def test_a_site_file_says_all(tmp_path: Path, on_fake: Callable[[], TensorRT], capsys: pytest.CaptureFixture[str]) -> None:
    on_fake()
    own = write_embedder(tmp_path / "net.onnx")
    (tmp_path / "site.yaml").write_text(
        "site: here\ncameras:\n  - {id: c1, url: 'rtsp://localhost/1'}\n"
        f"models:\n  detector: {write_yolox(tmp_path / 'head.onnx')}\n"
        f"  embedders: [{{model: {own}}}, {{model: colour-histogram}}]\n"
        "  engine: {precision: float32, max_batch: 3}\n"
    )
    assert main(["models", "compile", "--site", str(tmp_path / "site.yaml"), "--json"]) == 0
    rows = plans(capsys)
    assert [(row["model"], row["precision"], row["max_batch"]) for row in rows] == [("head", "float32", 3), ("net", "float32", 3)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which networks"),
        (["vehicle-detector", "--site", "x.yaml"], "say which networks"),
        (["motion"], "motion has no weights: there is nothing to compile"),
        (["nothing"], "no model is called 'nothing'"),
        (["./gone.onnx"], "gone.onnx: no such model file"),
        (["vehicle-detector", "--max-batch", "400"], "max_batch: Input should be less than or equal to 256"),
        (["vehicle-detector", "--gpu", "-1"], "gpu: Input should be greater than or equal to 0"),
        (["vehicle-detector", "--pictures", "."], "they need --precision int8 and one network"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "compile", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.usefixtures("rtx")
def test_a_file_that_is_no_network_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    assert main(["models", "compile", str(tmp_path / "text.onnx"), "--precision", "float32"]) == 1
    assert "text.onnx: not an ONNX model" in capsys.readouterr().err.splitlines()[-1]


def test_without_tensorrt_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorrt', 'tensorrt_rtx', 'tensorrt_rtx_bindings'])); "
        "from throughline.commands.main import main; sys.exit(main(['models', 'compile', 'vehicle-detector']))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("throughline: TensorRT is not on this machine (")
    assert "pip install 'throughline[tensorrt-rtx]'" in ended.stderr
