"""What engines know of their networks, told by all of them in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.errors import InferenceError, ModelError
from throughline.types import FloatArray

__all__ = ["DescribedEngine", "NetworkFacts", "first_line", "named_file", "rows_of"]

_ADVICE = "`throughline models list` shows the models there are"


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What is known of a network that has been loaded.

    Attributes:
        name: Name of the model, as metrics and messages give it.
        hash: First 16 hexadecimal digits of the SHA-256 of its weights file.
        path: Its weights file.
        metadata: What the file says about itself.
        input_shape: (channels, height, width) of one picture.
        output_shapes: Shape of each output for one picture.
        output_names: Name of each output.
        fixed_batch: Pictures that each pass must have; None: any number.
        max_batch: Most pictures in one pass; None: any number.
        joins: Whether several pictures in one pass take less time than one by one.
    """

    name: str
    hash: str
    path: Path
    metadata: Mapping[str, str]
    input_shape: tuple[int, int, int]
    output_shapes: tuple[tuple[int, ...], ...]
    output_names: tuple[str, ...]
    fixed_batch: int | None
    max_batch: int | None
    joins: bool = False


class DescribedEngine:
    """The part of `inference.engines.protocol.Engine` that all engines share: each adds how it runs and how it ends.

    Args:
        network: What it says about its network.
    """

    def __init__(self, network: NetworkFacts) -> None:
        self._network = network

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._network.name

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the weights file."""
        return self._network.hash

    @property
    def path(self) -> Path:
        """The weights file."""
        return self._network.path

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's own metadata."""
        return self._network.metadata

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one picture."""
        return self._network.input_shape

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each output for one picture, without the batch axis."""
        return self._network.output_shapes

    @property
    def output_names(self) -> tuple[str, ...]:
        """Name of each output."""
        return self._network.output_names

    @property
    def max_batch(self) -> int | None:
        """Most pictures in one pass; None: any number."""
        return self._network.max_batch

    @property
    def joins(self) -> bool:
        """Whether several pictures in one pass take less time than one by one, as on a GPU."""
        return self._network.joins

    def _check(self, shape: tuple[int, ...]) -> None:
        """Refuses batches of other pictures than the network takes."""
        if len(shape) != 4 or shape[1:] != self.input_shape:
            wanted = ", ".join(str(size) for size in self.input_shape)
            raise ValueError(f"{self.name} takes batches of (N, {wanted}), not {shape}")

    def _passes(self, count: int) -> list[slice]:
        """The rows of each pass over so many pictures."""
        step = self.max_batch or max(count, 1)
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def _run_in_passes(self, batch: FloatArray, run: Callable[[FloatArray], tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
        """Runs a batch of any length on the host.

        Args:
            batch: (N, C, H, W); N may be zero.
            run: One pass: contiguous pictures, as many as the network wants, to outputs with a row for each.

        Raises:
            ValueError: the batch has another shape.
        """
        self._check(tuple(batch.shape))
        if len(batch) == 0:
            return tuple(np.zeros((0, *shape), np.float32) for shape in self.output_shapes)
        parts = [self._filled_up(batch[rows], run) for rows in self._passes(len(batch))]
        if len(parts) == 1:
            return parts[0]
        return tuple(np.concatenate(output) for output in zip(*parts, strict=True))

    def _filled_up(self, batch: FloatArray, run: Callable[[FloatArray], tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
        count, fixed = len(batch), self._network.fixed_batch
        if fixed is not None and count < fixed:
            batch = np.concatenate([batch, np.zeros((fixed - count, *self.input_shape), np.float32)])
        outputs = run(np.ascontiguousarray(batch, np.float32))
        return tuple(np.asarray(output[:count], np.float32) for output in outputs)

    def _closed(self) -> InferenceError:
        return InferenceError(f"{self.name} has been closed")


def named_file(path: Path, name: str | None) -> str:
    """Name of the model in a file: the one given, or the file's without its ending.

    Raises:
        ModelError: there is no such file.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; check the path, or use a name from the catalogue: {_ADVICE}")
    return path.stem if name is None else name


def rows_of(path: Path, count: int, shapes: list[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Shapes of outputs for one picture, from those of a pass over ``count`` pictures.

    Raises:
        ModelError: an output has not one row for each picture.
    """
    for shape in shapes:
        if shape[:1] != (count,):
            raise ModelError(f"{path}: expected outputs with one row for each picture, found {shape}")
    return tuple(shape[1:] for shape in shapes)


def first_line(error: Exception) -> str:
    """The first line of what an exception says: libraries add traces of their own."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
