"""The seam to Kafka: what parts publish to and read from, whatever stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Bus", "BusError", "Capabilities", "Consumer", "Headers", "Record", "RecordRefusedError"]

Headers = Mapping[str, bytes]
"""Header names and values, such as ``{"schema": b"tracklet/1"}``."""


class BusError(Exception):
    """Kafka could not be reached or refused a request; the text says what to do."""


class RecordRefusedError(BusError):
    """Kafka will never take this record, however often it is sent; others go on."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the broker behind a bus can do; what it cannot is refused with a `BusError`, never done wrong.

    Attributes:
        shared_groups: Several consumers of one group share the partitions; otherwise a group has one consumer at a time.
        compaction: Of a compacted topic only the latest record of each key is kept for ever.
        durable: Acknowledged records outlive the broker's process, and are kept as long as its retention says.
        transactions: Records and offsets can be committed together.
        offsets_by_time: The first offset after an instant can be asked for.
    """

    shared_groups: bool
    compaction: bool
    durable: bool
    transactions: bool
    offsets_by_time: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read.

    Attributes:
        topic: Full name of the topic.
        partition: Partition it came from.
        offset: Its place in the partition.
        key: What it was published under.
        value: The payload; None deletes the key in a compacted topic.
        headers: Its headers; a repeated name keeps its last value.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=dict)


class Consumer(Protocol):
    """Reads topics as a member of a group, or from the beginning on its own."""

    def records(self, max_records: int = 500) -> AsyncIterator[Sequence[Record]]:
        """Batches in the order of each partition, without end; an empty batch now and then lets the caller look around."""
        ...

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> None:
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
    """Topics by full name; a key's records keep their order, also when several are published at once."""

    @property
    def capabilities(self) -> Capabilities:
        """What the broker can do; known once started."""
        ...

    async def start(self) -> None:
        """Connects, and creates missing topics where the broker can.

        Raises:
            BusError: the broker cannot be reached.
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

    async def consumer(self, topics: Sequence[str], group: str | None, *, from_start: bool = True) -> Consumer:
        """A started consumer. It sees committed records only.

        Args:
            topics: Full names.
            group: Remembers committed offsets; None: on its own, without commits.
            from_start: Where to begin without a committed offset: at the oldest record, or only what comes from now on.

        Raises:
            BusError: the broker cannot be reached, or has no room for a second consumer in the group.
        """
        ...

    async def stop(self) -> None:
        """Sends what is pending and closes all connections; safe to call twice."""
        ...
