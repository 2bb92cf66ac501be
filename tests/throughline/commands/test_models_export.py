from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.networks.registry import build
from inference.networks.variants import PRECISIONS
from inference.networks.weights import save_network
from throughline.commands import _models_export
from throughline.commands.main import main

SIZE = (32, 48)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = build(
        "resnet101", {"identity": 3, "type": 4}, backbone="resnet18", input_size=SIZE, embedding_size=16, embedding="after"
    )
    path = tmp_path_factory.mktemp("trained") / "network.pt"
    save_network(path, network, {"recipe": "tiny", "seed": 4, "type classes": "car,motorcycle,bus,truck"})
    return path


def test_a_trained_network_becomes_a_file_for_the_live_path(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "own.onnx"
    assert main(["models", "export", str(trained), "--to", str(target), "--temperature", "type=2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == target.stat().st_size
    assert set(told["loss"]) == {"embedding", "type"}
    assert told["loss"]["embedding"]["largest"] < 1e-4
    engine = OnnxRuntimeEngine(target)
    assert engine.output_shapes == ((16,), (4,))
    assert engine.input_shape == (3, *SIZE)
    found = {key: engine.metadata[key] for key in ("network", "recipe", "seed", "type classes", "precision")}
    assert found == {
        "network": "resnet101",
        "recipe": "tiny",
        "seed": "4",
        "type classes": "car,motorcycle,bus,truck",
        "precision": "float32",
    }


def test_8_bits_are_set_and_measured_on_pictures(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.resize(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8), (60, 40)))
    target = tmp_path / "small.onnx"
    arguments = ["models", "export", str(trained), "--to", str(target), "--precision", "int8", "--outputs", "embedding"]
    assert main([*arguments, "--pictures", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "share of spread" in shown.out
    assert "int8, outputs embedding" in shown.err
    assert target.stat().st_size < 0.45 * trained.stat().st_size  # the convolution that gives the embedding stays in 32 bits


@pytest.mark.shared_data
def test_a_smaller_file_is_made_of_a_shipped_one(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.resize(rng.integers(0, 255, (9, 16, 3), dtype=np.uint8), (640, 360)))
    source, target = shared_data / "models" / "yolox_nano.onnx", tmp_path / "small.onnx"
    arguments = ["models", "export", str(source), "--to", str(target), "--pictures", str(tmp_path), "--json", "--precision"]
    assert main([*arguments, "float16-weights"]) == 0
    (half_loss,) = json.loads(capsys.readouterr().out)["loss"].values()
    assert 0 < half_loss["spread"] < 0.05
    assert target.stat().st_size < 0.55 * source.stat().st_size
    half = tmp_path / "half.onnx"
    target.rename(half)
    assert main([*arguments, "float16"]) == 0
    (computed_loss,) = json.loads(capsys.readouterr().out)["loss"].values()
    assert half_loss["spread"] < computed_loss["spread"] < 0.1
    arguments[2] = str(half)
    assert main([*arguments, "int8"]) == 0
    (loss,) = json.loads(capsys.readouterr().out)["loss"].values()
    assert loss["spread"] > half_loss["spread"]
    assert target.stat().st_size < 0.45 * source.stat().st_size
    assert main([*arguments, "float32"]) == 1
    assert "can become float16, float16-weights, int8, int8-symmetric" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "--to", "x.onnx"], "neither a file of weights nor the name of a network: resnet101, "),
        (["none.pt", "--to", "x.onnx"], "none.pt: no such file"),
        (["TRAINED", "--to", "x.onnx", "--outputs", "colour"], "does not give colour; it gives embedding, type"),
        (["TRAINED", "--to", "x.onnx", "--precision", "int8"], "give a folder with --pictures"),
        (["TRAINED", "--to", "x.onnx", "--pictures", "EMPTY"], "no pictures in this folder"),
        (["small.onnx", "--to", "x.onnx"], "only --precision can be chosen, and it needs --pictures"),
        (["none.onnx", "--to", "x.onnx", "--pictures", "EMPTY"], "none.onnx: no such model file"),
    ],
)
def test_wrong_use_is_one_clear_line(
    arguments: list[str], message: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [{"TRAINED": str(trained), "EMPTY": str(tmp_path)}.get(one, one) for one in arguments]
    assert main(["models", "export", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize("temperature", ["type", "type=0", "=2", "type=inf", "type=hot"])
def test_temperatures_are_positive_numbers_with_a_name(temperature: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["models", "export", "resnet101", "--to", "x.onnx", "--temperature", temperature])
    assert "expected NAME=T" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_an_error(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "export", str(trained), "--to", str(tmp_path / "none" / "own.onnx")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_without_torch_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['torch'] = None; from throughline.commands.main import main; "
        "sys.exit(main(['models', 'export', 'resnet101', '--to', 'x.onnx']))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "throughline: export needs torch, which is not installed: pip install 'throughline[train]'\n"


def test_the_commands_precisions_are_those_of_the_networks() -> None:
    assert _models_export._PRECISIONS == PRECISIONS
