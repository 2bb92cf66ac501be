"""Reading a compacted topic: what stands there now, whether the broker has compacted it already or never will."""

from __future__ import annotations

from throughline.bus.protocol import Bus
from throughline.bus.records import Place, Record

__all__ = ["latest"]


async def latest(bus: Bus, place: Place, *, start: int | None = None, end: int | None = None) -> dict[bytes, Record]:
    """The last record of each key, without keys whose last record deletes them.

    Args:
        bus: Where from.
        place: Partition of a compacted topic.
        start: First offset to look at; None: the oldest there is.
        end: Offset to stop at; None: all there is.

    Raises:
        BusError: see `Bus.read`.
    """
    if start is None:
        start = (await bus.first_offsets([place]))[place]
    found: dict[bytes, Record] = {}
    async for batch in bus.read(place, start, end):
        for record in batch:
            if record.key is None:
                continue
            if record.value is None:
                found.pop(record.key, None)
            else:
                found[record.key] = record
    return found
