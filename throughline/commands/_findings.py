"""What `throughline check` finds out about a site on this machine."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from inference.errors import ModelError
from inference.models import Models, load_models
from inference.threads import available_cores
from streams.probe import CameraReport, probe
from throughline.bus import open_bus
from throughline.bus.protocol import BusError
from throughline.commands._attach import attached_bus
from throughline.commands._exit import CommandError
from throughline.settings import EMBEDDED, Site
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Frame, Image

__all__ = ["Finding", "findings_of"]

_USABLE_SHARE: Final = 0.8
"""Of the cores: the rest is for Kafka, the matcher and the unforeseen."""
_TRIALS: Final = 12
_CROPS_A_SECOND: Final = 5.0
"""Pictures of single vehicles that a camera with traffic has embedded."""
_CAMERAS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    subject: str
    state: Literal["ok", "warning", "failed"]
    text: str


async def findings_of(site: Site, seconds: float) -> list[Finding]:
    """Tries links, cameras (each for ``seconds``), Kafka, models, GPU and capacity."""
    cameras = [camera for camera in site.cameras if camera.url is not None]
    limit = asyncio.Semaphore(_CAMERAS_AT_ONCE)

    async def look(index: int) -> CameraReport:
        async with limit:
            return await asyncio.to_thread(probe, cameras[index], site.streams, seconds)

    reports = await asyncio.gather(*(look(index) for index in range(len(cameras))))
    findings = _links(site) + [_camera(site, report) for report in reports]
    if not cameras:
        findings.append(Finding("cameras", "warning", "none has a url: this site can serve recorded tracks only"))
    return findings + await _kafka(site) + await _models(site, reports)


def _links(site: Site) -> list[Finding]:
    linked = {end for link in site.links for end in (link.from_, link.to)} | {
        camera for group in site.groups.values() for camera in group.cameras
    }
    alone = [camera.id for camera in site.cameras if camera.id not in linked]
    if alone and site.unlisted_links == "deny" and len(site.cameras) > 1:
        text = f"no link joins {', '.join(alone)}, and unlisted_links is deny: vehicles there are never matched"
        return [Finding("links", "warning", text)]
    return []


def _camera(site: Site, report: CameraReport) -> Finding:
    subject = f"camera {report.camera}"
    if report.error is not None:
        return Finding(subject, "failed", report.error)
    wanted = site.camera(report.camera).fps
    text = (
        f"{report.size[0]}x{report.size[1]}, {report.fps:.1f} frames a second, first picture after {report.first_picture:.1f} s, "
        f"time from {report.clock}"
    )
    if report.age is not None:
        text += f", {report.age * 1000:.0f} ms old on arrival"
    if report.refused:
        text += (
            f"; {report.refused} capture times refused: its clock is ahead of this machine's; set it by NTP, or set clock.offset"
        )
        return Finding(subject, "warning", text)
    if report.clock is ClockSource.ARRIVAL:
        text += ": it sends no RTCP reports (yet), so network delay shifts its times; say how far with clock.uncertainty"
        return Finding(subject, "warning", text)
    if report.age is not None and not -0.5 < report.age < 5.0:
        return Finding(subject, "warning", f"{text}: its clock is off; set it by NTP, or correct it with clock.offset")
    if report.fps and report.fps < 0.9 * wanted:
        return Finding(subject, "warning", f"{text}: fewer than the {wanted:g} to be analysed")
    return Finding(subject, "ok", text)


async def _kafka(site: Site) -> list[Finding]:
    servers = site.kafka.bootstrap_servers
    try:
        async with open_bus(site.kafka, Metrics()) as bus:
            durable = bus.capabilities.durable
    except BusError as error:
        if servers != EMBEDDED:
            return [Finding("kafka", "failed", str(error))]
        try:  # the port may be taken because the product runs already
            async with attached_bus(site.kafka, Metrics()):
                return [Finding("kafka", "ok", "the embedded broker of a running `throughline run` answers")]
        except (BusError, CommandError):
            return [Finding("kafka", "failed", str(error))]
    text = f"{servers} answers"
    return [Finding("kafka", "ok" if durable else "warning", text if durable else f"{text}; it forgets everything when it stops")]


async def _models(site: Site, reports: Sequence[CameraReport]) -> list[Finding]:
    try:
        models = load_models(site.models, Metrics())
    except ModelError as error:
        return [Finding("models", "failed", str(error))]
    try:
        names = [models.detector.name, *(embedder.name for embedder, _ in models.embedders)]
        findings = [Finding("models", "ok", ", ".join(names))]
        findings += [Finding("models", "warning", note) for note in models.notes]
        gpu = (
            "found by nvidia-smi, not used by these engines"
            if shutil.which("nvidia-smi")
            else "none found; networks run on the CPU"
        )
        findings.append(Finding("GPU", "ok", gpu))
        cost = 0.0
        for report in reports:
            if report.image is not None:
                fps = min(site.camera(report.camera).fps, report.fps or np.inf)
                cost += report.decoding * report.fps + await _analysis_cost(models, report.camera, report.image, fps)
        if cost:
            findings.append(_capacity(site, cost, sum(report.image is not None for report in reports)))
    finally:
        models.close()
    return findings


async def _analysis_cost(models: Models, camera: str, image: Image, fps: float) -> float:
    """Cores that detection and embedding take for one camera."""
    frames = [Frame(camera, number, number * 100_000, ClockSource.FILE, 0.0, image) for number in range(_TRIALS + 1)]
    await models.detector.detect(frames[0])  # the first call also prepares what later ones reuse
    began = time.process_time()
    for frame in frames[1:]:
        await models.detector.detect(frame)
    detecting = (time.process_time() - began) / _TRIALS
    crop = np.ascontiguousarray(image[:128, :128])
    began = time.process_time()
    for embedder, _ in models.embedders:
        await embedder.embed([crop])
    return detecting * fps + (time.process_time() - began) * _CROPS_A_SECOND


def _capacity(site: Site, cost: float, cameras: int) -> Finding:
    cores = available_cores()
    usable = _USABLE_SHARE * cores
    text = f"decoding, detection and embedding of the cameras that answer ({cameras}) take about {cost:.2f} of {cores} cores"
    if cost <= usable:
        return Finding("capacity", "ok", f"{text}; about {int(cameras * usable / cost)} cameras like these would fit")
    rate = max(camera.fps for camera in site.cameras) * usable / cost
    advice = f"analyse about {rate:.1f} frames a second (cameras[].fps), or fewer cameras"
    return Finding("capacity", "warning", f"{text}, more than there is: {advice}")
