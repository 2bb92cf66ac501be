"""Networks on an NVIDIA GPU through TensorRT, from host arrays to host arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.engines.described import DescribedEngine, NetworkFacts, first_line
from inference.errors import InferenceError
from inference.tensorrt.loading import LoadedPlan
from inference.tensorrt.memory import GpuMemory
from inference.tensorrt.worker import Worker, padded_sizes
from inference.tensorrt.workers import ClosedError, Workers
from throughline.types import FloatArray

__all__ = ["Identity", "TensorRTEngine"]

_WORKERS = 2
"""One copies while the other computes; more bring memory use and no speed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an engine says about its network.

    Attributes:
        name: Of the model.
        hash: First 16 hexadecimal digits of the SHA-256 of its weights file; whatever precision was built of it.
        path: Its weights file.
        metadata: What the file says about itself.
    """

    name: str
    hash: str
    path: Path
    metadata: Mapping[str, str]


class TensorRTEngine(DescribedEngine):
    """`inference.engines.protocol.Engine` by TensorRT.

    Several threads may call it: each borrows one of a few workers with a context and a stream of its own.

    Args:
        plan: The network on the GPU.
        memory: Who provides memory and streams.
        identity: What it says about itself.
        cuda_graphs: Replay each pass as one graph, where that can be.
        workers: Passes side by side at most.
    """

    def __init__(
        self, plan: LoadedPlan, memory: GpuMemory, identity: Identity, *, cuda_graphs: bool = True, workers: int = _WORKERS
    ) -> None:
        super().__init__(
            NetworkFacts(
                identity.name,
                identity.hash,
                identity.path,
                identity.metadata,
                plan.input_shape,
                plan.output_shapes,
                plan.output_names,
                plan.max_batch if plan.batch_is_fixed else None,
                plan.max_batch,
                joins=True,
            )
        )
        self._failures: tuple[type[Exception], ...] = (InferenceError, *memory.failures)
        self._sizes = padded_sizes(plan)
        self._workers = Workers(lambda: Worker(plan, memory, cuda_graphs=cuda_graphs), memory, workers)

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """Runs the network; see `inference.engines.protocol.Engine.infer`."""
        self._check(tuple(batch.shape))
        if len(batch) == 0:
            return tuple(np.zeros((0, *shape), np.float32) for shape in self.output_shapes)
        with self._reported(len(batch)), self._workers.borrow() as worker:
            parts = [worker.infer(batch[rows]) for rows in self._passes(len(batch))]
        if len(parts) == 1:
            return parts[0]
        return tuple(np.concatenate(output) for output in zip(*parts, strict=True))

    def warm_up(self) -> None:
        """Runs a pass of each size: contexts are made, kernels compiled and graphs recorded before pictures come.

        Raises:
            InferenceError: one does not run, or the GPU has not enough memory.
        """
        for size in reversed(self._sizes):  # the largest first: what it takes is enough for the others
            self.infer(np.zeros((size, *self.input_shape), np.float32))

    def close(self) -> None:
        """Waits for what runs and frees the network; safe to call twice."""
        self._workers.close()

    @contextmanager
    def _reported(self, count: int) -> Iterator[None]:
        """Names model and batch in errors."""
        try:
            yield
        except ClosedError as error:
            raise self._closed() from error
        except self._failures as error:
            raise InferenceError(f"{self.name} failed on a batch of {count}: {first_line(error)}") from error
