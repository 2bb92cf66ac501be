"""The loop learns, stops where it is told to, and goes on as if it had never stopped."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.support.fitting import BlobTask, assert_equal, assert_same_outcome, blob_recipe
from training.errors import FittingError
from training.loop import BEST, CHECKPOINT, LAST, fit
from training.loop.checkpoints import read_checkpoint, write_checkpoint
from training.loop.curves import read_curve

REPOSITORY = Path(__file__).resolve().parents[3]


def test_it_learns_and_leaves_curves_and_weights(tmp_path: Path) -> None:
    task = BlobTask()
    fitted = fit(task, blob_recipe(), tmp_path)
    assert fitted.complete
    assert fitted.step == 40
    assert fitted.figures["accuracy"] > 0.9
    assert fitted.best_figures["accuracy"] >= fitted.figures["accuracy"]
    assert fitted.weights == tmp_path / BEST
    rows = read_curve(tmp_path / "training.csv")
    assert [row["step"] for row in rows] == list(range(5, 45, 5))
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert rows[0]["loss"] == pytest.approx(rows[0]["class"] + rows[0]["size"])
    assert [row["step"] for row in read_curve(tmp_path / "validation.csv")] == [10, 20, 30, 40]
    assert task.asked == [0, 7, 14, 21, 28, 35]
    last = read_checkpoint(tmp_path / LAST)
    assert last["description"] == {"classes": ["a", "b", "c"]}
    assert last["step"] == 40
    assert_equal(dict(last["state"]), dict(task.network.state_dict()))


def test_the_same_recipe_gives_the_same_bits_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        fit(BlobTask(seed), blob_recipe(seed=seed), tmp_path / name)
    assert_same_outcome(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one" / "training.csv").read_bytes() != (tmp_path / "other" / "training.csv").read_bytes()


@pytest.mark.parametrize("stop_after", [1, 4, 13, 20, 39])
def test_stopped_and_called_again_it_ends_as_if_it_had_not(tmp_path: Path, stop_after: int) -> None:
    recipe = blob_recipe(averaging={"enabled": True, "decay": 0.9})
    fit(BlobTask(), recipe, tmp_path / "whole")
    task = BlobTask()
    calls = iter(range(1, 100))
    stopped = fit(task, recipe, tmp_path / "parts", stop=lambda: next(calls) == stop_after)
    assert not stopped.complete
    assert stopped.step == stop_after
    again = fit(BlobTask(), recipe, tmp_path / "parts")
    assert again.complete
    assert_same_outcome(tmp_path / "whole", tmp_path / "parts")


_CHILD = """
import sys
from pathlib import Path
from tests.support.fitting import BlobTask, assert_equal, assert_same_outcome, blob_recipe
from training.loop import fit
fit(BlobTask(pause=float(sys.argv[2])), blob_recipe(averaging={"enabled": True}, steps=60, checkpoint_every=4), Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_bit_for_bit(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    fit(BlobTask(), blob_recipe(averaging={"enabled": True}, steps=60), tmp_path / "whole")
    folder = tmp_path / "killed"
    for rows in (2, 6):  # killed twice, the second time further on
        child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder), "0.03"], env=environment)
        deadline = time.monotonic() + 120
        while len(read_lines(folder / "training.csv")) <= rows:
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    assert 4 <= read_checkpoint(folder / CHECKPOINT)["state"]["step"] < 60
    subprocess.run([sys.executable, "-c", _CHILD, str(folder), "0"], env=environment, check=True, timeout=120)
    assert_same_outcome(tmp_path / "whole", folder)


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_a_finished_training_called_again_changes_nothing(tmp_path: Path) -> None:
    first = fit(BlobTask(), blob_recipe(), tmp_path)
    before = read_checkpoint(tmp_path / LAST)
    assert fit(BlobTask(), blob_recipe(), tmp_path) == first
    assert_equal(before, read_checkpoint(tmp_path / LAST))


