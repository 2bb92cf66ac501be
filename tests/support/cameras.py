"""Cameras that do what a test tells them, and what tests want to know about them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from streams.clock import Timing
from streams.sources import Reading, SourceError
from throughline.telemetry.metrics import Metrics
from throughline.times import to_instant
from throughline.types import ClockSource, Image

__all__ = ["ScriptedSource", "Still", "until", "value"]


@dataclass(frozen=True)
class Still:
    """A grey picture."""

    timing: Timing
    size: tuple[int, int] = (64, 48)

    def to_bgr(self) -> Image:
        return np.full((self.size[1], self.size[0], 3), 90, np.uint8)


@dataclass
class ScriptedSource:
    """A source that plays steps, each a reading, a failure or an action (which may block); then it ends.

    One object stands for all connections: each `open` takes the next script.
    """

    scripts: Sequence[Sequence[Reading | SourceError | Callable[[], None]]]
    opened: int = 0
    closed: int = 0
    users: set[int] = field(default_factory=set)

    def open(self) -> None:
        self.users.add(threading.get_ident())
        self.opened += 1
        if self.opened > len(self.scripts):
            raise SourceError("refused", "rtsp://admin:hunter2@camera/1 refused the connection")

    def readings(self) -> Iterator[Reading]:
        for step in self.scripts[self.opened - 1]:
            if isinstance(step, SourceError):
                raise step
            if callable(step):
                step()
            else:
                yield step

    def close(self) -> None:
        self.users.add(threading.get_ident())
        self.closed += 1


def picture(position: float, *, start: int = 1_700_000_000_000_000) -> Reading:
    """A picture of a recording, ``position`` seconds after its start."""
    return Reading((Still(Timing(to_instant(time.time()), position, start + to_instant(position), ClockSource.FILE)),))


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits for ``condition`` to hold; the deadline is for tests that fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        await asyncio.sleep(0.01)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """A value as Prometheus would see it; 0 where it has not been counted yet."""
    return metrics.registry.get_sample_value(f"throughline_{name}", labels) or 0.0
