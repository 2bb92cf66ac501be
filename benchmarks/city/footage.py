"""Four cameras from pixels: the footage that ships through detector, tracker, embedder and matcher, as fast as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from benchmarks.city.cameras import CameraLog, analysed
from benchmarks.city.drawn import city_of, scored
from benchmarks.city.drawn_camera import EPOCH
from inference.models import Models, load_models
from simulation.city.site import site_of
from simulation.footage import Footage, shipped_footage
from streams.mailbox import Mailbox
from streams.reader import CameraReader
from streams.sources import FileSource
from throughline.settings import CameraSettings, Site
from throughline.telemetry.metrics import Metrics
from throughline.types import Frame

__all__ = ["run"]

_WAITING = 8
"""Decoded frames that may wait."""


def run(minutes: float | None, *, quick: bool, tell: Callable[[str], object] = print) -> tuple[dict[str, Any], str]:
    """The demo's footage: figures for programs, and tables for people."""
    footage = shipped_footage("demo")
    seconds = footage.seconds if minutes is None else min(footage.seconds, 60.0 * minutes)
    scenario = replace(footage.scenario, seconds=seconds)
    site = _with_clips(site_of(scenario, footage.fps), footage)
    metrics = Metrics()
    models = load_models(site.models, metrics)
    tell(f"{len(footage.clips)} clips of {seconds:.0f} seconds, detecting and tracking ...")
    try:
        logs = [asyncio.run(_analysed(site, site.camera(camera.id), models, seconds, metrics)) for camera in scenario.cameras]
    finally:
        models.close()
    shown = [footage.truth[camera.id] for camera in scenario.cameras]
    shown = [seen.where(seen.frames < seconds * footage.fps) for seen in shown]
    return scored(city_of(scenario, site, shown, logs), quick=quick, tell=tell)


def _with_clips(site: Site, footage: Footage) -> Site:
    cameras = tuple(
        camera.model_copy(update={"url": str(footage.clips[camera.id]), "realtime": False}) for camera in site.cameras
    )
    return site.model_copy(update={"cameras": cameras})


async def _analysed(site: Site, camera: CameraSettings, models: Models, seconds: float, metrics: Metrics) -> CameraLog:
    return await analysed(site, camera, models, _frames(site, camera, seconds, metrics))


async def _frames(site: Site, camera: CameraSettings, seconds: float, metrics: Metrics) -> AsyncIterator[Frame]:
    """Every frame of a clip that a worker would analyse, read by the product's own reader."""
    mailbox: Mailbox[Frame] = Mailbox(lossless=True, capacity=_WAITING)
    reader = CameraReader(camera, site.streams, lambda: FileSource(camera, EPOCH), mailbox, metrics)
    reader.start()
    try:
        while (frame := await mailbox.get()) is not None:
            if frame.captured >= EPOCH + seconds * 1e6:
                break
            yield frame
        if reader.crash is not None:
            raise reader.crash
    finally:
        await reader.stop()
