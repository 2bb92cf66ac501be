"""Whole tables of numbers from comma-separated files: parsed at once, with errors that still name file and line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from throughline.formats._rows import FormatError, read_text
from throughline.types import IntArray

__all__ = ["NumberTable", "read_table"]

_LARGEST_WHOLE = 2.0**53
"""Beyond it not every whole number has a float64 of its own."""


@dataclass(frozen=True, slots=True)
class NumberTable:
    """The numbers of a file.

    Attributes:
        path: The file.
        values: (N, C) float64, a row for each line that is not empty.
        lines: Of the file, as they are.
    """

    path: Path
    values: npt.NDArray[np.float64]
    lines: Sequence[str]

    def __len__(self) -> int:
        return len(self.values)

    def error(self, row: int, problem: str) -> FormatError:
        """The error that row ``row`` (from 0) is."""
        filled = [number for number, line in enumerate(self.lines, 1) if line.strip()]
        return FormatError(f"{self.path}:{filled[row]}: {problem}")

    def whole(self, column: int, name: str, *, least: int, most: float = _LARGEST_WHOLE) -> IntArray:
        """A column as integers (N,).

        Raises:
            FormatError: one of them is no whole number, or out of ``least`` .. ``most``; names file and line.
        """
        values = self.values[:, column]
        wrong = ~((values >= least) & (values <= most) & (values == np.floor(values)))
        if wrong.any():
            row = int(wrong.argmax())
            upwards = f"from {least} on" if most >= _LARGEST_WHOLE else f"from {least} to {most:g}"
            raise self.error(row, f"{name} must be a whole number {upwards}, found {values[row]:g}")
        return values.astype(np.int64)


def read_table(path: Path, *, least: int, defaults: Sequence[float], expected: str) -> NumberTable:
    """Reads a comma-separated file of numbers.

    Args:
        path: The file.
        least: How many numbers a line has at least.
        defaults: What columns that a line lacks are taken to hold; as many as columns are wanted, more are left out.
        expected: What a line looks like, for errors.

    Raises:
        FormatError: the file cannot be read, or a line has too few numbers or something that is no number.
    """
    lines = read_text(path).splitlines()
    filled = [line for line in lines if line.strip()]
    if not filled:
        return NumberTable(path, np.zeros((0, len(defaults))), lines)
    try:
        values = np.loadtxt(filled, delimiter=",", comments=None, ndmin=2)
    except ValueError:  # not all lines are alike, or one is wrong: the slow way copes with the one and names the other
        values = None
    if values is None or values.shape[1] < least:
        return NumberTable(path, np.array(_parsed(path, lines, least, defaults, expected)), lines)
    missing = [np.full(len(values), default) for default in defaults[values.shape[1] :]]
    return NumberTable(path, np.column_stack((values[:, : len(defaults)], *missing)), lines)


def _parsed(path: Path, lines: Sequence[str], least: int, defaults: Sequence[float], expected: str) -> list[list[float]]:
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = [float(part) for part in line.strip().rstrip(",").split(",")]
        except ValueError:
            raise FormatError(f"{path}:{number}: expected numbers, {expected}") from None
        if len(found) < least:
            raise FormatError(f"{path}:{number}: expected at least {least} numbers, {expected}; found {len(found)}")
        rows.append([*found[: len(defaults)], *defaults[len(found) :]])
    return rows
