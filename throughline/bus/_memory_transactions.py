"""Transactions on the bus in memory: what is sent waits for the commit, and only the latest owner of an id can commit."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import NoReturn, Protocol

from throughline.bus.records import BusError, FencedError, Headers, Membership, Place
from throughline.telemetry.metrics import Metrics

__all__ = ["MemoryTransactions"]


class _Log(Protocol):
    """What transactions need of their bus."""

    def owner(self, transactional_id: str) -> MemoryTransactions | None: ...
    def check_size(self, topic: str, value: bytes | None) -> None: ...
    def append(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None: ...
    def check_membership(self, membership: Membership) -> None: ...
    def commit(self, group: str, offsets: Mapping[Place, int]) -> None: ...
    def tell(self) -> None: ...


class MemoryTransactions:
    """See `throughline.bus.Transactions`."""

    def __init__(self, bus: _Log, transactional_id: str, metrics: Metrics) -> None:
        self.bus, self._id, self._metrics = bus, transactional_id, metrics
        self._under_way = False
        self._fenced: FencedError | None = None
        self._stopped = False

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[_Transaction]:
        """See `throughline.bus.Transactions.begin`."""
        if self._under_way:
            raise BusError(f"a transaction under {self._id} is under way: only one can be at a time")
        self.check()
        transaction = _Transaction(self)
        self._under_way = True
        try:
            yield transaction
            self._commit(transaction)
        except BaseException:
            self._metrics.transactions.labels("aborted").inc()
            raise
        finally:
            self._under_way = False
            transaction.over = True

    def _fence(self, error: FencedError) -> NoReturn:
        self._fenced = error
        self._metrics.transactions.labels("fenced").inc()
        raise error

    def check(self) -> None:
        """Raises an error when these transactions have ended."""
        if self._stopped:
            raise BusError(f"the transactions under {self._id} have been stopped")
        if self._fenced is not None:
            raise FencedError(*self._fenced.args)
        if self.bus.owner(self._id) is not self:
            self._fence(FencedError(f"another has taken over the transactions under {self._id}"))

    def check_membership(self, membership: Membership) -> None:
        """Raises an error when the group has gone on without the member; then these transactions have ended too."""
        try:
            self.bus.check_membership(membership)
        except FencedError as error:
            self._fence(error)

    def _commit(self, transaction: _Transaction) -> None:
        self.check()
        for membership, _ in transaction.offsets:
            self.check_membership(membership)
        for record in transaction.records:
            self.bus.append(*record)
        for membership, offsets in transaction.offsets:
            self.bus.commit(membership.group, offsets)
        self.bus.tell()
        self._metrics.transactions.labels("committed").inc()

    async def stop(self) -> None:
        """See `throughline.bus.Transactions.stop`."""
        self._stopped = True


class _Transaction:
    """See `throughline.bus.Transaction`."""

    def __init__(self, owner: MemoryTransactions) -> None:
        self._owner = owner
        self.records: list[tuple[str, str, bytes | None, Headers]] = []
        self.offsets: list[tuple[Membership, Mapping[Place, int]]] = []
        self.over = False

    async def send(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        """See `throughline.bus.Transaction.send`."""
        self._check()
        self._owner.bus.check_size(topic, value)
        self.records.append((topic, key, value, headers))

    async def commit_offsets(self, membership: Membership, offsets: Mapping[Place, int]) -> None:
        """See `throughline.bus.Transaction.commit_offsets`."""
        self._check()
        self._owner.check_membership(membership)
        self.offsets.append((membership, dict(offsets)))

    def _check(self) -> None:
        self._owner.check()
        if self.over:
            raise BusError("this transaction is over: begin another")
