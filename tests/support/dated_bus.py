"""A bus in memory whose records are a millisecond apart, with a matcher's whole life on it: what replays read."""

from __future__ import annotations

import asyncio
import dataclasses

from matcher.service import MatcherService
from tests.support.traffic import drive, streamed
from throughline.bus import Headers, MemoryBus
from throughline.bus.publisher import Publisher
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics

__all__ = ["DatedBus", "lived", "serve"]


class DatedBus(MemoryBus):
    """A moment between any two records can be named: record n was published n milliseconds after 1970."""

    def append(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        super().append(topic, key, value, headers)
        for log in self._logs[topic]:
            if log:
                log[-1] = dataclasses.replace(log[-1], time=1000 * log[-1].offset)


async def serve(bus: MemoryBus, site: Site) -> None:
    """A matcher that decides on all there is."""
    stop = asyncio.Event()
    stop.set()
    await MatcherService(bus, [site], Metrics()).run(stop)


async def lived(site: Site, vehicles: int = 20, seed: int = 4) -> DatedBus:
    """A started bus with a site's tracklets, the matches that followed, and snapshots of the matcher."""
    bus = DatedBus()
    await bus.start()
    publisher = Publisher(bus, site.kafka)
    records = streamed(site, drive(site, vehicles, seed=seed), step=2.0)
    for start in range(0, len(records), 150):
        for record in records[start : start + 150]:
            await publisher.publish(record)
        await serve(bus, site)
    return bus
