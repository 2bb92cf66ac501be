"""One partition of the tracklets and the sites in it: what is decided on a batch is committed in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from matcher.deciding import MatcherWorker
from matcher.delivery.owned_site import OwnedSite
from matcher.delivery.snapshots import KeptRecord
from throughline.bus.dead_letters import DeadLetters
from throughline.bus.protocol import Bus, BusError, FencedError, Membership, Place, Record, Transactions
from throughline.bus.publisher import address
from throughline.bus.topics import STATE
from throughline.messages import MatchEvent
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics

__all__ = ["OwnedPartition"]

_COMMIT_INTERVAL = 1.0
"""Seconds after which offsets are committed that no event follows from."""
_SESSIONS = 3.0
"""Session timeouts within which the group must say whose a partition is, when another has opened its transactional id."""

log = structlog.get_logger(__name__)


class OwnedPartition:
    """Owns a transactional id, and brings the sites' matchers to where the group has committed.

    Args:
        bus: A started bus with transactions.
        place: The partition.
        sites: Those whose records stand there.
        metrics: Of this process.
        group: Consumer group; the transactional id begins with it.
        own_process: See `MatcherWorker`.
    """

    def __init__(self, bus: Bus, place: Place, sites: Sequence[Site], metrics: Metrics, group: str, *, own_process: bool) -> None:
        self._bus, self._place, self._settings, self._metrics, self._group = bus, place, sites, metrics, group
        self._own_process = own_process
        self._id = f"{group}.{place[1]}"
        self._kafka = sites[0].kafka
        self._dead_letters = DeadLetters(bus, self._kafka, metrics)
        self._transactions: Transactions | None = None
        self._membership: Membership | None = None
        self._sites: list[OwnedSite] = []
        self._unsent: list[KeptRecord] = []
        self._position, self._committed, self._committed_at = 0, 0, 0.0
        self._fenced_at: float | None = None

    async def take_up(self) -> int:
        """Begins to own it, or goes on; whatever a former owner has under way is over then.

        Returns:
            The offset to read on at.

        Raises:
            BusError: Kafka did not deliver.
        """
        self._transactions = await self._bus.transactions(self._id)
        self._fenced_at = None
        committed = (await self._bus.committed(self._group, [self._place]))[self._place]
        if self._sites and committed == self._position:
            return self._position
        self._close_sites()
        self._sites = [OwnedSite(self._bus, site, self._metrics, own_process=self._own_process) for site in self._settings]
        kept = await asyncio.gather(*(site.restore(self._place, committed) for site in self._sites))
        self._unsent = [record for records in kept for record in records]
        self._position = min(site.following for site in self._sites)
        self._committed = -1 if committed is None else committed
        return self._position

    async def take(self, records: Sequence[Record], membership: Membership) -> None:
        """Decides on the next records and commits what follows; without records it commits what is left from before.

        Raises:
            BusError: Kafka did not take it, and may or may not have it.
        """
        self._membership = membership
        if self._fenced_at is not None:
            self._wait_for_the_group()
            return
        found = await asyncio.gather(*(site.decide(records) for site in self._sites))
        if records:
            self._position = records[-1].offset + 1
        events = [(site, event) for site, (some, _) in zip(self._sites, found, strict=True) for event in some]
        unreadable = [letter for _, letters in found for letter in letters]
        due = [site for site in self._sites if site.is_due()]
        is_time = self._now() - self._committed_at >= _COMMIT_INTERVAL and self._position != self._committed
        if events or unreadable or self._unsent or due or is_time:
            for site in due:
                self._unsent += await site.snapshot(self._position)
            await self._commit(events, unreadable)

    async def _commit(self, events: Sequence[tuple[OwnedSite, MatchEvent]], unreadable: Sequence[tuple[Record, str]]) -> None:
        if self._transactions is None or self._membership is None:
            return
        try:
            async with self._transactions.begin() as transaction:
                for _, event in events:
                    parcel = address(event, self._kafka)
                    await transaction.send(parcel.topic, parcel.key, parcel.value, parcel.headers)
                for record, error in unreadable:
                    await self._dead_letters.publish(record, "unreadable", error, send=transaction.send)
                for key, value, headers in self._unsent:
                    await transaction.send(self._kafka.topic(STATE), key, value, headers)
                await transaction.commit_offsets(self._membership, {self._place: self._position})
        except FencedError as error:
            self._fenced_at = self._now()
            log.warning("another owns the partition now: what was decided is dropped", place=self._place, error=str(error))
            return
        self._unsent = []
        self._committed, self._committed_at = self._position, self._now()
        for site, event in events:
            site.published(event)

    def _wait_for_the_group(self) -> None:
        waited = self._now() - (self._fenced_at or 0.0)
        if waited > _SESSIONS * self._kafka.session_timeout:
            raise BusError(
                f"another opened {self._id}, or a transaction took longer than kafka.transaction_timeout, but the group "
                f"{self._group} still gives {self._place[0]}/{self._place[1]} to this member: joining it anew"
            )

    def worker(self, site: str) -> MatcherWorker | None:
        """Who decides for a site; None: none here."""
        return next((one.worker for one in self._sites if one.site == site), None)

    async def let_go(self) -> None:
        """Commits what is left, and ends its transactions; its matchers stay, since the group may give it back."""
        await self._settle()
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            await transactions.stop()

    async def _settle(self) -> None:
        if self._fenced_at is None and (self._position != self._committed or self._unsent):
            try:
                await self._commit((), ())
            except BusError as error:  # whoever comes next begins at what is committed
                log.warning("what was read last could not be committed", place=self._place, error=str(error))

    async def finish(self) -> None:
        """Commits a last snapshot, so that whoever comes next begins at once."""
        if self._fenced_at is None:
            for site in self._sites:
                self._unsent += await site.snapshot(self._position)
        await self._settle()

    def export(self, lag: int) -> None:
        """Brings the metrics of its sites up to date; ``lag`` is what is not read yet."""
        for site in self._sites:
            site.export(lag)

    async def close(self) -> None:
        """Ends its transactions and matchers; safe to call twice."""
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            await transactions.stop()
        self._close_sites()

    def _close_sites(self) -> None:
        for site in self._sites:
            site.close()
        self._sites = []

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
