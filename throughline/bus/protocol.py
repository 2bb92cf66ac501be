"""The seam to Kafka: what parts publish to and read from, whatever stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Bus", "BusError", "Consumer", "Headers", "Record"]

Headers = Mapping[str, bytes]
"""Header names and values, such as ``{"schema": b"tracklet/1"}``."""


class BusError(Exception):
    """Kafka could not be reached or refused a request; the text says what to do."""


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
    """Topics by full name; a key's records keep their order."""

    async def start(self) -> None:
        """Connects, and creates missing topics where the broker can.

        Raises:
            BusError: the broker cannot be reached.
        """
        ...

    async def publish(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """Sends a record and waits until it is acknowledged by all in-sync replicas.

        Raises:
            BusError: it could not be sent in the time allowed.
        """
        ...

    async def consumer(self, topics: Sequence[str], group: str | None, *, from_start: bool = True) -> Consumer:
        """A started consumer.

        Args:
            topics: Full names.
            group: Remembers committed offsets; None: on its own, without commits.
            from_start: Where to begin without a committed offset: at the oldest record, or only what comes from now on.
        """
        ...

    async def stop(self) -> None:
        """Sends what is pending and closes all connections; safe to call twice."""
        ...
