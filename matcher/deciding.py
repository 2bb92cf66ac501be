"""Where the matcher thinks: beside the event loop that serves it, in a thread or in a process of its own."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import NamedTuple

from matcher.engine import Matcher
from matcher.statistics import Statistics
from throughline.messages import MatchEvent, Progress, Tracklet, UnreadableMessageError, decode_record
from throughline.settings import Site
from throughline.times import Instant

__all__ = ["Decided", "MatcherWorker", "Verdict"]

_NICENESS = 10
"""How far a matcher's own process steps back: a decision can come a little later, a frame that waits is lost."""


class Decided(NamedTuple):
    """What followed from one record.

    Attributes:
        at: Its event time; None: it could not be read.
        camera: The camera that it is about, if any.
        events: Decisions, in order.
        error: Why it could not be read.
    """

    at: Instant | None
    camera: str | None
    events: list[MatchEvent]
    error: str | None = None


class Verdict(NamedTuple):
    """What followed from a batch of records, and what the matcher has counted so far."""

    decided: list[Decided]
    statistics: Statistics


class MatcherWorker:
    """A site's matcher, away from the event loop: cameras in the same process must not wait while it thinks.

    Args:
        site: The site.
        own_process: In a process of its own, so that it does not compete for the interpreter either; it ends with this one.
    """

    def __init__(self, site: Site, *, own_process: bool = False) -> None:
        self._executor: Executor
        if own_process:
            context = multiprocessing.get_context("spawn")  # a fork would copy threads that hold locks
            self._executor = ProcessPoolExecutor(1, context, _begin, (site,))
        else:
            self._matcher = Matcher(site)
            self._executor = ThreadPoolExecutor(1, f"matcher {site.site}")
        self._own_process = own_process

    async def decide(self, values: Sequence[bytes]) -> Verdict:
        """Takes records in order.

        Raises:
            BrokenProcessPool: its process has died; a new worker has to begin where records were committed.
        """
        loop = asyncio.get_running_loop()
        if self._own_process:
            return await loop.run_in_executor(self._executor, _decide_there, values)
        return await loop.run_in_executor(self._executor, _decide, self._matcher, values)

    def close(self) -> None:
        """Ends it after what it is thinking about."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _decide(matcher: Matcher, values: Sequence[bytes]) -> Verdict:
    decided = []
    for value in values:
        try:
            record = decode_record(value)
            events = matcher.process(record)
        except UnreadableMessageError as error:
            decided.append(Decided(None, None, [], str(error)))
            continue
        match record:
            case Tracklet():
                decided.append(Decided(record.end, record.camera, events))
            case Progress():
                decided.append(Decided(record.complete_to, record.camera, events))
            case _:
                decided.append(Decided(record.at, None, events))
    return Verdict(decided, copy.deepcopy(matcher.statistics))


_there: list[Matcher] = []
"""The matcher of a process that is nothing but a matcher."""


def _begin(site: Site) -> None:
    os.nice(_NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is served; it says when to end
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _there.append(Matcher(site))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _decide_there(values: Sequence[bytes]) -> Verdict:
    return _decide(_there[0], values)
