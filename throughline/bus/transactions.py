"""The seam to Kafka's transactions: records and offsets that are committed together, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from throughline.bus.records import Headers, Membership, Place

__all__ = ["Transaction", "Transactions"]


class Transaction(Protocol):
    """A transaction under way. Whoever reads committed records sees all of it after its end, or nothing ever."""

    async def send(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """Adds a record. It waits for room only, not for Kafka, so thousands go out in a second.

        Records of one key keep the order of the calls; overlapping calls have none.

        Raises:
            RecordRefusedError: it is too large; what was sent before it can still be committed.
            FencedError: another has taken over.
            BusError: the transaction cannot be committed any more, or there was no room in time.
        """
        ...

    async def commit_offsets(self, membership: Membership, offsets: Mapping[Place, int]) -> None:
        """Adds, for a group, the next offset to read for each place.

        Args:
            membership: `Consumer.membership` as it was when the records came: then a member that has lost its partitions
                meanwhile cannot commit for them.
            offsets: Next offset to read by place.

        Raises:
            FencedError: the group has moved on without this member, or another has taken over the transactional id.
            BusError: Kafka did not take them.
        """
        ...


class Transactions(Protocol):
    """Transactions under one transactional id, one after the other. Only the latest who opened the id can use it."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction: committed at the end of the block, aborted by an exception in it, which is then raised.

        On Kafka readers see it a moment after the commit; whoever opens the id next sees all of it at once.

        It must end within `KafkaSettings.transaction_timeout`, else Kafka aborts it and fences its producer.

        Raises:
            FencedError: another has taken over, or the transaction took too long. Nothing of it was committed, and nothing more
                can be: open the id again only if the partition is still yours.
            RecordRefusedError: Kafka does not take one of the records, and took none of the others.
            BusError: it was not committed, or, where the text says so, may have been: opening the id again decides that, and what
                the group has committed then tells.

        After any error that Kafka gave, these transactions have ended: open the id again. An exception of your own ends nothing.
        """
        ...

    async def stop(self) -> None:
        """Aborts what is under way and closes the connection; safe to call twice."""
        ...
