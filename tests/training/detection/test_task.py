"""A tiny detector learns, validates, goes on after a stop as if there had been none, and becomes a file for the live path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.networks.yolox import YoloxNano
from tests.support.yolox_weights import write_yolox_weights
from training.detection import outcome
from training.detection.recipe import DetectorRecipe
from training.detection.task import DetectorTask, starting_network
from training.loop import LAST, fit
from training.loop.checkpoints import read_checkpoint
from training.loop.curves import read_curve
from training.recipe_file import load_recipe
from training.run import train


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = YoloxNano(("car", "motorcycle", "bus", "truck"))
    for name, parameter in network.named_parameters():
        if name.endswith("objectness.bias"):
            torch.nn.init.constant_(parameter, -4.0)  # as detectors start: hardly any cell has an object
    return write_yolox_weights(network, tmp_path_factory.mktemp("start") / "start.onnx")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bright blocks on noise, in three scenes."""
    folder = tmp_path_factory.mktemp("data")
    chance = np.random.default_rng(0)
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for number in range(9):
        image = chance.integers(0, 60, (64, 96, 3), np.uint8)
        rows = []
        for kind in range(2):
            width, height = chance.integers(16, 30, 2)
            left, top = chance.integers(0, 96 - width), chance.integers(0, 64 - height)
            image[top : top + height, left : left + width] = (40, 220, 220) if kind == 0 else (230, 60, 200)
            rows.append(f"{kind} {(left + width / 2) / 96} {(top + height / 2) / 64} {width / 96} {height / 64}")
        name = f"{'abc'[number % 3]}_{number}"
        cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
        (folder / "labels" / f"{name}.txt").write_text("\n".join(rows))
    return folder


def recipe(start: Path, data: Path, **fitting: Any) -> DetectorRecipe:
    return DetectorRecipe.model_validate(
        {
            "description": "for tests",
            "start": {"model": str(start), "rows": [0, 1, 2, 3]},
            "teacher": {"sizes": [96]},
            "sources": [{"name": "blocks", "folder": str(data), "scene": "^[abc]", "held_out": ["c"]}],
            "sizes": [{"height": 64, "width": 96}, {"height": 64, "width": 64, "weight": 0.3}],
            "input": {"height": 64, "width": 96},
            "batch": 2,
            "fitting": {
                "steps": 8,
                "optimiser": {"kind": "adamw", "rate": 2e-3, "backbone_factor": 1.0, "clip_norm": 20},
                "averaging": {"enabled": True, "decay": 0.9},
                "validate_every": 4,
                "choose_by": "AP50",
                "checkpoint_every": 3,
                "log_every": 2,
                "device": "cpu",
                "threads": 1,
                **fitting,
            },
        }
    )


def test_the_loss_falls(start: Path, data: Path, tmp_path: Path) -> None:
    fitted = fit(
        DetectorTask(recipe(start, data, steps=30, validate_every=30)), recipe(start, data, steps=30, validate_every=30), tmp_path
    )
    curve = read_curve(tmp_path / "training.csv")
    losses = [row["loss"] for row in curve]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert set(curve[0]) == {"step", "rate", "loss", "box", "objectness", "class"}
    assert set(fitted.figures) == {"AP50", "AP50 blocks"}


def test_a_stopped_training_goes_on_as_if_it_had_not_been(start: Path, data: Path, tmp_path: Path) -> None:
    settings = recipe(start, data)
    fit(DetectorTask(settings), settings, tmp_path / "whole")
    stops = iter([False, False, False, False, True])
    assert not fit(DetectorTask(settings), settings, tmp_path / "parts", stop=lambda: next(stops)).complete
    assert fit(DetectorTask(settings), settings, tmp_path / "parts").complete
    one, other = (read_checkpoint(tmp_path / name / LAST)["state"] for name in ("whole", "parts"))
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    assert (tmp_path / "whole" / "training.csv").read_bytes() == (tmp_path / "parts" / "training.csv").read_bytes()


def test_batches_follow_from_the_step_alone(start: Path, data: Path) -> None:
    task = DetectorTask(recipe(start, data))
    batches = task.training_batches(0)
    next(batches)
    second = next(batches)
    again = next(task.training_batches(1))
    assert torch.equal(second["images"], again["images"])
    for name in ("boxes", "classes", "ignored"):
        assert all(torch.equal(one, other) for one, other in zip(second[name], again[name], strict=True))


def test_recipes_must_map_each_class(start: Path, data: Path) -> None:
    settings = recipe(start, data).model_dump()
    settings["start"]["rows"] = [1, 2]
    with pytest.raises(ValueError, match=r"start\.rows: expected one for each of the 4 classes, found 2"):
        DetectorRecipe.model_validate(settings)


def test_the_shipped_recipe_is_valid() -> None:
    shipped = load_recipe("default-detector", DetectorRecipe, variables={"DATA": "data"})
    assert shipped.classes == ("car", "motorcycle", "bus", "truck")
    assert {source.name for source in shipped.sources if source.held_out} == {"toll", "atl2", "farzad19", "openimages"}


def test_a_share_of_the_starting_weights_is_kept(
    start: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = recipe(start, data)
    settings = settings.model_copy(update={"start": settings.start.model_copy(update={"kept": 0.25})})
    before = starting_network(settings).state_dict()
    state = {name: weight + 1.0 for name, weight in before.items()}
    torch.save({"state": state, "step": 3, "figures": {}}, tmp_path / "last.pt")
    written: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(outcome, "export_detector", lambda network, *_, **__: written.append(network.state_dict()))
    outcome.write_detector(tmp_path / "last.pt", settings, "tiny", tmp_path / "detector.onnx")
    for name, weight in written[0].items():
        torch.testing.assert_close(weight, before[name] + 0.75)


@pytest.mark.slow
def test_the_command_leaves_a_file_for_the_live_path(start: Path, data: Path, tmp_path: Path) -> None:
    text = recipe(start, data, steps=2, validate_every=2).model_dump_json()
    (tmp_path / "tiny.yaml").write_text(text)
    trained = train("detector", str(tmp_path / "tiny.yaml"), tmp_path / "out")
    assert trained.network == tmp_path / "out" / "detector.onnx"
    engine = OnnxRuntimeEngine(trained.network)
    assert engine.input_shape == (3, 64, 96)
    assert engine.output_shapes == ((8 * 12 + 4 * 6 + 2 * 3, 9),)
    assert engine.metadata["classes"] == "car,motorcycle,bus,truck"
    assert engine.metadata["recipe"] == "tiny"
    assert engine.metadata["step"] == "2"
