"""Curves as files."""

from __future__ import annotations

import math
import sys
import types
from pathlib import Path
from typing import ClassVar

import pytest

from training.errors import FittingError
from training.loop.curves import Curves, read_curve


def test_rows_come_back_and_new_figures_widen_the_file(tmp_path: Path) -> None:
    curves = Curves(tmp_path, 0, False)
    curves.add("training", 5, {"loss": 0.1 + 0.2})
    curves.add("training", 10, {"loss": 2.0, "box": 3.0})
    curves.add("training", 15, {"box": math.nan})
    rows = read_curve(tmp_path / "training.csv")
    assert [row["step"] for row in rows] == [5, 10, 15]
    assert rows[0]["loss"] == 0.1 + 0.2
    assert rows[1] == {"step": 10, "loss": 2.0, "box": 3.0}
    assert math.isnan(rows[0]["box"])
    assert math.isnan(rows[2]["box"])
    assert (tmp_path / "training.csv").read_text().startswith("step,loss,box\n5,0.30000000000000004,\n")
    assert read_curve(tmp_path / "validation.csv") == []


def test_going_on_drops_what_lies_beyond_and_half_lines(tmp_path: Path) -> None:
    curves = Curves(tmp_path, 0, False)
    for step in (5, 10, 15, 20):
        curves.add("training", step, {"loss": float(step)})
    curves.add("validation", 20, {"mAP": 0.5})
    with (tmp_path / "training.csv").open("a") as file:
        file.write("2")  # of 25, when it was killed
    again = Curves(tmp_path, 12, False)
    assert [row["step"] for row in read_curve(tmp_path / "training.csv")] == [5, 10]
    assert not (tmp_path / "validation.csv").exists()
    again.add("training", 15, {"loss": 1.0})
    again.add("validation", 15, {"mAP": 0.6})
    assert [row["loss"] for row in read_curve(tmp_path / "training.csv")] == [5, 10, 1]
    assert read_curve(tmp_path / "validation.csv") == [{"step": 15, "mAP": 0.6}]


class _Recorder:
    made: ClassVar[list[_Recorder]] = []
    scalars: list[tuple[str, float, int]]

    def __init__(self, log_dir: str, purge_step: int) -> None:
        self.log_dir, self.purge_step, self.scalars, self.closed = log_dir, purge_step, [], False
        self.made.append(self)

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        self.scalars.append((tag, scalar_value, global_step))

    def close(self) -> None:
        self.closed = True


def test_tensorboard_gets_them_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.loop.curves.importlib.util.find_spec", lambda name: object())
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = _Recorder  # type: ignore[attr-defined]  # stands in for what is not installed
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    _Recorder.made.clear()
    curves = Curves(tmp_path, 40, None)
    curves.add("validation", 50, {"mAP": 0.5})
    curves.close()
    (writer,) = _Recorder.made
    assert writer.purge_step == 41
    assert Path(writer.log_dir) == tmp_path / "tensorboard"
    assert writer.scalars == [("validation/mAP", 0.5, 50)]
    assert writer.closed


def test_without_tensorboard_it_goes_on_unless_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.loop.curves.importlib.util.find_spec", lambda name: None)
    Curves(tmp_path, 0, None).add("training", 1, {"loss": 1.0})
    with pytest.raises(FittingError, match="TensorBoard is not installed"):
        Curves(tmp_path, 0, True)
