"""`throughline train`, with every tiny recipe."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
import yaml

from inference.networks.weights import load_network
from tests.support.drawn_crops import write_sets
from throughline.commands.main import main
from training.loop.curves import read_curve

TINY = {
    "tiny-reid": ("reid", "mAP"),
    "tiny-sac": ("reid", "mAP"),
    "tiny-mgn": ("reid", "mAP"),
    "tiny-key-point-reid": ("reid", "mAP"),
    "tiny-type": ("type", "mAP"),
    "tiny-attributes": ("colour", "colour accuracy"),
    "tiny-colour": ("colour", "colour accuracy"),
    "tiny-orientation": ("orientation", "orientation accuracy"),
    "tiny-keypoints": ("keypoints", "PCK"),
}
QUICK = ("--set", "fitting.device=cpu", "--set", "fitting.threads=1")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sets(tmp_path_factory.mktemp("sets"))


@pytest.mark.parametrize("name", TINY)
def test_every_tiny_recipe_learns(name: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind, figure = TINY[name]
    assert main(["train", kind, name, "--data", str(data), "--out", str(tmp_path), "--json", *QUICK]) == 0
    outcome = json.loads(capsys.readouterr().out)
    rows = read_curve(tmp_path / "training.csv")
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    assert outcome["complete"]
    assert outcome["best_figures"][figure] >= outcome["figures"][figure]
    assert [row["step"] for row in read_curve(tmp_path / "validation.csv")] == [outcome["step"] // 2, outcome["step"]]
    network, facts = load_network(tmp_path / "network.pt")
    assert not network.training
    assert facts["recipe"] == name
    assert facts["step"] == outcome["best_step"]
    assert facts[figure] == pytest.approx(outcome["best_figures"][figure], abs=1e-4)
    if name == "tiny-colour":  # easy to tell, also of vehicles that it never saw
        assert outcome["figures"][figure] > 0.9
        assert facts["colour classes"] == "red,green,blue,white"
    with torch.no_grad():
        assert network(torch.zeros(2, 3, *network.input_size))


def test_asked_to_stop_it_saves_and_the_same_command_goes_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "reid", "tiny-reid", "--data", str(data), *QUICK, "--set", "fitting.checkpoint_every=1000"]
    arguments += ["--set", "fitting.log_every=2"]
    assert main([*arguments, "--out", str(tmp_path / "whole")]) == 0
    folder = tmp_path / "stopped"

    def ask() -> None:
        deadline = time.monotonic() + 120
        while not (folder / "training.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=ask)
    thread.start()
    before = signal.getsignal(signal.SIGTERM)
    assert main([*arguments, "--out", str(folder)]) == 130
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert "the same command goes on from there" in capsys.readouterr().err
    steps = len(read_curve(folder / "training.csv"))
    assert 1 <= steps < 15
    assert main([*arguments, "--out", str(folder)]) == 0
    for name in ("training.csv", "validation.csv", "recipe.yaml"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_bad_input_is_one_line_and_leaves_what_is_there(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> str:
        assert main(["train", *arguments, "--out", str(tmp_path), *QUICK]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    (tmp_path / "network.pt").write_text("of an earlier training")
    assert "tiny-reid: it is for `reid`, not for `type`" in run("type", "tiny-reid", "--data", str(data), "--anew")
    assert "no such folder; set `path` to where the set is" in run("reid", "tiny-reid", "--data", "/nowhere", "--anew")
    assert "absent.yaml: no such file, and no recipe of this name ships" in run("reid", "absent.yaml")
    assert "network: no network is called" in run("reid", "tiny-reid", "--data", str(data), "--set", "network.name=x", "--anew")
    assert (tmp_path / "network.pt").read_text() == "of an earlier training"


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "training.run", raising=False)
    monkeypatch.setitem(sys.modules, "training.loop", None)  # as if its own import of torch had failed
    assert main(["train", "reid", "tiny-reid"]) == 1
    assert "install throughline[train]" in capsys.readouterr().err


def test_another_recipe_needs_another_folder_or_to_begin_anew(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "orientation", "tiny-orientation", "--data", str(data), "--out", str(tmp_path), *QUICK]
    short = ["--set", "fitting.steps=6", "--set", "fitting.schedule.milestones=[]"]
    assert main([*arguments, *short]) == 0
    capsys.readouterr()
    assert main([*arguments, *short, "--set", "fitting.seed=7"]) == 1
    assert "was begun with another recipe (fitting.seed: 1 -> 7)" in capsys.readouterr().err
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text())["fitting"]["seed"] == 1
    assert main([*arguments, *short, "--set", "fitting.seed=7", "--anew"]) == 0
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text())["fitting"]["seed"] == 7