def test_another_recipe_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    fit(BlobTask(), blob_recipe(), tmp_path)
    with pytest.raises(FittingError, match=r"another recipe \(fitting.seed: 0 -> 1; fitting.steps: 40 -> 80\)"):
        fit(BlobTask(), blob_recipe(seed=1, steps=80), tmp_path)
    fit(BlobTask(), blob_recipe(checkpoint_every=10, workers=2), tmp_path)  # these change no result


def test_a_checkpoint_of_before_a_field_was_added_still_goes_on(tmp_path: Path) -> None:
    calls = iter(range(1, 100))
    fit(BlobTask(), blob_recipe(), tmp_path, stop=lambda: next(calls) == 10)
    saved = read_checkpoint(tmp_path / CHECKPOINT)
    del saved["recipe"]["fitting"]["optimiser"]["clip_norm"]
    write_checkpoint(tmp_path / CHECKPOINT, saved)
    with pytest.raises(FittingError, match=r"\(fitting.optimiser.clip_norm: None -> 2.0\)"):
        fit(BlobTask(), blob_recipe(optimiser={"rate": 0.02, "backbone_factor": 0.5, "clip_norm": 2.0}), tmp_path)
    assert fit(BlobTask(), blob_recipe(), tmp_path).complete


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    fit(BlobTask(), blob_recipe(), tmp_path)
    whole = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FittingError, match=r"checkpoint\.pt: cannot be read as a checkpoint"):
        fit(BlobTask(), blob_recipe(), tmp_path)


def test_the_average_is_what_is_validated_and_kept(tmp_path: Path) -> None:
    task = BlobTask()
    fit(task, blob_recipe(averaging={"enabled": True, "decay": 0.9}), tmp_path)
    assert all(network is not task.network for network in task.validated)
    kept = read_checkpoint(tmp_path / LAST)["state"]
    assert_equal(dict(kept), dict(task.validated[-1].state_dict()))
    assert not torch.equal(kept["0.weight"], task.network.state_dict()["0.weight"])


def test_a_loss_that_is_no_number_stops_it_before_it_reaches_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(FittingError, match=r"by step 25 the loss `class, size` is not a number"):
        fit(BlobTask(spoil_at=22), blob_recipe(), tmp_path)
    saved = read_checkpoint(tmp_path / CHECKPOINT)
    assert saved["state"]["step"] == 20
    assert all(torch.isfinite(value).all() for value in saved["network"].values())


def test_the_figure_to_choose_by_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FittingError, match=r"choose_by: the validation has no figure `mAP`, only accuracy"):
        fit(BlobTask(), blob_recipe(choose_by="mAP"), tmp_path)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_it_is_and_a_file_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of earlier tests write to streams that are closed by now
    shown = {}
    for name, stream in (("terminal", _Terminal()), ("file", io.StringIO())):
        monkeypatch.setattr(sys, "stderr", stream)
        fit(BlobTask(), blob_recipe(), tmp_path / name, progress=True)
        shown[name] = stream.getvalue()
    assert "40/40" in shown["terminal"]
    assert "loss=" in shown["terminal"]
    assert shown["file"] == ""


def test_bfloat16_learns_too(tmp_path: Path) -> None:
    assert fit(BlobTask(), blob_recipe(precision="bfloat16"), tmp_path).figures["accuracy"] > 0.9


def test_float16_asks_for_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(FittingError, match="float16 needs a GPU"):
        fit(BlobTask(), blob_recipe(precision="float16"), tmp_path)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_on_a_gpu_it_learns_and_goes_on_where_it_stopped(tmp_path: Path, precision: str) -> None:
    recipe = blob_recipe(precision=precision, device="cuda", deterministic=True)
    assert fit(BlobTask(), recipe, tmp_path / "whole").figures["accuracy"] > 0.9
    calls = iter(range(100))
    fit(BlobTask(), recipe, tmp_path / "parts", stop=lambda: next(calls) == 17)
    fit(BlobTask(), recipe, tmp_path / "parts")
    assert_same_outcome(tmp_path / "whole", tmp_path / "parts")
