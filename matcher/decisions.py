"""What has been published about tracklets, and what may still be changed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughline.times import Instant
from throughline.types import IntArray

__all__ = ["Decision", "Decisions"]

_NEVER = np.iinfo(np.int64).max


@dataclass(slots=True)
class Decision:
    """What was published last about a tracklet.

    Attributes:
        vehicle: Global vehicle id.
        joined: The tracklet that it was joined to.
        event: Id of the event.
        count: Decisions so far.
        settled: When it can be changed no more, unless the tracklet itself changes.
    """

    vehicle: str
    joined: str | None
    event: str
    count: int
    settled: Instant


class Decisions:
    """Decisions by slot, at an instant of event time.

    Attributes:
        now: The instant.
    """

    def __init__(self) -> None:
        self.now: Instant = 0
        self._made: dict[int, Decision] = {}
        self._settled = np.full(256, _NEVER, np.int64)
        self._pinned: dict[int, None] = {}
        self._settling: deque[tuple[Instant, int]] = deque()

    def get(self, slot: int) -> Decision | None:
        """What was published about a sighting, if anything."""
        return self._made.get(slot)

    def __contains__(self, slot: int) -> bool:
        return slot in self._made

    def put(self, slot: int, decision: Decision) -> None:
        """Something was published."""
        self._made[slot] = decision
        self.settle(slot, decision.settled)

    def settle(self, slot: int, at: Instant) -> None:
        """A published decision can be changed until then; no earlier than any said before."""
        self._made[slot].settled = at
        self._settling.append((at, slot))
        if slot >= len(self._settled):
            more = np.full(max(slot + 1 - len(self._settled), len(self._settled)), _NEVER, np.int64)
            self._settled = np.concatenate([self._settled, more])
        self._settled[slot] = at

    def pin(self, slot: int) -> None:
        """An operator has decided."""
        self._pinned[slot] = None

    def unpin(self, slot: int) -> None:
        """An operator has changed his mind."""
        self._pinned.pop(slot, None)

    def movable(self, slot: int) -> bool:
        """Whether a sighting's vehicle may still be changed."""
        decision = self._made.get(slot)
        return slot not in self._pinned and (decision is None or decision.settled >= self.now)

    def which_movable(self, slots: IntArray) -> npt.NDArray[np.bool_]:
        """`movable` of many, in any shape."""
        known = slots < len(self._settled)
        movable = ~known | (self._settled[np.where(known, slots, 0)] >= self.now)
        if self._pinned:
            movable &= ~np.isin(slots, list(self._pinned))
        return np.asarray(movable)

    def settled(self) -> list[int]:
        """Sightings whose decisions have become unchangeable since the last time."""
        found = []
        while self._settling and self._settling[0][0] < self.now:
            _, slot = self._settling.popleft()
            if slot in self._made and not self.movable(slot):
                found.append(slot)
        return found

    def forget(self, slot: int) -> None:
        """Drops a sighting."""
        self._made.pop(slot, None)
        self._pinned.pop(slot, None)
        if slot < len(self._settled):
            self._settled[slot] = _NEVER
