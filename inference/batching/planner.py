"""Which waiting requests share the next pass of a network. Pure: the time is told."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

__all__ = ["PassPlanner"]

Item = TypeVar("Item")


class PassPlanner(Generic[Item]):
    """Requests of cameras that take turns.

    A pass begins when it is full, or when the request that waits longest has waited long enough. It takes one request of each
    camera in turn, then a second of each, until the next one does not fit; cameras that were served go to the end of the row, so
    one with many requests or large ones holds up nobody for longer than its share. The first request of a pass is
    taken however large it is: engines split what is more than they take.

    Args:
        pictures: Most pictures in a pass, 1 or more.
        wait: Longest time that a request waits for others, seconds.
        each: Most requests of one camera that may wait.
    """

    def __init__(self, pictures: int, wait: float, each: int = 64) -> None:
        self._pictures, self._wait, self._each = pictures, wait, each
        self._rows: OrderedDict[str, deque[_Waiting[Item]]] = OrderedDict()
        self._total = 0

    def __len__(self) -> int:
        """Requests that wait."""
        return sum(map(len, self._rows.values()))

    def add(self, item: Item, camera: str, pictures: int, now: float) -> bool:
        """Puts a request at the end of its camera's row; False: too many of that camera wait already, and it was not taken.

        Args:
            item: The request.
            camera: Whose it is.
            pictures: How many pictures it has.
            now: Seconds on any clock.
        """
        row = self._rows.setdefault(camera, deque())
        if len(row) >= self._each:
            return False
        row.append(_Waiting(item, pictures, now))
        self._total += pictures
        return True

    def oldest(self) -> float:
        """When the request that waits longest came; infinity: none waits."""
        return min((row[0].since for row in self._rows.values()), default=math.inf)

    def due(self) -> float:
        """When the next pass should begin: minus infinity at once, infinity when no request waits."""
        return -math.inf if self._total >= self._pictures else self.oldest() + self._wait

    def take(self) -> list[Item]:
        """The requests of the next pass, in the order in which cameras take turns; none when none waits."""
        taken: list[Item] = []
        room, left_out = self._pictures, 0
        while left_out < len(self._rows) and (room > 0 or not taken):
            camera = next(islice(self._rows, left_out, None))
            row = self._rows[camera]
            if taken and row[0].pictures > room:
                left_out += 1  # keeps its place at the head of the row, and so begins the next pass
                continue
            waiting = row.popleft()
            taken.append(waiting.item)
            room -= waiting.pictures
            self._total -= waiting.pictures
            if row:
                self._rows.move_to_end(camera)
            else:
                del self._rows[camera]
        return taken

    def clear(self) -> list[Item]:
        """Everything that waits, to be refused."""
        waiting = [one.item for row in self._rows.values() for one in row]
        self._rows.clear()
        self._total = 0
        return waiting


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item]):
    item: Item
    pictures: int
    since: float
