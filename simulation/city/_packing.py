"""Arrays in one small file: whole numbers in few bytes, differences instead of values, and the same bytes each time."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Whole", "differences", "from_text", "narrow", "read_arrays", "restored", "to_text", "write_arrays"]

Whole = npt.NDArray[np.int64]
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""Time stamp of every member, so that the same arrays give the same file."""


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Writes an ``.npz`` that `numpy.load` reads, compressed by LZMA."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _OLDEST)
            member.compress_type = zipfile.ZIP_LZMA
            with archive.open(member, "w") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of such a file.

    Raises:
        ValueError: the file is none.
        OSError: it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{path}: not an npz file of plain arrays: {error}") from error


def narrow(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Whole numbers in the smallest signed type that holds them all."""
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
            return values.astype(kind)
    return values.astype(np.int64)


def differences(values: Whole, counts: Whole, order: int = 1) -> Whole:
    """Differences between neighbours within runs of ``counts`` values, ``order`` times; a first value differs from 0."""
    starts = _starts(counts)
    for _ in range(order):
        changes = np.diff(values, prepend=0)
        changes[starts] = values[starts]
        values = changes
    return values


def restored(changes: Whole, counts: Whole, order: int = 1) -> Whole:
    """What `differences` was given."""
    starts = _starts(counts)
    lengths = counts[counts > 0]
    for _ in range(order):
        sums = np.cumsum(changes)
        before = sums[starts] - changes[starts]
        changes = sums - np.repeat(before, lengths)
    return changes


def to_text(value: Any) -> npt.NDArray[np.uint8]:
    """JSON as an array of bytes."""
    return np.frombuffer(json.dumps(value, separators=(",", ":")).encode(), np.uint8)


def from_text(array: npt.NDArray[Any]) -> Any:
    """What `to_text` was given."""
    return json.loads(array.tobytes())


def _starts(counts: Whole) -> Whole:
    lengths = counts[counts > 0]
    return np.concatenate((np.zeros(min(1, len(lengths)), np.int64), np.cumsum(lengths)[:-1]))
