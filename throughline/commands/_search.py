"""Serves searches beside the matcher, with the models of the site to look at pictures."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import structlog

from inference.models import Models, load_models
from inference.motion import MotionDetector
from matcher.search.pictures import Eyes, PictureError
from matcher.search.server import Rank, SearchServer, SearchServerError
from matcher.search.service import SearchService
from throughline.bus.protocol import Bus
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Detections, Frame, Image

__all__ = ["Searches", "served_together"]

_RETRY_SECONDS = 5.0

log = structlog.get_logger(__name__)


def served_together(sites: Sequence[Site]) -> list[list[Site]]:
    """The sites whose histories are to be served, by the address that they share."""
    groups: dict[tuple[str, int], list[Site]] = {}
    for site in sites:
        if site.search.enabled:
            groups.setdefault((site.search.host, site.search.port), []).append(site)
    return list(groups.values())


class Searches:
    """The search service of some sites on one address.

    Args:
        sites: They share an address; bounds on pictures are those of the first.
        buses: The bus by site id.
        models: By site id, where they are loaded in this process anyway; others are loaded when the first picture comes.
        metrics: Of this process.
        rank: Asks the matchers of this process for a tracklet's candidates.
    """

    def __init__(
        self, sites: Sequence[Site], buses: Mapping[str, Bus], models: Mapping[str, Models], metrics: Metrics, rank: Rank
    ) -> None:
        self._sites, self._buses, self._models, self._metrics, self._rank = sites, buses, models, metrics, rank
        self._services: list[SearchService] = []
        self._server: SearchServer | None = None

    @property
    def part(self) -> str:
        """What readiness calls it."""
        return f"search {' '.join(site.site for site in self._sites)}"

    @property
    def ready(self) -> bool:
        """Whether it answers, from all that is kept."""
        return self._server is not None and all(service.ready for service in self._services)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set. A port that is taken does not keep the matcher from its work: it is waited for.

        Raises:
            BusError: Kafka cannot be reached at the start.
        """
        async with contextlib.AsyncExitStack() as stack:
            eyes = [_SiteEyes(site, self._models.get(site.site), self._metrics) for site in self._sites]
            self._services = [
                SearchService(self._buses[site.site], site, self._metrics, looking.get)
                for site, looking in zip(self._sites, eyes, strict=True)
            ]
            for looking in eyes:
                stack.callback(looking.close)
            for service in self._services:
                stack.push_async_callback(service.close)
            works = [self._serve(stop), *(service.run(stop) for service in self._services)]
            tasks = [asyncio.create_task(work) for work in works]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _serve(self, stop: asyncio.Event) -> None:
        warned = False
        while not stop.is_set():
            try:
                async with SearchServer(self._services, self._sites[0].search, self._metrics, self._rank) as self._server:
                    await stop.wait()
            except SearchServerError as error:
                if not warned:
                    log.warning("searches are not served, trying again until they can be", error=str(error))
                warned = True
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _RETRY_SECONDS)
            finally:
                self._server = None


class _SiteEyes:
    """The first embedder of a site, and its detector."""

    def __init__(self, site: Site, models: Models | None, metrics: Metrics) -> None:
        self._site, self._models, self._metrics = site, models, metrics
        self._own: Models | None = None
        self._loading = asyncio.Lock()

    async def get(self) -> Eyes:
        """See `matcher.search.pictures.Eyes`.

        Raises:
            ModelError: the models cannot be loaded.
            PictureError: the site has no embedder.
        """
        async with self._loading:
            if self._models is None:
                self._own = self._models = await asyncio.to_thread(load_models, self._site.models, self._metrics)
        models = self._models
        if not models.embedders:
            raise PictureError("models.embedders of the site file names none, so pictures cannot be described")
        embedder, _ = models.embedders[0]

        async def detect(picture: Image) -> Detections:
            return await models.detector.detect(Frame("search", 0, 0, ClockSource.FILE, 0.0, picture))

        still = not isinstance(models.detector, MotionDetector)
        return Eyes((embedder.name, embedder.hash), embedder.embed, detect if still else None)

    def close(self) -> None:
        """Frees models that were loaded here."""
        if self._own is not None:
            self._own.close()
