"""Cameras of a city through the product's own analysis, off line: detections, tracks, tracklets, in event-time order."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from benchmarks.city.drawn_camera import DrawnCity, frame_of
from inference.models import Models
from simulation.city import CityCamera, Scenario, Sightings
from streams.analysis import CameraAnalysis
from streams.media import Media
from streams.recording import CameraRecorder
from throughline.formats.aicity import AiCityRow
from throughline.messages import MatcherRecord, Progress, Tracklet
from throughline.settings import CameraSettings, Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, seconds_between
from throughline.types import Detections, Frame, Tracks

__all__ = ["Arrival", "CameraLog", "analysed", "closed_only", "drawn_logs", "in_order"]

TrackBox: TypeAlias = tuple[int, float, float, float, float]
"""Frame (from 1), x, y, width and height."""

_SHOTS_KEPT = 10


class Arrival(NamedTuple):
    """A record, and the capture time of the frame that gave rise to it."""

    at: Instant
    record: MatcherRecord


@dataclass(slots=True)
class CameraLog:
    """What became of one camera's footage.

    Attributes:
        camera: Camera id.
        number: Camera number.
        arrivals: Records, in order.
        boxes: By tracklet id, the boxes of its track.
    """

    camera: str
    number: int
    arrivals: list[Arrival] = field(default_factory=list)
    boxes: dict[str, list[TrackBox]] = field(default_factory=dict)

    @property
    def closed(self) -> dict[str, Tracklet]:
        """By tracklet id, its last record."""
        records = (arrival.record for arrival in self.arrivals)
        return {one.tracklet: one for one in records if isinstance(one, Tracklet) and one.state == "closed"}

    def rows(self, ids: dict[str, int]) -> list[AiCityRow]:
        """The tracks' boxes under these ids, by tracklet id; those without one are left out."""
        return [
            AiCityRow(self.number, ids[tracklet], *box)
            for tracklet, boxes in self.boxes.items()
            if tracklet in ids
            for box in boxes
        ]


def in_order(logs: Sequence[CameraLog]) -> Iterator[Arrival]:
    """The records of all cameras as they would come to the matcher: by the frames that gave rise to them."""
    return heapq.merge(*(log.arrivals for log in logs), key=lambda arrival: arrival.at)


def closed_only(arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
    """Each tracklet once, when it is over, as recorded ones come: for what is final, at a tenth of the work."""
    for arrival in arrivals:
        if not isinstance(arrival.record, Tracklet) or arrival.record.state == "closed":
            yield arrival


def drawn_logs(scenario: Scenario, site: Site, sightings: Sequence[Sightings], city: DrawnCity | None = None) -> list[CameraLog]:
    """Each camera of a scenario without pictures, through the product's tracker and tracklets.

    Args:
        scenario: Who is where.
        site: Its site file.
        sightings: What each camera truly shows, in the order of the scenario's cameras, all frames that the site file wants.
        city: Draws what networks say; default: as well as the shipped ones.
    """
    city = city or DrawnCity(scenario)
    logs = []
    for camera, seen in zip(scenario.cameras, sightings, strict=True):
        frames = round(scenario.seconds * seen.fps)
        models = city.camera(camera, seen, frames)
        shown = _drawn_frames(camera, frames, seen.fps)
        logs.append(asyncio.run(analysed(site, site.camera(camera.id), models, shown)))
    return logs


async def _drawn_frames(camera: CityCamera, count: int, fps: float) -> AsyncIterator[Frame]:
    for number in range(count):
        yield frame_of(camera, number, fps)


async def analysed(site: Site, camera: CameraSettings, models: Models, frames: AsyncIterator[Frame]) -> CameraLog:
    """The frames of one camera through the product's own analysis, one after the other, to the end of the footage."""
    metrics = Metrics()
    boxes = _Boxes()
    analysis = CameraAnalysis(site, camera, models, metrics, Media(_SHOTS_KEPT, metrics), boxes)
    log = CameraLog(camera.id, camera.number or 0)
    reported: Instant | None = None
    at, count = None, 0
    async for frame in frames:
        at, count = frame.captured, count + 1
        log.arrivals += [Arrival(at, record) for record in await analysis.analyse(frame)]
        if reported is None or seconds_between(reported, at) >= site.streams.progress_interval:
            reported = at
            if (progress := analysis.progress()) is not None:
                log.arrivals.append(Arrival(at, progress))
    if at is not None:
        log.arrivals += [Arrival(at, record) for record in analysis.close("stream_ended")]
        log.arrivals.append(Arrival(at, Progress(site.site, camera.id, at, end_of_stream=True)))
    if analysis.analysed != count:
        raise RuntimeError(f"{camera.id}: {count - analysis.analysed} of {count} frames could not be analysed")
    log.boxes = {tracklet: boxes.of_track[int(tracklet.rsplit("-", 1)[1])] for tracklet in log.closed}
    return log


class _Boxes(CameraRecorder):
    """Keeps the boxes of all tracks, instead of writing them to files."""

    def __init__(self) -> None:
        self.of_track: dict[int, list[TrackBox]] = {}
        self._frame_at: dict[Instant, int] = {}

    def record(self, frame: Frame, detections: Detections, tracks: Tracks) -> None:  # noqa: ARG002 - tracks alone are wanted
        self._frame_at[frame.captured] = frame.number + 1
        for sightings in tracks.earlier:
            for at, box in zip(sightings.times.tolist(), sightings.boxes.tolist(), strict=True):
                self._keep(sightings.id, self._frame_at[at], box)
        for track, box in zip(tracks.ids.tolist(), tracks.boxes.tolist(), strict=True):
            self._keep(track, frame.number + 1, box)

    def cut(self) -> None:
        """Numbers of tracks go on."""

    def _keep(self, track: int, frame: int, box: list[float]) -> None:
        x1, y1, x2, y2 = box
        self.of_track.setdefault(track, []).append((frame, x1, y1, x2 - x1, y2 - y1))
