"""What `throughline check` finds out about a site on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from inference.engines.gpu import NoGpuError, find_gpu
from inference.errors import ModelError
from inference.models import load_models
from streams.probe import CameraReport, probe
from throughline.bus import open_bus
from throughline.bus.protocol import BusError
from throughline.commands._attach import attached_bus
from throughline.commands._capacity import Capacity, measure_capacity
from throughline.commands._exit import CommandError
from throughline.settings import EMBEDDED, Site
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource

__all__ = ["Finding", "findings_of"]

_CAMERAS_AT_ONCE: Final = 8
_ENGINE: Final = "models.engine:"
"""How notes on the choice of an engine begin."""


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
        findings += [Finding("models", "warning", note) for note in models.notes if not note.startswith(_ENGINE)]
        findings.append(_gpu(site, models.notes))
        capacity = await measure_capacity(site, models, reports)
        if capacity is not None:
            findings.append(_capacity(capacity))
        elif any(report.image is not None for report in reports):
            findings.append(Finding("capacity", "failed", "the models could not analyse a single picture of these cameras"))
    finally:
        models.close()
    return findings


def _gpu(site: Site, notes: Sequence[str]) -> Finding:
    try:
        name = find_gpu(site.models.engine.gpu).name
    except NoGpuError as error:
        return Finding("GPU", "ok", f"none found ({error}); networks run on the CPU")
    told = next((note for note in notes if note.startswith(_ENGINE)), None)
    return Finding("GPU", "ok", name if told is None else f"{name}; {told}")


def _capacity(capacity: Capacity) -> Finding:
    text = (
        f"{capacity.analysed_fps:.0f} frames a second were analysed at most, {1000 * capacity.analysis:.0f} ms of a core each; "
        f"the cameras that answer ({len(capacity.cameras)}) take about {capacity.wanted_cores:.2f} of {capacity.cores} cores"
    )
    fits = ", ".join(f"{proposal.cameras} at {proposal.fps:g}" for proposal in capacity.proposals())
    would = f"cameras like these that would fit, by frames a second: {fits}"
    if capacity.load <= 1:
        return Finding("capacity", "ok", f"{text}; {would}")
    share = capacity.fitting_rate
    advice = (
        f"analyse {share:.0%} as many frames (cameras[].fps)"
        if share > 0
        else "decoding alone is too much: have the cameras send fewer or smaller pictures"
    )
    return Finding("capacity", "warning", f"{text}, more than there is: {advice}, or use fewer cameras; {would}")
