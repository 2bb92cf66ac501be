"""Up to which offset everything has been used for good."""

from __future__ import annotations

from collections import deque

from throughline.times import Instant, after

__all__ = ["Needed"]


class Needed:
    """The oldest offset of one partition that decisions of one site may still need.

    Args:
        memory: Seconds that the matcher looks back, at most.
        block: Offsets that are kept or let go together.
    """

    def __init__(self, memory: float, block: int = 1) -> None:
        self._memory, self._block = memory, block
        self._pending: deque[tuple[int, Instant]] = deque()
        self._next = 0

    def add(self, offset: int, at: Instant | None) -> None:
        """A record was processed; ``at``: its event time, None: it is not needed again."""
        self._next = offset + 1
        if at is None:
            return
        if self._pending and offset < self._pending[-1][0] + self._block:
            first, latest = self._pending[-1]
            self._pending[-1] = first, max(latest, at)
        else:
            self._pending.append((offset, at))

    @property
    def latest(self) -> Instant | None:
        """Latest event time of what is still needed."""
        return max((at for _, at in self._pending), default=None)

    def oldest(self, watermark: Instant | None) -> int:
        """Where to begin after a restart without a snapshot."""
        while self._pending and watermark is not None and after(self._pending[0][1], self._memory) < watermark:
            self._pending.popleft()
        return self._pending[0][0] if self._pending else self._next
