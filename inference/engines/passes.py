"""What engines on the CPU do alike with a batch: they check its shape, and cut it into passes that the network takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from throughline.types import FloatArray

__all__ = ["Passes"]


@dataclass(frozen=True, slots=True)
class Passes:
    """How a network wants its pictures.

    Attributes:
        name: Name of the model, for errors.
        input_shape: (channels, height, width) of one picture.
        output_shapes: Shape of each output for one picture.
        fixed: Pictures that each pass must have; None: any number.
        largest: Most pictures in one pass; None: any number.
    """

    name: str
    input_shape: tuple[int, int, int]
    output_shapes: tuple[tuple[int, ...], ...]
    fixed: int | None
    largest: int | None

    def run(self, batch: FloatArray, infer: Callable[[FloatArray], tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
        """Runs a batch of any length.

        Args:
            batch: (N, channels, height, width); N may be zero.
            infer: One pass: contiguous pictures to outputs with a row for each.

        Returns:
            (N, ...) for each output.

        Raises:
            ValueError: the batch has another shape.
        """
        if batch.ndim != 4 or batch.shape[1:] != self.input_shape:
            wanted = ", ".join(str(size) for size in self.input_shape)
            raise ValueError(f"{self.name} takes batches of (N, {wanted}), not {batch.shape}")
        if len(batch) == 0:
            return tuple(np.zeros((0, *shape), np.float32) for shape in self.output_shapes)
        step = self.largest or len(batch)
        parts = [self._pass(batch[start : start + step], infer) for start in range(0, len(batch), step)]
        if len(parts) == 1:
            return parts[0]
        return tuple(np.concatenate(output) for output in zip(*parts, strict=True))

    def _pass(self, batch: FloatArray, infer: Callable[[FloatArray], tuple[FloatArray, ...]]) -> tuple[FloatArray, ...]:
        count = len(batch)
        if self.fixed is not None and count < self.fixed:
            batch = np.concatenate([batch, np.zeros((self.fixed - count, *self.input_shape), np.float32)])
        outputs = infer(np.ascontiguousarray(batch, np.float32))
        return tuple(np.asarray(output[:count], np.float32) for output in outputs)
