"""The functions of ``torch.cuda`` as far as the product's memory for TensorRT uses them, for tensors on the CPU.

Copies of such tensors are done at once, so that streams here do their work at once too; what waits for what is written down.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.fake_gpu import FakeGpu

__all__ = ["FakeCuda"]


class _Stream:
    def __init__(self, gpu: FakeGpu) -> None:
        self.own = gpu.new_stream(eager=True)
        self.cuda_stream = self.own.handle
        self._gpu = gpu

    def synchronize(self) -> None:
        self.own.synchronise()

    def wait_stream(self, other: _Stream) -> None:
        self._gpu.events.append(("wait", self.cuda_stream, other.cuda_stream))


class FakeCuda:
    """Stands in for the module ``torch.cuda``.

    Attributes:
        fails_to_record: Whether recording a graph fails, as it does when another thread does what must not be done meanwhile.
    """

    def __init__(self, gpu: FakeGpu, *, fails_to_record: bool = False) -> None:
        self.fails_to_record = fails_to_record
        self._gpu = gpu
        self._thread = threading.local()

    def Stream(self, device: int) -> _Stream:  # noqa: N802 - torch's name
        return _Stream(self._gpu)

    def CUDAGraph(self) -> _Graph:  # noqa: N802
        return _Graph(self)

    def current_stream(self, device: int | None = None) -> _Stream:
        found: Any = getattr(self._thread, "stream", None)
        if found is None:
            found = self._thread.stream = _Stream(self._gpu)
        return found  # type: ignore[no-any-return]

    @contextmanager
    def device(self, number: int) -> Iterator[None]:
        yield

    @contextmanager
    def stream(self, stream: _Stream) -> Iterator[None]:
        before = self.current_stream()
        self._thread.stream = stream
        try:
            yield
        finally:
            self._thread.stream = before

    @contextmanager
    def graph(self, graph: _Graph, *, stream: _Stream, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        with stream.own.recording() as graph.recorded:
            yield
        if self.fails_to_record:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture\nhint: none")


class _Graph:
    def __init__(self, cuda: FakeCuda) -> None:
        self.recorded: list[Any] = []
        self._cuda = cuda

    def replay(self) -> None:
        stream = self._cuda.current_stream()
        self._cuda._gpu.events.append(("queue", stream.cuda_stream, 0))
        for work in self.recorded:
            stream.own.enqueue(work)
