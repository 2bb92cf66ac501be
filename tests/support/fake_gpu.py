"""A GPU made of host memory whose streams do nothing until somebody waits for them: what is queued in a wrong order, or uses
memory that was given back meanwhile, is found out."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FakeGpu", "FakeGpuError", "FakeMemory", "FakeStream"]


class FakeGpuError(Exception):
    """What a driver would answer with an error code."""


class FakeGpu:
    """Memory by address, and streams by handle.

    Attributes:
        problems: What a real GPU would have answered with wrong numbers or a crash; tests expect none.
        capacity: Bytes that can be had; None: any.
        events: What streams did, in order: (what, handle, handle of another stream or 0).

    Args:
        knows_memory: Whether all memory comes from `FakeMemory`, so that what lies elsewhere is a mistake.
    """

    def __init__(self, *, knows_memory: bool = True) -> None:
        self.problems: list[str] = []
        self.events: list[tuple[str, int, int]] = []
        self._knows_memory = knows_memory
        self.capacity: int | None = None
        self.streams: dict[int, FakeStream] = {}
        self.allocated: dict[int, npt.NDArray[Any]] = {}
        self._handles = itertools.count(4096)
        self.current = threading.local()

    def new_stream(self, *, eager: bool = False) -> FakeStream:
        stream = FakeStream(next(self._handles), self, eager=eager)
        self.streams[stream.handle] = stream
        return stream

    def memory_at(self, address: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Allocated memory, seen as an array of this shape."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if not self._knows_memory:
            raw = (ctypes.c_ubyte * size).from_address(address)
            return np.ctypeslib.as_array(raw).view(dtype).reshape(shape)
        for start, array in list(self.allocated.items()):
            if start <= address and address + size <= start + array.nbytes:
                flat = array.reshape(-1).view(np.uint8)[address - start : address - start + size]
                return flat.view(dtype).reshape(shape)
        self.problems.append(f"{size} bytes at {address} are not allocated")
        return np.zeros(shape, dtype)


class FakeStream:
    """Work in order. Eager streams do it at once, for providers whose copies cannot be put off."""

    def __init__(self, handle: int, gpu: FakeGpu, *, eager: bool) -> None:
        self.handle = handle
        self.done = 0
        self._gpu = gpu
        self._eager = eager
        self._queue: list[Callable[[], None]] = []
        self._recorded: list[Callable[[], None]] | None = None
        self._lock = threading.Lock()

    def enqueue(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._recorded is not None:
                self._recorded.append(work)
                return
            self._queue.append(work)
        if self._eager:
            self.synchronise()

    def synchronise(self) -> None:
        with self._lock:
            if self._recorded is not None:
                self._gpu.problems.append("waited for a stream that is being recorded")
            queue, self._queue = self._queue, []
            for work in queue:
                work()
                self.done += 1

    @contextmanager
    def recording(self) -> Iterator[list[Callable[[], None]]]:
        self._recorded = []
        try:
            yield self._recorded
        finally:
            self._recorded = None


class FakeArray:
    def __init__(self, gpu: FakeGpu, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.array = np.zeros(shape, dtype)
        self.address = self.array.ctypes.data
        self._gpu = gpu


class FakeMemory:
    """`GpuMemory` on a `FakeGpu`."""

    name = "fake"
    failures: tuple[type[Exception], ...] = (FakeGpuError,)

    def __init__(self, gpu: FakeGpu, *, records: bool = True) -> None:
        self.gpu = gpu
        self.freed = 0
        self.replays = 0
        self.captures = 0
        self._records = records

    @contextmanager
    def current(self) -> Iterator[None]:
        before = getattr(self.gpu.current, "depth", 0)
        self.gpu.current.depth = before + 1
        try:
            yield
        finally:
            self.gpu.current.depth = before

    def _needs_current(self) -> None:
        if not getattr(self.gpu.current, "depth", 0):
            self.gpu.problems.append("used while the GPU is not current")

    def stream(self) -> FakeStream:
        self._needs_current()
        return self.gpu.new_stream()

    def on_gpu(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> FakeArray:
        self._needs_current()
        array = FakeArray(self.gpu, shape, dtype)
        used = sum(one.nbytes for one in self.gpu.allocated.values())
        if self.gpu.capacity is not None and used + array.array.nbytes > self.gpu.capacity:
            raise FakeGpuError("out of memory")
        self.gpu.allocated[array.address] = array.array
        return array

    def on_host(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> FakeArray:
        self._needs_current()
        return FakeArray(self.gpu, shape, dtype)

    def upload(self, source: Any, target: Any, rows: int, stream: Any) -> None:
        self._copy(source, target, rows, stream)

    def download(self, source: Any, target: Any, rows: int, stream: Any) -> None:
        self._copy(source, target, rows, stream)

    def capture(self, stream: Any, work: Callable[[], None]) -> Callable[[], None] | None:
        self._needs_current()
        if not self._records:
            return None
        with stream.recording() as recorded:
            work()
        self.captures += 1

        def replay() -> None:
            self.replays += 1
            for one in recorded:
                stream.enqueue(one)

        return replay

    def free(self, *arrays: Any) -> None:
        self._needs_current()
        for one in arrays:
            self.freed += self.gpu.allocated.pop(one.address, None) is not None

    def _copy(self, source: FakeArray, target: FakeArray, rows: int, stream: FakeStream) -> None:
        self._needs_current()
        stream.enqueue(lambda: np.copyto(target.array[:rows], source.array[:rows]))
