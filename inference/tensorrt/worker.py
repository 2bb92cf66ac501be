"""One stream with its buffers: passes through a plan, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from inference.errors import InferenceError
from inference.tensorrt.loading import LoadedPlan
from inference.tensorrt.memory import GpuArray, GpuMemory, HostArray
from throughline.types import FloatArray

__all__ = ["Worker", "padded_sizes"]

_logger = logging.getLogger(__name__)


def padded_sizes(plan: LoadedPlan) -> tuple[int, ...]:
    """Sizes of passes: 1, 2, 4, 8.. and the largest. Few sizes are few shapes to set up and few graphs to record."""
    if plan.batch_is_fixed:
        return (plan.max_batch,)
    sizes = [1 << power for power in range(plan.max_batch.bit_length()) if 1 << power < plan.max_batch]
    return (*sizes, plan.max_batch)


class Worker:
    """Buffers for the largest batch, at the same addresses as long as it lives, and a stream on which everything is queued.

    One thread at a time uses it, with the GPU current (`GpuMemory.current`).

    With CUDA graphs there is a context for each size of pass, all computing in one scratch memory: what is queued on one
    stream never runs at the same time. Where TensorRT-RTX records graphs itself, or nobody can, one context serves all sizes.

    Attributes:
        stream: Where passes are queued.
        input: (max_batch, C, H, W) on the GPU; rows beyond a batch hold whatever was there, for rows do not see each other.
        outputs: (max_batch, ...) each, on the GPU.
    """

    def __init__(self, plan: LoadedPlan, memory: GpuMemory, *, cuda_graphs: bool) -> None:
        self._plan = plan
        self._memory = memory
        self._failures: tuple[type[Exception], ...] = (InferenceError, *memory.failures)
        self._sizes = padded_sizes(plan)
        self._records = cuda_graphs and not plan.tensorrt.is_rtx
        self.stream = memory.stream()
        most = plan.max_batch
        self.input: GpuArray = memory.on_gpu((most, *plan.input_shape), np.dtype(np.float32))
        self.outputs: tuple[GpuArray, ...] = tuple(
            memory.on_gpu((most, *shape), dtype) for shape, dtype in zip(plan.output_shapes, plan.output_types, strict=True)
        )
        self._host_input: HostArray | None = None
        self._host_outputs: tuple[HostArray, ...] = ()
        self._scratch: GpuArray | None = None
        self._contexts: dict[int, Any] = {}
        self._replays: dict[int, Callable[[], None]] = {}
        self._common: Any = None
        self._common_size = 0

    def run(self, rows: int) -> None:
        """Queues a pass over the first rows of `input`.

        Raises:
            InferenceError: TensorRT refuses.
        """
        size = next(size for size in self._sizes if size >= rows)
        replay = self._replays.get(size)
        if replay is not None:
            replay()
        elif self._records:
            self._run_and_record(size)
        else:
            self._run_plainly(size)

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """A batch from the host and its outputs back on the host; waits for them.

        Args:
            batch: (N, C, H, W) float32, N from 1 to the largest batch.

        Raises:
            InferenceError: TensorRT or the GPU failed.
        """
        rows = len(batch)
        source, targets = self._host_arrays()
        np.copyto(source.array[:rows], batch)
        self._memory.upload(source, self.input, rows, self.stream)
        self.run(rows)
        for output, target in zip(self.outputs, targets, strict=True):
            self._memory.download(output, target, rows, self.stream)
        self.stream.synchronise()
        return tuple(np.array(target.array[:rows], np.float32) for target in targets)

    def free(self) -> None:
        """Waits for what is queued and gives everything back; graphs before contexts, contexts before memory."""
        try:
            self.stream.synchronise()
        except self._memory.failures as error:  # nothing more can be done for it, and its memory still has to go
            _logger.warning("a stream ended with an error: %s", error)
        self._replays.clear()
        self._contexts.clear()
        self._common = None
        host = () if self._host_input is None else (self._host_input,)
        scratch = () if self._scratch is None else (self._scratch,)
        self._memory.free(self.input, *self.outputs, *scratch, *host, *self._host_outputs)

    def _host_arrays(self) -> tuple[HostArray, tuple[HostArray, ...]]:
        if self._host_input is None:
            plan, most = self._plan, self._plan.max_batch
            self._host_outputs = tuple(
                self._memory.on_host((most, *shape), dtype)
                for shape, dtype in zip(plan.output_shapes, plan.output_types, strict=True)
            )
            self._host_input = self._memory.on_host((most, *plan.input_shape), np.dtype(np.float32))
        return self._host_input, self._host_outputs

    def _run_plainly(self, size: int) -> None:
        if self._common is None:
            self._common = self._plan.new_context(shared_scratch=False)
            self._set_addresses(self._common)
        if size != self._common_size:
            self._common_size = 0  # not known, should the next line fail
            self._set_shape(self._common, size)
            self._common_size = size
        self._execute(self._common)

    def _run_and_record(self, size: int) -> None:
        """The first pass of a size: runs, since TensorRT finishes its set-up then, and is recorded for the next ones."""
        context = self._plan.new_context(shared_scratch=True)
        if self._scratch is None:
            self._scratch = self._memory.on_gpu((max(1, self._plan.engine.device_memory_size_v2),), np.dtype(np.uint8))
        context.set_device_memory(self._scratch.address, max(1, self._plan.engine.device_memory_size_v2))
        self._set_shape(context, size)
        self._set_addresses(context)
        self._execute(context)
        try:
            replay = self._memory.capture(self.stream, lambda: self._execute(context))
        except self._failures as error:
            _logger.warning("passes of %d pictures run without a CUDA graph: %s", size, error)
            replay = None
        if replay is None:
            self._records = False  # what was recorded for other sizes stays
            self.stream.synchronise()  # the context goes
        else:
            self._contexts[size] = context
            self._replays[size] = replay

    def _set_shape(self, context: Any, size: int) -> None:
        shape = (size, *self._plan.input_shape)
        if not context.set_input_shape(self._plan.input_name, shape):
            raise InferenceError(f"TensorRT refuses a batch of {size}: {self._plan.tensorrt.log.take_errors()}")

    def _set_addresses(self, context: Any) -> None:
        places = {self._plan.input_name: self.input, **dict(zip(self._plan.output_names, self.outputs, strict=True))}
        for name, array in places.items():
            if not context.set_tensor_address(name, array.address):
                raise InferenceError(f"TensorRT refuses memory for {name}: {self._plan.tensorrt.log.take_errors()}")

    def _execute(self, context: Any) -> None:
        if not context.execute_async_v3(self.stream.handle):
            raise InferenceError(f"TensorRT failed: {self._plan.tensorrt.log.take_errors()}")
