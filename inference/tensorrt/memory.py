"""The seam to whoever provides memory and streams of a GPU: torch, or pycuda where there is no torch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["GpuArray", "GpuMemory", "GpuStream", "HostArray"]


class GpuStream(Protocol):
    """A queue of work on the GPU, never its default one."""

    @property
    def handle(self) -> int:
        """What CUDA knows it by."""
        ...

    def synchronise(self) -> None:
        """Waits until all that was queued is done; raises one of `GpuMemory.failures` if some of it failed."""
        ...


class GpuArray(Protocol):
    """Memory on the GPU, with rows along its first axis."""

    @property
    def address(self) -> int:
        """Of its first byte; a multiple of 256."""
        ...


class HostArray(Protocol):
    """Memory on the host that stays where it is, so that the GPU copies it by itself."""

    @property
    def array(self) -> npt.NDArray[Any]:
        """The same memory for numpy."""
        ...


class GpuMemory(Protocol):
    """Memory and streams of one GPU.

    Any thread may use it; all but `current` is called with `current` entered by that thread.
    """

    @property
    def name(self) -> str:
        """As ``models.engine.memory`` has it."""
        ...

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What everything here raises when the GPU fails or has not enough memory."""
        ...

    def current(self) -> AbstractContextManager[object]:
        """Makes the GPU the calling thread's."""
        ...

    def stream(self) -> GpuStream:
        """A new stream."""
        ...

    def on_gpu(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> GpuArray:
        """New memory on the GPU, filled with zeros."""
        ...

    def on_host(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> HostArray:
        """New memory on the host."""
        ...

    def upload(self, source: HostArray, target: GpuArray, rows: int, stream: GpuStream) -> None:
        """Queues a copy of the first rows to the GPU; the source must not be written before it is done."""
        ...

    def download(self, source: GpuArray, target: HostArray, rows: int, stream: GpuStream) -> None:
        """Queues a copy of the first rows to the host."""
        ...

    def capture(self, stream: GpuStream, work: Callable[[], None]) -> Callable[[], None] | None:
        """Records what some work would queue on a stream, without doing it.

        Returns:
            What queues all of it again at once; None: this provider cannot, and the work was not called.
        """
        ...

    def free(self, *arrays: GpuArray | HostArray) -> None:
        """Gives memory back; no work that uses it may be queued any more."""
        ...
