"""How fast something is on a device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

__all__ = ["seconds_of"]

_ROUNDS = 5
_WARM_UP = 3


def seconds_of(work: Callable[[], object], wait: Callable[[], object], *, seconds: float = 0.4) -> float:
    """Seconds that a call takes when it is called over and over: the median of a few rounds.

    Args:
        work: Queues the work.
        wait: Waits until all that is queued is done.
        seconds: How long to measure, about.
    """
    began = time.perf_counter()
    for _ in range(_WARM_UP):
        work()
    wait()
    # What the first calls took is more than later ones will take.
    first = max((time.perf_counter() - began) / _WARM_UP, 1e-6)
    began = time.perf_counter()
    calls = 0
    while calls < 1 or (calls < 1000 and time.perf_counter() - began < min(seconds / 4, 20 * first)):
        work()
        wait()
        calls += 1
    once = (time.perf_counter() - began) / calls
    calls = max(1, int(seconds / _ROUNDS / once))
    rounds = []
    for _ in range(_ROUNDS if once * calls * _ROUNDS < 4 * seconds else 1):
        began = time.perf_counter()
        for _ in range(calls):
            work()
        wait()
        rounds.append((time.perf_counter() - began) / calls)
    return statistics.median(rounds)
