"""Hands frames from a decode thread to the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A small queue between one thread that puts and one coroutine that gets.

    Live video is worth most when it is fresh: a full mailbox drops its oldest item. A recording that is analysed as fast as
    possible loses nothing: there (``lossless``) the thread waits for room. Must be made where the event loop runs.
    """

    def __init__(self, *, lossless: bool = False, capacity: int = 1) -> None:
        self._lossless = lossless
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._closed = False
        self._room = threading.Condition()
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()

    def put(self, item: T) -> int:
        """Adds ``item``, from the thread; returns how many older items were dropped for it. A closed mailbox takes nothing."""
        with self._room:
            if self._lossless:
                self._room.wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if self._closed:
                return 0
            dropped = 0
            while len(self._items) >= self._capacity:
                self._items.popleft()
                dropped += 1
            self._items.append(item)
        self._wake()
        return dropped

    def finish(self) -> None:
        """Nothing will be put any more, says the thread; what is there can still be got."""
        with self._room:
            self._closed = True
        self._wake()

    def close(self) -> None:
        """Nothing will be got any more: drops what is there, and frees a thread that waits for room."""
        with self._room:
            self._closed = True
            self._items.clear()
            self._room.notify_all()
        self._filled.set()

    async def get(self) -> T | None:
        """The oldest item, as soon as there is one; None when there will be none any more. May be cancelled without loss."""
        while True:
            with self._room:
                if self._items:
                    item = self._items.popleft()
                    self._room.notify_all()
                    return item
                if self._closed:
                    return None
                self._filled.clear()
            await self._filled.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._filled.set)
        except RuntimeError:  # the event loop is gone: so is everybody who could get
            with self._room:
                self._closed = True
