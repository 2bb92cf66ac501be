"""What travels over a bus, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from throughline.times import Instant

__all__ = [
    "NO_GENERATION",
    "BusError",
    "Capabilities",
    "FencedError",
    "Headers",
    "Membership",
    "Place",
    "Record",
    "RecordRefusedError",
]

Headers = Mapping[str, bytes]
"""Header names and values, such as ``{"schema": b"tracklet/1"}``."""

Place: TypeAlias = tuple[str, int]
"""A topic's full name, and the number of one of its partitions."""

NO_GENERATION: Final = -1


class BusError(Exception):
    """Kafka could not be reached or refused a request; the text says what to do."""


class RecordRefusedError(BusError):
    """Kafka will never take this record, however often it is sent; others go on."""


class FencedError(BusError):
    """Another has taken over: whoever gets this may write no more, and drops what it has built."""


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
        offset: Its place in the partition. Offsets rise, with gaps where transactions ended or records were compacted.
        key: What it was published under.
        value: The payload; None deletes the key in a compacted topic.
        headers: Its headers; a repeated name keeps its last value.
        time: When it was published, by the publisher's clock; on Kafka in whole milliseconds.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=dict)
    time: Instant = 0


@dataclass(frozen=True, slots=True)
class Membership:
    """Who commits offsets for a group.

    Attributes:
        group: Its name.
        member: The member's id; empty: nobody in particular.
        generation: Of the group, when the member got its partitions; a commit in an older one is refused. `NO_GENERATION`: not
            checked, for whoever reads partitions that no group has given to it.
    """

    group: str
    member: str = ""
    generation: int = NO_GENERATION
