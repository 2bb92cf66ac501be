"""Workers for the threads that call an engine: made when they are needed, a few at most, lent to one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from inference.errors import InferenceError
from inference.tensorrt.memory import GpuMemory
from inference.tensorrt.worker import Worker

__all__ = ["ClosedError", "Workers"]


class ClosedError(InferenceError):
    """The workers have been closed."""


class Workers:
    """A bounded number of workers.

    Args:
        make: Makes one; called with the GPU current.
        memory: Makes the GPU current.
        most: How many there may be; who comes when all are lent waits.
    """

    def __init__(self, make: Callable[[], Worker], memory: GpuMemory, most: int) -> None:
        self._make = make
        self._memory = memory
        self._most = most
        self._idle: list[Worker] = []
        self._lent = 0
        self._closed = False
        self._changed = threading.Condition()

    @contextmanager
    def borrow(self) -> Iterator[Worker]:
        """A worker for the calling thread, which has the GPU current meanwhile.

        After an error it is thrown away: nobody knows what it left behind on its stream.

        Raises:
            ClosedError: they have been closed.
            InferenceError: none can be made.
        """
        worker = self._take()
        with self._memory.current():
            try:
                if worker is None:
                    worker = self._make()
                yield worker
            except BaseException:
                self._return(None)
                if worker is not None:
                    worker.free()
                raise
            if not self._return(worker):
                worker.free()

    def close(self) -> None:
        """Frees the workers, those that are lent as soon as they come back; waits for these. Safe to call twice."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        with self._memory.current():
            for worker in idle:
                worker.free()
        with self._changed:
            self._changed.wait_for(lambda: self._lent == 0)

    def _take(self) -> Worker | None:
        """An idle worker; None: one more may be made."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._idle or self._lent < self._most)
            if self._closed:
                raise ClosedError("closed")
            self._lent += 1
            return self._idle.pop() if self._idle else None

    def _return(self, worker: Worker | None) -> bool:
        """Takes a worker back; whether it is kept."""
        with self._changed:
            self._lent -= 1
            keeps = worker is not None and not self._closed
            if worker is not None and keeps:
                self._idle.append(worker)
            self._changed.notify_all()
            return keeps
