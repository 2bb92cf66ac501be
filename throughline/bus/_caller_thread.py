"""One thread for a library's blocking calls, one after the other; it keeps no process from ending."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["CallerThread"]


class CallerThread:
    """Like an executor with one thread, which a call that never returns does not turn into a process that never ends.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Calls when those before have returned."""
        outcome: Future[Any] = Future()

        def call() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(function(*arguments))
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the outcome
                outcome.set_exception(error)

        self._calls.put(call)
        return outcome

    def shutdown(self) -> None:
        """Ends the thread after the calls that it has been given."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # and with it what the call holds
