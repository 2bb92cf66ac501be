"""Rows of numbers in text files, with errors that name file and line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FormatError", "read_rows", "read_text", "whole"]


class FormatError(ValueError):
    """A file that is not what its format promises; the text names file and line, and says what was expected."""


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        FormatError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error


def read_rows(path: Path, *, separator: str | None, least: int, expected: str) -> Iterator[tuple[int, list[float]]]:
    """Line number (from 1) and numbers of each line that is not empty.

    Args:
        path: The file.
        separator: Between the numbers; None: white space.
        least: How many numbers a line has at least.
        expected: What a line looks like, for errors.

    Raises:
        FormatError: the file cannot be read, or a line has too few numbers or something that is no finite number.
    """
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = [float(part) for part in line.strip().rstrip(separator).split(separator)]
        except ValueError:
            raise FormatError(f"{path}:{number}: expected numbers, {expected}") from None
        if len(values) < least or not all(map(math.isfinite, values)):
            raise FormatError(f"{path}:{number}: expected at least {least} finite numbers, {expected}; found {len(values)}")
        yield number, values


def whole(path: Path, number: int, value: float, name: str) -> int:
    """``value`` as an integer.

    Raises:
        FormatError: it is none.
    """
    if value != int(value):
        raise FormatError(f"{path}:{number}: {name} must be a whole number, found {value:g}")
    return int(value)
