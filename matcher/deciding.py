"""Where the matcher thinks: beside the event loop that serves it, in a thread or in a process of its own."""

from __future__ import annotations

import asyncio
import copy
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import NamedTuple

from matcher.candidates import Ranking
from matcher.engine import Matcher
from matcher.state import packed_state_of, restored_from_packed
from matcher.statistics import Statistics
from matcher.trace import trace_to
from throughline.messages import DecisionTrace, MatchEvent, Progress, Tracklet, UnreadableMessageError, decode_record
from throughline.settings import Site
from throughline.times import Instant

__all__ = ["Decided", "MatcherWorker", "Verdict", "spare_collector"]

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
        state: What it goes on from, as `state` gave it; None: it knows nothing yet.
        trace: Is given the trace of each decision, in the worker's thread and before `decide` returns. Not with ``own_process``.
    """

    def __init__(
        self,
        site: Site,
        *,
        own_process: bool = False,
        state: bytes | None = None,
        trace: Callable[[DecisionTrace], object] | None = None,
    ) -> None:
        if own_process and trace is not None:
            raise ValueError("a matcher in a process of its own cannot be traced")
        self._executor: Executor
        self._seat: list[Matcher] | None
        if own_process:
            context = multiprocessing.get_context("spawn")  # a fork would copy threads that hold locks
            self._executor, self._seat = ProcessPoolExecutor(1, context, _begin), None
        else:
            self._executor, self._seat = ThreadPoolExecutor(1, f"matcher {site.site}"), []
        self._seated = self._executor.submit(_sit_down, self._seat, site, state, trace)

    async def ready(self) -> Statistics:
        """Returns when it can decide; gives what it has counted before.

        Raises:
            StateError: the state is none, or of another build.
            BrokenProcessPool: its process did not start.
        """
        return await asyncio.wrap_future(self._seated)

    async def decide(self, values: Sequence[bytes]) -> Verdict:
        """Takes records in order.

        Raises:
            BrokenProcessPool: its process has died; a new worker has to begin where records were committed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, _decide, self._seat, values)

    async def candidates(self, tracklet: str, limit: int) -> Ranking | None:
        """See `Matcher.candidates`.

        Raises:
            BrokenProcessPool: its process has died.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, _candidates, self._seat, tracklet, limit)

    async def state(self) -> bytes:
        """All that its matcher has become after the records so far, compressed.

        Raises:
            BrokenProcessPool: its process has died.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, _state, self._seat)

    def close(self) -> None:
        """Ends it after what it is thinking about."""
        self._executor.shutdown(wait=False, cancel_futures=True)


_COLLECTED_AFTER = (50_000, 20, 100)
"""Objects, and then rounds, after which a matcher's own process looks for cyclic garbage. It makes none: what it forgets is freed
at once. With the usual thresholds it would walk through all that it remembers again and again, a fifth of its time."""

_there: list[Matcher] = []
"""The matcher of a process that is nothing but a matcher."""


def _sit_down(
    seat: list[Matcher] | None, site: Site, state: bytes | None, trace: Callable[[DecisionTrace], object] | None
) -> Statistics:
    matcher = Matcher(site) if state is None else restored_from_packed(site, state)
    if trace is not None:
        trace_to(matcher, trace)
    (_there if seat is None else seat).append(matcher)
    return copy.deepcopy(matcher.statistics)


def _decide(seat: list[Matcher] | None, values: Sequence[bytes]) -> Verdict:
    (matcher,) = _there if seat is None else seat
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


def _candidates(seat: list[Matcher] | None, tracklet: str, limit: int) -> Ranking | None:
    (matcher,) = _there if seat is None else seat
    return matcher.candidates(tracklet, limit)


def _state(seat: list[Matcher] | None) -> bytes:
    (matcher,) = _there if seat is None else seat
    return packed_state_of(matcher)


def _begin() -> None:
    os.nice(_NICENESS)
    spare_collector()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is served; it says when to end
    threading.Thread(target=_end_with_parent, daemon=True).start()


def spare_collector() -> None:
    """Lets a process that is nothing but a matcher rarely look for cyclic garbage, and never in what was there at its start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
