"""How long to wait before the next attempt."""

from __future__ import annotations

import random

__all__ = ["Backoff"]


class Backoff:
    """Pauses that double with every failure up to a longest one; a random share is taken off, so that many do not act in step."""

    def __init__(self, initial: float, maximum: float, jitter: float, seed: int | None = None) -> None:
        self._initial = initial
        self._maximum = maximum
        self._jitter = jitter
        self._random = random.Random(seed)  # noqa: S311 - spreads attempts; nothing secret depends on it
        self._failures = 0

    def pause(self) -> float:
        """Seconds to wait after one more failure."""
        full = min(self._maximum, self._initial * 2.0 ** min(self._failures, 60))
        self._failures += 1
        return full * (1.0 - self._jitter * self._random.random())

    def reset(self) -> None:
        """It has worked for long enough: the next failure counts as the first."""
        self._failures = 0
