"""A search service and its HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from matcher.candidates import Ranking
from matcher.search.pictures import Eyes
from matcher.search.server import Rank, SearchServer
from matcher.search.service import SearchService
from matcher.service import ElsewhereError
from tests.support.bus import until
from throughline.bus.protocol import Bus
from throughline.bus.publisher import Message, Publisher
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics

__all__ = ["Asked", "nowhere", "publish", "serving"]


@dataclass(frozen=True)
class Asked:
    """A running service and where it is asked."""

    service: SearchService
    url: str
    metrics: Metrics

    async def post(self, body: Any, **parameters: str) -> tuple[int, dict[str, Any]]:
        """Asks for a picture (bytes) or anything else (JSON); gives status and answer."""
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/search", params=parameters, **content) as response,
        ):
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and answer."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}") as response:
            return response.status, await response.json()


async def nowhere(site: str, tracklet: str, limit: int) -> Ranking | None:
    """A process without a matcher."""
    raise ElsewhereError(f"the matcher of {site} is not in this process")


async def publish(bus: Bus, site: Site, messages: Iterable[Message]) -> None:
    """Puts messages where the parts of the product would."""
    publisher = Publisher(bus, site.kafka)
    for message in messages:
        await publisher.publish(message)


@contextlib.asynccontextmanager
async def serving(sites: Sequence[Site], bus: Bus, eyes: Eyes, rank: Rank = nowhere, **options: Any) -> AsyncIterator[Asked]:
    """Serves the histories of ``sites``, once all that stands on the bus has been read."""
    metrics, stop = Metrics(), asyncio.Event()

    async def looking() -> Eyes:
        return eyes

    services = [SearchService(bus, site, metrics, looking, **options) for site in sites]
    running = [asyncio.create_task(service.run(stop)) for service in services]
    try:
        async with SearchServer(services, sites[0].search, metrics, rank) as server:
            await until(lambda: all(service.ready for service in services) or any(task.done() for task in running))
            yield Asked(services[0], server.url, metrics)
    finally:
        stop.set()
        await asyncio.gather(*running)
        for service in services:
            await service.close()
