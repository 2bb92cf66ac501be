"""Memory and streams of pycuda, in the context that torch, PyAV and TensorRT share: for machines without torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from inference.errors import ModelError
from inference.tensorrt.memory import GpuArray, GpuStream, HostArray

__all__ = ["PycudaMemory"]


@dataclass(frozen=True, slots=True)
class _Stream:
    native: Any

    @property
    def handle(self) -> int:
        return int(self.native.handle)

    def synchronise(self) -> None:
        self.native.synchronize()


@dataclass(frozen=True, slots=True)
class _OnGpu:
    allocation: Any
    row: int

    @property
    def address(self) -> int:
        return int(self.allocation)


@dataclass(frozen=True, slots=True)
class _OnHost:
    locked: npt.NDArray[Any]

    @property
    def array(self) -> npt.NDArray[Any]:
        return self.locked


class PycudaMemory:
    """`inference.tensorrt.memory.GpuMemory` by pycuda. It has no CUDA graphs.

    The context is the device's primary one, which others share; ``pycuda.autoinit`` would make a second one, in which their
    addresses mean nothing.

    Args:
        gpu: Number of the GPU.
        driver: The module ``pycuda.driver``; default: imported.

    Raises:
        ModelError: pycuda or the driver is missing, or there is no such GPU.
    """

    name: Final = "pycuda"

    def __init__(self, gpu: int, *, driver: Any = None) -> None:
        self._driver = _import() if driver is None else driver
        self.failures: tuple[type[Exception], ...] = (self._driver.Error,)
        try:
            self._driver.init()
            self._context = self._driver.Device(gpu).retain_primary_context()
        except self._driver.Error as error:
            raise ModelError(f"models.engine.gpu: pycuda cannot use GPU {gpu}: {error}") from error

    @contextmanager
    def current(self) -> Iterator[None]:
        """Makes the GPU the calling thread's."""
        self._context.push()
        try:
            yield
        finally:
            self._driver.Context.pop()

    def stream(self) -> _Stream:
        """A new stream."""
        return _Stream(self._driver.Stream())

    def on_gpu(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> _OnGpu:
        """New memory on the GPU, filled with zeros."""
        row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        size = max(1, shape[0] * row)
        allocation = self._driver.mem_alloc(size)
        self._driver.memset_d8(int(allocation), 0, size)
        return _OnGpu(allocation, row)

    def on_host(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> _OnHost:
        """New page-locked memory on the host."""
        return _OnHost(self._driver.pagelocked_zeros(shape, dtype))

    def upload(self, source: HostArray, target: GpuArray, rows: int, stream: GpuStream) -> None:
        """Queues a copy of the first rows to the GPU."""
        self._driver.memcpy_htod_async(target.address, source.array[:rows], _native(stream))

    def download(self, source: GpuArray, target: HostArray, rows: int, stream: GpuStream) -> None:
        """Queues a copy of the first rows to the host."""
        self._driver.memcpy_dtoh_async(target.array[:rows], source.address, _native(stream))

    def capture(self, stream: GpuStream, work: Callable[[], None]) -> Callable[[], None] | None:  # noqa: ARG002 - it cannot
        """None: pycuda has no CUDA graphs."""
        return None

    def free(self, *arrays: GpuArray | HostArray) -> None:
        """Gives memory back at once: pycuda can only do so while its context is the thread's."""
        for one in arrays:
            if isinstance(one, _OnGpu):
                one.allocation.free()
            elif isinstance(one, _OnHost):
                one.locked.base.free()  # type: ignore[union-attr]  # pycuda's page-locked memory, of which it is a view


def _native(stream: GpuStream) -> Any:
    if not isinstance(stream, _Stream):
        raise TypeError(f"expected a stream of pycuda, not {type(stream).__name__}")
    return stream.native


def _import() -> Any:
    try:
        return importlib.import_module("pycuda.driver")
    except ImportError as error:
        raise ModelError(
            f"models.engine.memory: pycuda cannot be used here ({error}); install it, or set this to torch"
        ) from error
