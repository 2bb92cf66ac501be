"""Passes of a module recorded as CUDA graphs: one launch for a whole network, where each layer would need its own."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["CapturedPasses"]

_WARM_UP = 3
"""Passes before recording, in which libraries choose their kernels and take their memory."""


@dataclass(frozen=True, slots=True)
class _Pass:
    graph: torch.cuda.CUDAGraph
    batch: Tensor
    outputs: tuple[Tensor, ...]


class CapturedPasses:
    """One graph for each of a few batch sizes; other batches are padded to the next one.

    A graph reads and writes the same memory each time, and graphs share what they need in between. So a pass begins on its
    caller's stream only when the one before it has been copied out on whatever stream that was; its results are copies.

    Args:
        module: From a batch to its outputs; what it does depends on the batch's shape alone, and it never waits for the GPU.
        shape: (channels, height, width) of one picture.
        sizes: Batch sizes, rising.
        device: The GPU.
    """

    def __init__(
        self,
        module: Callable[[Tensor], tuple[Tensor, ...]],
        shape: tuple[int, int, int],
        sizes: Sequence[int],
        device: torch.device,
    ) -> None:
        self._device = device
        self._sizes = list(sizes)
        self._lock = threading.Lock()
        with torch.cuda.device(device), torch.inference_mode():
            self._copied_out = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch left it out
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch left it out
            stream.wait_stream(torch.cuda.current_stream(device))
            pool = torch.cuda.graph_pool_handle()
            # The largest first: what it needs in between is enough for the others.
            passes = [_capture(module, (size, *shape), stream, pool) for size in reversed(self._sizes)]
            stream.synchronize()
        self._passes = passes[::-1]

    def __call__(self, batch: Tensor) -> tuple[Tensor, ...]:
        """The outputs of a batch (N, C, H, W), N at most the largest size, on the caller's current stream."""
        count = len(batch)
        recorded = self._passes[bisect_left(self._sizes, count)]
        with self._lock, torch.inference_mode():
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(self._copied_out)
            recorded.batch[:count].copy_(batch)
            recorded.graph.replay()
            outputs = tuple(output[:count].clone() for output in recorded.outputs)
            self._copied_out.record(stream)
        return outputs


def _capture(
    module: Callable[[Tensor], tuple[Tensor, ...]], shape: tuple[int, ...], stream: torch.cuda.Stream, pool: Any
) -> _Pass:
    with torch.cuda.stream(stream):
        batch = torch.zeros(shape, device=stream.device).contiguous(memory_format=torch.channels_last)
        for _ in range(_WARM_UP):
            module(batch)
    graph = torch.cuda.CUDAGraph()
    # Other threads may go on using the GPU meanwhile.
    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
        outputs = module(batch)
    return _Pass(graph, batch, outputs)
