"""Pictures with annotated key points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.networks.key_points import KEY_POINTS
from training.errors import DataError
from training.keypoints.recipe import KeyPointSource

__all__ = ["KeyPointSet", "read_keypoints"]


@dataclass(frozen=True, slots=True)
class KeyPointSet:
    """N pictures with K points each.

    Attributes:
        files: Of the pictures.
        points: (N, K, 2) float32, x and y in pixels, 0 at the centre of the first one.
        visible: (N, K) bool; of a point that is not, x and y mean nothing.
    """

    files: tuple[Path, ...]
    points: npt.NDArray[np.float32]
    visible: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.files)


def read_keypoints(sources: Sequence[KeyPointSource]) -> KeyPointSet:
    """Reads annotations like those of VeRi-776 (Wang et al., ICCV 2017): path, 20 pairs x y, and perhaps an orientation.

    A point is visible where both numbers are at least 0.

    Raises:
        DataError: a file is missing, a line is not of this kind, or nothing is left.
    """
    files: list[Path] = []
    rows: list[list[float]] = []
    for source in sources:
        path = source.path / source.annotation
        if not path.is_file():
            raise DataError(f"{path}: no such file")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            picture, values = _parsed(line, f"{path}:{number}")
            file = source.path / picture
            if source.fold is not None and not source.fold.takes(file.name.split("_")[0]):
                continue
            if not file.is_file():
                raise DataError(f"{path}:{number}: {file}: no such file")
            files.append(file)
            rows.append(values)
    if not files:
        raise DataError("the sources hold no annotated pictures")
    points = np.array(rows, np.float32).reshape(len(rows), len(KEY_POINTS), 2)
    return KeyPointSet(tuple(files), points, np.asarray((points >= 0).all(2)))


def _parsed(line: str, where: str) -> tuple[str, list[float]]:
    fields = line.split()
    wanted = 1 + 2 * len(KEY_POINTS)
    try:
        values = [float(field) for field in fields[1:wanted]]  # as numbers: compared as texts, "-1" would be visible
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error
    if len(fields) not in (wanted, wanted + 1) or not np.isfinite(values).all():
        raise DataError(f"{where}: expected a path and {len(KEY_POINTS)} pairs x y, perhaps an orientation behind them")
    return fields[0], values
