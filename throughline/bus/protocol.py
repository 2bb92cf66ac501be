"""The seam to Kafka: what parts publish to and read from, whatever stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from throughline.bus.records import (
    BusError,
    Capabilities,
    FencedError,
    Headers,
    Membership,
    Place,
    Record,
    RecordRefusedError,
)
from throughline.bus.transactions import Transaction, Transactions
from throughline.times import Instant

__all__ = [
    "Bus",
    "BusError",
    "Capabilities",
    "Consumer",
    "FencedError",
    "Headers",
    "Membership",
    "Place",
    "RebalanceListener",
    "Record",
    "RecordRefusedError",
    "Transaction",
    "Transactions",
]


class RebalanceListener(Protocol):
    """Is told which partitions a consumer gets and loses.

    Both are awaited inside `Consumer.records`, between two batches: they never run beside the processing of a batch. What they
    raise comes out of `Consumer.records`.
    """

    async def revoked(self, places: frozenset[Place]) -> None:
        """All that the consumer held is taken away; others get it when this returns, and no later than 10 seconds on.

        Commit what is finished. A group that changes takes everything from everybody first and then shares it out, so most
        places come back at once: keep what was built for them until `assigned` says which. It is also called when the
        connection was lost; then others may have the places already, and a commit is refused. `Consumer.stop` does not call it.
        """
        ...

    async def assigned(self, places: frozenset[Place]) -> None:
        """The consumer holds these places, and no others; it reads on when this returns, at what the group has committed.

        Here, for each place: open its transactional id, which ends what a former owner left open; then ask `Bus.committed`, read
        back what is needed, and `Consumer.seek`. The member stays in its group meanwhile, for up to five minutes.
        """
        ...


class Consumer(Protocol):
    """Reads topics as a member of a group, or from the beginning on its own."""

    @property
    def assignment(self) -> frozenset[Place]:
        """What it holds: with a listener, what `RebalanceListener.assigned` was last told and has not lost since."""
        ...

    @property
    def membership(self) -> Membership | None:
        """Under what `Transaction.commit_offsets` commits the latest batch; None without a group, or before the first batch."""
        ...

    def records(self, max_records: int = 500) -> AsyncIterator[Sequence[Record]]:
        """Batches in the order of each partition, without end; an empty batch now and then lets the caller look around."""
        ...

    async def seek(self, place: Place, offset: int) -> None:
        """Goes on reading ``place`` at ``offset``.

        Raises:
            BusError: the place is not assigned, or there is no such offset (any more).
        """
        ...

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Remembers, for the group, the next offset to read for each (topic, partition).

        A commit that fails because the group is rebalancing is normal: the records come again.
        """
        ...

    async def lag(self) -> int:
        """Records of the assigned partitions that have not been read yet."""
        ...

    async def stop(self) -> None:
        """Leaves the group and closes the connection; safe to call twice."""
        ...


class Bus(Protocol):
    """Topics by full name; a key's records keep their order, also when several are published at once.

    A key goes to the same partition number of every topic that has as many partitions, whoever publishes it and however.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the broker can do; known once started."""
        ...

    async def start(self) -> None:
        """Connects, and creates missing topics where the broker can.

        Raises:
            BusError: the broker cannot be reached, or its topics do not fit together.
        """
        ...

    async def publish(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """Sends a record and waits until it is acknowledged by all in-sync replicas.

        Calls may overlap: records go out in the order of the calls. When one of them fails, those of its key that were
        called after it, and have not returned yet, fail too: whoever sends them again in order keeps the order.

        Raises:
            RecordRefusedError: it will never be taken, since it is too large; it does not hold up others.
            BusError: it was not acknowledged in the time allowed; Kafka may or may not have it.
        """
        ...

    async def transactions(self, transactional_id: str) -> Transactions:
        """Opens a transactional id, and so fences whoever used it before and aborts what they left open, at once.

        When this returns, what they had committed can be read, and nothing of theirs can come any more. Let the id name what
        is owned, such as a prefix and the input's partition.

        Raises:
            BusError: the broker cannot be reached or has no transactions.
        """
        ...

    async def consumer(
        self,
        topics: Sequence[str],
        group: str | None,
        *,
        from_start: bool = True,
        listener: RebalanceListener | None = None,
    ) -> Consumer:
        """A started consumer. It sees committed records only.

        Args:
            topics: Full names.
            group: Remembers committed offsets; None: on its own, without commits.
            from_start: Where to begin without a committed offset: at the oldest record, or only what comes from now on.
            listener: Is told of partitions gained and lost.

        Raises:
            BusError: the broker cannot be reached, or has no room for a second consumer in the group.
        """
        ...

    def read(self, place: Place, start: int, end: int | None = None, max_records: int = 500) -> AsyncIterator[Sequence[Record]]:
        """The committed records of one partition at offsets from ``start`` up to, and without, ``end``; then it ends.

        Args:
            place: Where.
            start: First offset.
            end: None: all there is when this is called.
            max_records: Most records in a batch.

        Raises:
            BusError: some of these offsets are gone by retention, or do not exist yet, or Kafka did not deliver in time.
        """
        ...

    async def partitions(self, topic: str) -> int:
        """How many partitions ``topic`` has."""
        ...

    async def partition_of(self, topic: str, key: str) -> int:
        """The partition that ``key`` goes to."""
        ...

    async def first_offsets(self, places: Collection[Place]) -> dict[Place, int]:
        """Offset of the oldest record that is still kept, by place; the end where there is none."""
        ...

    async def end_offsets(self, places: Collection[Place]) -> dict[Place, int]:
        """Offset behind the last record that readers of committed records can see, by place: the last stable offset."""
        ...

    async def offsets_for_time(self, places: Collection[Place], time: Instant) -> dict[Place, int]:
        """Offset of the first record published at or after ``time`` (to the millisecond); the end where there is none.

        Raises:
            BusError: the broker cannot tell.
        """
        ...

    async def committed(self, group: str, places: Collection[Place]) -> dict[Place, int | None]:
        """Next offset to read that a group has committed, by place; None: it has not committed any.

        While a transaction that commits offsets for a place is open, this waits for its end.
        """
        ...

    async def stop(self) -> None:
        """Sends what is pending and closes all connections; safe to call twice."""
        ...
