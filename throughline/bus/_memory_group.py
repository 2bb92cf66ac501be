"""Groups and their consumers on the bus in memory."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from throughline.bus.protocol import RebalanceListener
from throughline.bus.records import NO_GENERATION, BusError, FencedError, Membership, Place, Record

__all__ = ["Group", "MemoryConsumer"]

_NAMES = itertools.count(1)


class _Log(Protocol):
    """What a consumer needs of its bus."""

    def places(self, topics: Sequence[str]) -> list[Place]: ...
    def end(self, place: Place) -> int: ...
    def taken(self, place: Place, offset: int, most: int) -> list[Record]: ...
    def tell(self) -> None: ...
    async def news(self) -> None: ...


class Group:
    """The members of a group, in the order in which they joined, and what they have committed.

    Whenever one comes or goes, all partitions are taken from everybody, and shared out again when all who have a listener have
    let go of theirs: there is no hurry in memory, so nobody is left behind.
    """

    def __init__(self) -> None:
        self.committed: dict[Place, int] = {}
        self._members: list[MemoryConsumer] = []
        self._generation = 0

    def change(self, member: MemoryConsumer, *, joins: bool) -> None:
        """Lets a member in or out."""
        if joins:
            self._members.append(member)
        elif member in self._members:
            self._members.remove(member)
        else:
            return
        for each in self._members:
            each.revoke()
        self.share()

    def share(self) -> None:
        """Shares the partitions out, unless somebody must still let go."""
        if any(each.letting_go for each in self._members):
            return
        self._generation += 1
        for number, each in enumerate(self._members):
            each.assign(number, len(self._members), self._generation)

    def check(self, membership: Membership) -> None:
        """Raises an error when ``membership`` is of the past."""
        if membership.generation == NO_GENERATION:
            return
        if membership.generation != self._generation or membership.member not in {each.name for each in self._members}:
            raise FencedError(
                f"the group {membership.group} has gone on without {membership.member}: its partitions may be another's"
            )


class MemoryConsumer:
    """See `throughline.bus.Consumer`."""

    def __init__(
        self,
        bus: _Log,
        topics: Sequence[str],
        name: str | None,
        group: Group | None,
        *,
        from_start: bool,
        listener: RebalanceListener | None,
    ) -> None:
        self._bus, self._topics, self._group_name, self._group = bus, tuple(topics), name, group
        self._listener = listener
        self.name = f"member-{next(_NAMES)}"
        self._first = {place: 0 if from_start else bus.end(place) for place in bus.places(topics)}
        self._next: dict[Place, int] = {}
        self._come: dict[Place, int] | None = None
        self._generation = NO_GENERATION
        self._membership: Membership | None = None
        self._stopped = False
        self.letting_go = False
        if group is None:
            self._receive(dict(self._first))
        else:
            group.change(self, joins=True)

    @property
    def assignment(self) -> frozenset[Place]:
        """See `throughline.bus.Consumer.assignment`."""
        return frozenset(self._next)

    @property
    def membership(self) -> Membership | None:
        """See `throughline.bus.Consumer.membership`."""
        return self._membership

    def revoke(self) -> None:
        """The group takes everything away; a listener first lets go, when its reader comes by."""
        self._come = None
        if self._listener is None:
            self._next = {}
        elif self._next:
            self.letting_go = True
            self._bus.tell()

    def assign(self, number: int, members: int, generation: int) -> None:
        """The group gives this member its share: every partition begins where the group has committed."""
        committed = {} if self._group is None else self._group.committed
        mine = self._bus.places(self._topics)[number::members]
        self._generation = generation
        self._receive({place: committed.get(place, self._first[place]) for place in mine})

    def _receive(self, positions: dict[Place, int]) -> None:
        self._come = positions
        if self._listener is None:
            self._next = dict(positions)
        self._bus.tell()

    async def _turn(self) -> None:
        while not self._stopped:
            if self.letting_go:
                await self._let_go()
            elif self._come is not None:
                positions, self._come = self._come, None
                if self._group_name is not None:
                    self._membership = Membership(self._group_name, self.name, self._generation)
                if self._listener is not None:
                    self._next = positions
                    await self._listener.assigned(frozenset(positions))
            else:
                return

    async def _let_go(self) -> None:
        try:
            if self._listener is not None:
                await self._listener.revoked(self.assignment)
        finally:
            self._next = {}
            if self.letting_go and self._group is not None:
                self.letting_go = False
                self._group.share()

    async def records(self, max_records: int = 500) -> AsyncIterator[Sequence[Record]]:
        """See `throughline.bus.Consumer.records`."""
        while not self._stopped:
            await self._turn()
            batch: list[Record] = []
            for place, offset in list(self._next.items()):
                found = self._bus.taken(place, offset, max_records - len(batch))
                self._next[place] = offset + len(found)
                batch += found
            if not batch:
                await self._bus.news()
            if not self._stopped:
                yield batch

    async def seek(self, place: Place, offset: int) -> None:
        """See `throughline.bus.Consumer.seek`."""
        if place not in self._next:
            raise BusError(f"{place[0]}/{place[1]} is not assigned to this consumer")
        if not 0 <= offset <= self._bus.end(place):
            raise BusError(f"{place[0]}/{place[1]} has no offset {offset} to go to: it has 0 to {self._bus.end(place)}")
        self._next[place] = offset

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """See `throughline.bus.Consumer.commit`."""
        if self._group is None:
            raise BusError("a consumer without a group has no offsets to commit")
        self._group.committed.update({place: offset for place, offset in offsets.items() if place in self._next})

    async def lag(self) -> int:
        """See `throughline.bus.Consumer.lag`."""
        return sum(self._bus.end(place) - offset for place, offset in self._next.items())

    async def stop(self) -> None:
        """See `throughline.bus.Consumer.stop`."""
        self._stopped = True
        self.letting_go = False
        if self._group is not None:
            self._group.change(self, joins=False)
        self._bus.tell()
