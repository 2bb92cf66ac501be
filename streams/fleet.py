"""All cameras of a site in one process, each on its own: one that fails never stops another."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

import structlog

from inference.models import Models
from streams.backoff import Backoff
from streams.crop_budget import CropBudget
from streams.media import Media, MediaServer
from streams.pressure import Pressure
from streams.recording import Recording
from streams.worker import CameraWorker
from throughline.bus.pipeline import Pipeline
from throughline.bus.protocol import Bus
from throughline.messages import CameraStatus
from throughline.settings import CameraSettings, Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, to_instant

__all__ = ["Fleet"]

_STEADY: Final = 60.0
"""Seconds after which a worker's next crash counts as its first."""
_LONGEST_PAUSE: Final = 30.0


class Fleet:
    """Runs a worker for every camera that has a ``url``, starts it again when it crashes, and serves their pictures.

    Args:
        site: The site file.
        bus: A started bus.
        models: Detector and embedders; whoever loaded them closes them.
        metrics: What is counted.
        started: Capture time of the first picture of recordings; default: when `run` begins.
        recording: Where detections and tracks are recorded; whoever made it closes it.
    """

    def __init__(
        self,
        site: Site,
        bus: Bus,
        models: Models,
        metrics: Metrics,
        *,
        started: Instant | None = None,
        recording: Recording | None = None,
    ) -> None:
        self._site = site
        self._bus = bus
        self._models = models
        self._metrics = metrics
        self._started = started
        self._recording = recording
        self._cameras = [camera for camera in site.cameras if camera.url is not None]
        self._pressure = Pressure(site.site, site.streams.pressure, metrics)
        rate = site.models.crops_per_second
        self._budget = None if rate is None else CropBudget(rate, max(1, len(self._cameras)))
        self._workers: dict[str, CameraWorker] = {}
        self._crashed: set[str] = set()
        self._log = structlog.get_logger(__name__).bind(site=site.site)
        self.media_url: str | None = None
        """Where pictures are served, while it runs."""

    @property
    def ready(self) -> bool:
        """Every camera has given a picture, or failed, at least once."""
        attempted = {camera for camera, worker in self._workers.items() if worker.attempted} | self._crashed
        return all(camera.id in attempted for camera in self._cameras)

    def statuses(self) -> list[CameraStatus]:
        """How the cameras are doing right now."""
        return [worker.status() for worker in self._workers.values()]

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set or all footage is over.

        Raises:
            OSError: the port for pictures is taken.
        """
        streams = self._site.streams
        media = Media(streams.best_shots_kept, self._metrics)
        started = to_instant(time.time()) if self._started is None else self._started
        async with (
            MediaServer(media, streams.media_host, streams.media_port) as server,
            Pipeline(self._bus, self._site.kafka, self._metrics) as pipeline,
            asyncio.TaskGroup() as group,
        ):
            self.media_url = server.url
            for camera in self._cameras:
                group.create_task(self._keep_running(camera, pipeline, media, started, stop), name=f"camera {camera.id}")

    async def _keep_running(
        self, camera: CameraSettings, pipeline: Pipeline, media: Media, started: Instant, stop: asyncio.Event
    ) -> None:
        streams = self._site.streams
        backoff = Backoff(streams.reconnect_initial, max(streams.reconnect_max, _LONGEST_PAUSE), streams.reconnect_jitter)
        while not stop.is_set():
            began = time.monotonic()
            try:
                worker = CameraWorker(
                    self._site,
                    camera,
                    self._models,
                    pipeline,
                    self._metrics,
                    media,
                    media_url=self.media_url,
                    started=started,
                    recorder=None if self._recording is None else self._recording.camera(camera),
                    pressure=self._pressure,
                    budget=self._budget,
                )
                self._workers[camera.id] = worker
                await worker.run(stop)
                return
            except Exception:  # noqa: BLE001 - whatever it is, the other cameras go on
                self._crashed.add(camera.id)
                self._metrics.worker_restarts.labels(camera.id).inc()
                self._log.exception("camera worker crashed, starting it again", camera=camera.id)
            if time.monotonic() - began >= _STEADY:
                backoff.reset()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), backoff.pause())
