"""Event-time order, whatever the order of arrival: what becomes effective when."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from matcher.sightings import Sighting
from throughline.messages import Correction, Embedding
from throughline.times import MICROSECONDS, Instant

__all__ = ["Epoch", "Revision", "Timeline"]

_Key: TypeAlias = tuple[str, str, int]


class Revision(NamedTuple):
    """A revision of a tracklet, and how it looks, still packed: most are never looked at."""

    sighting: Sighting
    embeddings: tuple[Embedding, ...]


@dataclass(slots=True)
class Epoch:
    """What falls on one instant of the decision grid, in an order that does not depend on arrival.

    Attributes:
        at: The instant.
        revisions: Tracklet revisions that become effective.
        corrections: What operators said.
        due: Tracklets whose decision falls due.
    """

    at: Instant
    revisions: list[Revision] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    due: list[str] = field(default_factory=list)


class Timeline:
    """Puts off what arrives to its place on a grid of instants, and gives it out in that order.

    Args:
        step: Seconds between two instants of the grid; 0: no grid.
    """

    def __init__(self, step: float) -> None:
        self._step = round(step * MICROSECONDS)
        self._heap: list[tuple[Instant, int, _Key]] = []
        self._revisions: dict[_Key, Revision] = {}
        self._corrections: dict[_Key, Correction] = {}
        self.reached: Instant | None = None

    def _place(self, at: Instant) -> Instant:
        on_grid = at if self._step == 0 else -(-at // self._step) * self._step
        if self.reached is None or on_grid > self.reached:
            return on_grid
        return self.reached + max(1, self._step)

    def is_past(self, at: Instant) -> bool:
        """Whether the place of an instant has been given out already."""
        return self.reached is not None and at <= self.reached

    def add_revision(self, at: Instant, revision: Revision) -> None:
        """A tracklet's revision becomes effective."""
        key = ("", revision.sighting.id, revision.sighting.revision)
        self._revisions[key] = revision
        heapq.heappush(self._heap, (self._place(at), 0, key))

    def add_correction(self, at: Instant, correction: Correction) -> None:
        """An operator's word becomes effective."""
        key = (correction.first, correction.second, int(correction.same))
        self._corrections[key] = correction
        heapq.heappush(self._heap, (self._place(at), 1, key))

    def add_due(self, at: Instant, tracklet: str) -> None:
        """A tracklet's decision falls due."""
        heapq.heappush(self._heap, (self._place(at), 2, ("", tracklet, 0)))

    def drop_revision(self, tracklet: str, revision: int) -> None:
        """Forgets a revision, given out or not."""
        self._revisions.pop(("", tracklet, revision), None)

    def until(self, watermark: Instant | None) -> Iterator[Epoch]:
        """The epochs up to and including the watermark; None: all that there are."""
        while self._heap and (watermark is None or self._heap[0][0] <= watermark):
            epoch = Epoch(self._heap[0][0])
            while self._heap and self._heap[0][0] == epoch.at:
                _, what, key = heapq.heappop(self._heap)
                if what == 0:
                    if (revision := self._revisions.pop(key, None)) is not None:
                        epoch.revisions.append(revision)
                elif what == 1:
                    if (correction := self._corrections.pop(key, None)) is not None:
                        epoch.corrections.append(correction)
                else:
                    epoch.due.append(key[1])
            self.reached = epoch.at
            yield epoch
