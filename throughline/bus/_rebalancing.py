"""Partitions that come and go: from aiokafka's coordination task to whoever reads, between two of their batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from throughline.bus.protocol import RebalanceListener
from throughline.bus.records import Membership, Place

__all__ = ["Rebalancing"]


class Rebalancing(ConsumerRebalanceListener):  # type: ignore[misc]  # the library is not typed
    """Keeps what the group has decided until the reader comes by.

    aiokafka calls its listener from a task of its own. Here a revocation waits for the reader, heartbeats going on meanwhile;
    an assignment does not, since aiokafka sends no heartbeats until its listener returns.

    Args:
        listener: Who wants to know, and is told by `turn`.
        membership: The member's present id and generation.
    """

    def __init__(self, listener: RebalanceListener | None, membership: Callable[[], Membership | None]) -> None:
        self._listener, self._current = listener, membership
        self._come: tuple[frozenset[Place], Membership | None] | None = None
        self._released: asyncio.Event | None = None
        self.held: frozenset[Place] = frozenset()
        self.membership: Membership | None = None
        self.attention = asyncio.Event()
        """Set while a revocation waits for the reader, and for good once the consumer stops."""
        self._stopped = False

    @property
    def told(self) -> bool:
        """Whether anybody must hear of a partition before its records."""
        return self._listener is not None

    @property
    def assigned(self) -> bool:
        """Whether partitions have come that the reader does not know of yet."""
        return self._come is not None

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002 - it is always all
        """Returns when the reader has let go."""
        self._come = None
        if self._listener is None:
            self.held = frozenset()
        elif self.held and not self._stopped:
            self._released = asyncio.Event()
            self.attention.set()
            await self._released.wait()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Notes what has come."""
        self.come(assigned)

    def come(self, assigned: Collection[TopicPartition]) -> None:
        """Notes what has come, by a group's decision or by hand."""
        places = frozenset((place.topic, place.partition) for place in assigned)
        self._come = places, self._current()
        if self._listener is None:
            self.held = places

    async def turn(self) -> None:
        """Tells the listener what is due, in the reader's own task."""
        while not self._stopped:
            if self._released is not None:
                await self.lose()
            elif self._come is not None:
                (self.held, self.membership), self._come = self._come, None
                if self._listener is not None:
                    await self._listener.assigned(self.held)
            else:
                return

    async def lose(self) -> None:
        """All that is held is lost: by a revocation, or with the connection."""
        try:
            if self._listener is not None and self.held:
                await self._listener.revoked(self.held)
        finally:
            self.held = frozenset()
            self._release()

    def _release(self) -> None:
        released, self._released = self._released, None
        if released is not None:
            released.set()
        if not self._stopped:
            self.attention.clear()

    def stop(self) -> None:
        """Lets everybody go who waits."""
        self._stopped = True
        self.attention.set()
        self._release()
