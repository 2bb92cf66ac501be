"""Memory and streams of torch: shared with its networks, with frames that it holds, and with its allocator."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from inference.errors import ModelError
from inference.tensorrt.memory import GpuArray, GpuStream, HostArray

__all__ = ["TorchArray", "TorchMemory", "TorchStream", "torch_memory"]

_CAPTURE = threading.Lock()
"""Two threads must not record at once: the allocator's rules while recording hold for the process."""


@dataclass(frozen=True, slots=True)
class TorchStream:
    """A stream of torch."""

    native: Any

    @property
    def handle(self) -> int:
        """What CUDA knows it by."""
        return int(self.native.cuda_stream)

    def synchronise(self) -> None:
        """Waits until all that was queued is done."""
        self.native.synchronize()


@dataclass(frozen=True, slots=True)
class TorchArray:
    """A tensor, on the GPU or page-locked on the host."""

    tensor: torch.Tensor

    @property
    def address(self) -> int:
        """Of its first byte."""
        return self.tensor.data_ptr()

    @property
    def array(self) -> npt.NDArray[Any]:
        """The same memory for numpy; of host tensors only."""
        return self.tensor.numpy()


class TorchMemory:
    """`inference.tensorrt.memory.GpuMemory` by torch.

    Args:
        gpu: Number of the GPU.
        device: Where tensors lie; default: that GPU.
        cuda: Functions of ``torch.cuda``; tests give their own where there is no GPU.
    """

    name: Final = "torch"
    failures: tuple[type[Exception], ...] = (RuntimeError,)

    def __init__(self, gpu: int, *, device: torch.device | None = None, cuda: Any = torch.cuda) -> None:
        self.device = torch.device("cuda", gpu) if device is None else device
        self._gpu = gpu
        self._cuda = cuda

    @contextmanager
    def current(self) -> Iterator[None]:
        """Makes the GPU the calling thread's; in inference mode, for what was made in it may only be written in it."""
        with self._cuda.device(self._gpu), torch.inference_mode():
            yield

    def stream(self) -> TorchStream:
        """A new stream."""
        return TorchStream(self._cuda.Stream(device=self._gpu))

    def callers_stream(self) -> TorchStream:
        """The stream on which the calling thread queues its work."""
        return TorchStream(self._cuda.current_stream(self._gpu))

    def queueing_on(self, stream: TorchStream) -> AbstractContextManager[object]:
        """Makes torch queue what the calling thread does on a stream."""
        context: AbstractContextManager[object] = self._cuda.stream(stream.native)
        return context

    def on_gpu(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> TorchArray:
        """New memory on the GPU, filled with zeros."""
        tensor = torch.zeros(shape, dtype=_torch_type(dtype), device=self.device)
        # Zeros are written on the caller's stream; the worker's must not overtake them.
        self._cuda.current_stream(self._gpu).synchronize()
        return TorchArray(tensor)

    def on_host(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> TorchArray:
        """New page-locked memory on the host."""
        return TorchArray(torch.zeros(shape, dtype=_torch_type(dtype), pin_memory=self.device.type == "cuda"))

    def upload(self, source: HostArray, target: GpuArray, rows: int, stream: GpuStream) -> None:
        """Queues a copy of the first rows to the GPU."""
        self._copy(source, target, rows, stream)

    def download(self, source: GpuArray, target: HostArray, rows: int, stream: GpuStream) -> None:
        """Queues a copy of the first rows to the host."""
        self._copy(source, target, rows, stream)

    def capture(self, stream: GpuStream, work: Callable[[], None]) -> Callable[[], None] | None:
        """Records some work as a CUDA graph, which is replayed on the stream that is current then."""
        native = _own(stream, TorchStream).native
        graph = self._cuda.CUDAGraph()
        with _CAPTURE, self._cuda.graph(graph, stream=native, capture_error_mode="thread_local"):
            work()

        def replay() -> None:
            with self._cuda.stream(native):
                graph.replay()

        return replay

    def free(self, *arrays: GpuArray | HostArray) -> None:
        """Nothing to do: torch frees what nobody refers to."""

    def _copy(self, source: object, target: object, rows: int, stream: GpuStream) -> None:
        with self._cuda.stream(_own(stream, TorchStream).native):
            _own(target, TorchArray).tensor[:rows].copy_(_own(source, TorchArray).tensor[:rows], non_blocking=True)


def torch_memory(gpu: int) -> TorchMemory:
    """Torch's memory on a GPU.

    Raises:
        ModelError: the installed torch cannot use it.
    """
    if not torch.cuda.is_available():
        raise ModelError(f"models.engine.memory: this build of torch ({torch.__version__}) cannot use the GPU; or use pycuda")
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]  # torch left it out
    except RuntimeError as error:
        raise ModelError(f"models.engine.memory: torch cannot use the GPU: {str(error).splitlines()[0]}") from error
    return TorchMemory(gpu)


def _own(thing: Any, kind: Any) -> Any:
    if not isinstance(thing, kind):
        raise TypeError(f"expected a {kind.__name__} of torch, not {type(thing).__name__}")
    return thing


def _torch_type(dtype: np.dtype[Any]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype
