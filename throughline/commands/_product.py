"""Puts the parts together: workers and matcher of several sites in one process, on one bus for each Kafka."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import structlog

from inference.errors import ModelError
from inference.models import Models, load_models
from matcher.candidates import Ranking
from matcher.service import ElsewhereError, MatcherService
from streams.fleet import Fleet
from streams.recording import Recording
from throughline.bus import open_bus
from throughline.bus.protocol import Bus
from throughline.commands._attach import attached_bus
from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.commands._search import Searches, served_together
from throughline.settings import EMBEDDED, KafkaSettings, ModelsSettings, Site
from throughline.telemetry.metrics import Metrics
from throughline.telemetry.server import Readiness

__all__ = ["PARTS", "Product"]

PARTS = ("streams", "matcher")
_READY_INTERVAL = 0.5
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0

log = structlog.get_logger(__name__)


class Product:
    """The running parts of one or more sites.

    A part that fails is started again after a pause; the others go on.

    Args:
        sites: Site files.
        metrics: Of this process.
        readiness: Where each part says whether it does its work.
        parts: Which parts run here: ``streams``, ``matcher``.
        recordings: Folder, by site, below which what is detected and tracked is recorded.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        metrics: Metrics,
        readiness: Readiness,
        parts: Sequence[str] = PARTS,
        recordings: Mapping[str, Path] | None = None,
    ) -> None:
        self._sites = sites
        self._metrics = metrics
        self._readiness = readiness
        self._parts = parts
        self._recordings = recordings or {}
        self._matchers: dict[str, MatcherService] = {}
        self.started = asyncio.Event()
        """Set when every bus is connected and all parts have been started."""

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set, or until all footage is over.

        Raises:
            BusError: a Kafka cannot be reached at the start.
            CommandError: the models cannot be loaded, or the sites do not fit together.
        """
        for part in self._part_names():
            self._readiness.set(part, False, "starting")
        async with contextlib.AsyncExitStack() as stack:
            models = self._load_models(stack)
            buses = await self._open_buses(stack)
            streams_over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                if "matcher" in self._parts:
                    for kafka, sharing in self._by_kafka().items():
                        group.create_task(self._match(sharing, buses[kafka], streams_over))
                    for together in served_together(self._sites):
                        of_site = {site.site: buses[site.kafka] for site in together}
                        group.create_task(
                            self._search(Searches(together, of_site, models, self._metrics, self._candidates), streams_over)
                        )
                streaming = [
                    group.create_task(self._stream(site, models[site.site], buses[site.kafka], stop))
                    for site in self._sites
                    if "streams" in self._parts
                ]
                self.started.set()
                await (asyncio.wait(streaming) if streaming else stop.wait())
                if not stop.is_set():
                    log.info("all footage is over")
                streams_over.set()  # only now, so that the matcher still reads what the workers say last

    def _part_names(self) -> list[str]:
        streams = [f"streams {site.site}" for site in self._sites if "streams" in self._parts]
        return streams + [_matcher_of(sharing) for sharing in self._by_kafka().values() if "matcher" in self._parts]

    def _by_kafka(self) -> dict[KafkaSettings, list[Site]]:
        found: dict[KafkaSettings, list[Site]] = {}
        for site in self._sites:
            found.setdefault(site.kafka, []).append(site)
        return found

    def _load_models(self, stack: contextlib.AsyncExitStack) -> dict[str, Models]:
        """Models by site; sites that want the same share them."""
        loaded: dict[tuple[ModelsSettings, float, float], Models] = {}
        by_site = {}
        for site in self._sites if "streams" in self._parts else ():
            tracking = site.tracking
            overrides = [camera.min_confidence for camera in site.cameras if camera.min_confidence is not None]
            least = min([tracking.min_confidence, *overrides, *tracking.min_confidence_by_type.values()])
            wanted = (site.models, least, tracking.nms_iou)
            if wanted not in loaded:
                settings, confidence, overlap = wanted
                try:
                    models = load_models(settings, self._metrics, min_confidence=confidence, nms_iou=overlap)
                except ModelError as error:
                    raise CommandError(str(error), BAD_INPUT) from error
                stack.callback(models.close)
                for note in models.notes:
                    log.info(note)
                loaded[wanted] = models
            by_site[site.site] = loaded[wanted]
        return by_site

    async def _open_buses(self, stack: contextlib.AsyncExitStack) -> dict[KafkaSettings, Bus]:
        buses: dict[KafkaSettings, Bus] = {}
        for kafka in self._by_kafka():
            joins = kafka.bootstrap_servers == EMBEDDED and "streams" not in self._parts  # the workers' process has the broker
            opening = attached_bus(kafka, self._metrics) if joins else open_bus(kafka, self._metrics)
            buses[kafka] = await stack.enter_async_context(opening)
        return buses

    async def _stream(self, site: Site, models: Models, bus: Bus, stop: asyncio.Event) -> None:
        part = f"streams {site.site}"
        folder = self._recordings.get(site.site)
        recording = None if folder is None else Recording(folder, self._metrics)

        async def run() -> None:
            fleet = Fleet(site, bus, models, self._metrics, recording=recording)
            async with self._watched(part, lambda: fleet.ready, "not every camera has been tried yet"):
                await fleet.run(stop)

        try:
            await self._keep_running(part, run, stop)
        finally:
            if recording is not None:
                await asyncio.to_thread(recording.close)

    async def _match(self, sites: Sequence[Site], bus: Bus, stop: asyncio.Event) -> None:
        """The matcher of the sites that share a Kafka."""
        part = _matcher_of(sites)

        async def run() -> None:
            service = MatcherService(bus, sites, self._metrics, own_process="streams" in self._parts)
            self._matchers |= {site.site: service for site in sites}
            async with self._watched(part, lambda: service.ready, "it has not read what stands on Kafka yet"):
                await service.run(stop)

        await self._keep_running(part, run, stop)

    async def _candidates(self, site: str, tracklet: str, limit: int) -> Ranking | None:
        matcher = self._matchers.get(site)
        if matcher is None:
            raise ElsewhereError(f"the matcher of {site} has not been started yet: ask once more")
        return await matcher.candidates(site, tracklet, limit)

    async def _search(self, searches: Searches, stop: asyncio.Event) -> None:
        async def run() -> None:
            async with self._watched(
                searches.part, lambda: searches.ready, "its port is taken, or it has not read what is kept yet"
            ):
                await searches.run(stop)

        await self._keep_running(searches.part, run, stop)

    @contextlib.asynccontextmanager
    async def _watched(self, part: str, ready: Callable[[], bool], why: str) -> AsyncIterator[None]:
        """Tells the readiness of ``part`` while it runs."""

        async def watch() -> None:
            while True:
                self._readiness.set(part, ready(), why)
                await asyncio.sleep(_READY_INTERVAL)

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _keep_running(self, part: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        pause = _FIRST_PAUSE
        while not stop.is_set():
            try:
                await run()
                return
            except Exception as error:
                self._readiness.set(part, False, str(error))
                log.exception("a part failed, starting it again", part=part, pause=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _matcher_of(sites: Sequence[Site]) -> str:
    """What readiness calls the matcher of these sites."""
    return f"matcher {' '.join(site.site for site in sites)}"
