"""Snapshots of matchers on the compacted topic of states: written in a transaction, found again after it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import structlog

from matcher.state import Origin
from throughline.bus.protocol import Bus, Place, Record
from throughline.bus.topics import STATE
from throughline.settings import Site
from throughline.times import Instant

__all__ = ["KeptRecord", "Manifest", "Snapshot", "SnapshotStore"]

KeptRecord: TypeAlias = tuple[str, bytes | None, dict[str, bytes]]
"""Key, value and headers of a record for the topic of states."""

_CHUNK = 900_000
"""Bytes in a record: below what Kafka takes by default."""
_SCHEMA = b"snapshot/1"

log = structlog.get_logger(__name__)


class Manifest(msgspec.Struct, frozen=True):
    """What a snapshot stands for.

    Attributes:
        site: Site id.
        configuration: See `Origin`.
        build: See `Origin`.
        offset: The state is that after all of the site's records before this offset of its partition of the tracklets.
        needed: Offset from which on a matcher that begins with nothing must read to know all that can still be decided on.
        latest: Latest event time of all records from there to ``offset``; None: there is none.
        sequence: Number of the latest event before ``offset``.
        matches: An offset of the matches; events numbered beyond ``sequence`` stand behind it.
        recall: An offset of the matches; all events that could be decided on once more stand behind it.
        watermark: The site is complete to here.
        strange: Events among the matches come from a different matcher, and may come again from this one.
        strange_until: Until the site is complete to here; None: not known yet.
        parts: Records that the state is in, beside this one; 0: it is in ``state``.
        digest: Of the state.
        state: As `packed_state_of` gives it.
    """

    site: str
    configuration: str
    build: str
    offset: int
    needed: int
    latest: Instant | None
    sequence: int
    matches: int
    recall: int
    watermark: Instant | None
    strange: bool = False
    strange_until: Instant | None = None
    parts: int = 0
    digest: str = ""
    state: bytes = b""

    @property
    def origin(self) -> Origin:
        """Where its state comes from."""
        return Origin(self.configuration, self.build)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A manifest, and the state that it tells of."""

    manifest: Manifest
    state: bytes


class SnapshotStore:
    """The snapshots of one site, which all stand in its own partition of the topic of states.

    A large state is cut into several records, each under a key of its own, so that compaction keeps the latest of each; a
    transaction makes all of them valid at once. Kafka gives a key its partition, so keys of parts carry a number that is tried
    until the partition is the site's.

    Args:
        bus: A started bus.
        site: The site.
    """

    def __init__(self, bus: Bus, site: Site) -> None:
        self._bus, self._site, self._topic = bus, site.site, site.kafka.topic(STATE)
        self._keys: list[str] = []
        self._parts = 0

    async def place(self) -> Place:
        """Where the site's snapshots stand."""
        return self._topic, await self._bus.partition_of(self._topic, self._site)

    async def latest(self) -> Snapshot | None:
        """The latest snapshot, if there is a whole one.

        Raises:
            BusError: Kafka did not deliver.
        """
        found = None
        async for snapshot in self.all():
            found = snapshot
        return found

    async def all(self) -> AsyncIterator[Snapshot]:
        """Every snapshot that is still whole, oldest first; compaction leaves the latest, and for a time some before it.

        Raises:
            BusError: Kafka did not deliver.
        """
        place = await self.place()
        start = (await self._bus.first_offsets([place]))[place]
        parts: dict[int, bytes] = {}
        async for batch in self._bus.read(place, start):
            for record in batch:
                if record.value is None or record.headers.get("site") != self._site.encode():
                    continue
                if record.key != self._site.encode():
                    parts[int(record.headers["part"])] = record.value
                    continue
                if (snapshot := self._whole(record, parts)) is not None:
                    yield snapshot
                parts.clear()

    def _whole(self, record: Record, parts: Mapping[int, bytes]) -> Snapshot | None:
        try:
            manifest = msgspec.msgpack.decode(record.value or b"", type=Manifest)
        except msgspec.MsgspecError as error:
            log.warning("a record among the states is no snapshot", site=self._site, offset=record.offset, error=str(error))
            return None
        self._parts = manifest.parts
        state = b"".join(parts.get(number, b"") for number in range(manifest.parts)) if manifest.parts else manifest.state
        return Snapshot(manifest, state) if _digest(state) == manifest.digest else None

    async def records(self, snapshot: Snapshot) -> list[KeptRecord]:
        """Keys, values and headers of the records that keep a snapshot, and delete what is left of the one before."""
        state, digest = snapshot.state, _digest(snapshot.state)
        headers = {"schema": _SCHEMA, "content-type": b"application/msgpack", "site": self._site.encode()}
        chunks = [] if len(state) <= _CHUNK else [state[at : at + _CHUNK] for at in range(0, len(state), _CHUNK)]
        manifest = msgspec.structs.replace(snapshot.manifest, parts=len(chunks), digest=digest, state=b"" if chunks else state)
        result: list[KeptRecord] = []
        for number, chunk in enumerate(chunks):
            result.append((await self._key(number), chunk, headers | {"part": str(number).encode()}))
        result += [(await self._key(number), None, headers) for number in range(len(chunks), self._parts)]
        result.append((self._site, msgspec.msgpack.encode(manifest), headers))
        self._parts = len(chunks)
        return result

    async def _key(self, number: int) -> str:
        """Of a part."""
        while len(self._keys) <= number:
            home = await self._bus.partition_of(self._topic, self._site)
            self._keys.append(await self._first_at(home, _candidates(self._site, len(self._keys))))
        return self._keys[number]

    async def _first_at(self, home: int, keys: Iterator[str]) -> str:
        while await self._bus.partition_of(self._topic, key := next(keys)) != home:
            pass
        return key


def _candidates(site: str, part: int) -> Iterator[str]:
    attempt = 0
    while True:
        yield f"{site}/part-{part}/{attempt}"
        attempt += 1


def _digest(state: bytes) -> str:
    return hashlib.blake2b(state, digest_size=16).hexdigest()
