"""Curves of a training: two CSV files, and TensorBoard's where it is installed."""

from __future__ import annotations

import csv
import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from training.errors import FittingError

__all__ = ["TENSORBOARD", "Curves", "read_curve"]

TENSORBOARD: Final = "tensorboard"
Kind = Literal["training", "validation"]
_KINDS: tuple[Kind, ...] = ("training", "validation")


class _Writer(Protocol):
    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def close(self) -> None: ...


class Curves:
    """Writes ``training.csv`` and ``validation.csv``: a column ``step``, then one for each figure.

    A run that goes on after a kill first drops the rows beyond its checkpoint, so that the files become those of a run that
    was never killed.

    Args:
        folder: Where the files are.
        from_step: The step it goes on from; rows beyond it are dropped.
        tensorboard: Whether to write for TensorBoard too, into ``folder/tensorboard``; None: if it is installed.

    Raises:
        FittingError: TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, from_step: int, tensorboard: bool | None = None) -> None:
        self._paths = {kind: folder / f"{kind}.csv" for kind in _KINDS}
        self._columns: dict[Kind, list[str]] = {}
        for kind, path in self._paths.items():
            _cut(path, from_step)
            self._columns[kind] = _header(path)
        self._tensorboard = _tensorboard(folder / TENSORBOARD, from_step, tensorboard)

    def add(self, kind: Kind, step: int, figures: Mapping[str, float]) -> None:
        """Adds a row; a figure that was not in the file's first row widens the file."""
        path, columns = self._paths[kind], self._columns[kind]
        row = {"step": float(step), **figures}
        new = [name for name in row if name not in columns]
        if new:
            columns += new
            _write(path, columns, [*read_curve(path), row])
        else:
            with path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerow(_cells(columns, row))
        if self._tensorboard is not None:
            for name, value in figures.items():
                self._tensorboard.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Closes TensorBoard's file."""
        if self._tensorboard is not None:
            self._tensorboard.close()


def read_curve(path: Path) -> list[dict[str, float]]:
    """The rows of a curve, figures by name; a figure that a row lacks is NaN. No file, no rows."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) if value else math.nan for name, value in row.items()} for row in csv.DictReader(file)]


def _cut(path: Path, from_step: int) -> None:
    """Keeps the rows up to a step; a line that a kill left half-written is beyond it."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines[1:] if line.endswith("\n") and float(line.split(",")[0]) <= from_step]
    if kept:
        path.write_text("".join(lines[:1] + kept), encoding="utf-8")
    else:
        path.unlink()


def _header(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def _write(path: Path, columns: list[str], rows: list[dict[str, float]]) -> None:
    beside = path.with_suffix(".partial")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(_cells(columns, row) for row in rows)
    beside.replace(path)


def _cells(columns: list[str], row: Mapping[str, float]) -> list[str]:
    values = (row.get(name, math.nan) for name in columns)
    texts = ["" if math.isnan(value) else repr(float(value)) for value in values]
    return [str(int(row["step"])), *texts[1:]]


def _tensorboard(folder: Path, from_step: int, wanted: bool | None) -> _Writer | None:
    if wanted is False:
        return None
    if importlib.util.find_spec("tensorboard") is None:
        if wanted:
            raise FittingError("fitting.tensorboard: TensorBoard is not installed; install `tensorboard`, or leave it out")
        return None
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(log_dir=str(folder), purge_step=from_step + 1)
    checked: _Writer = writer
    return checked
