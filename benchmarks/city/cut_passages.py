"""Tracklets of cameras that nobody tracked: true passages, cut as a tracker would cut them, with drawn looks."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.city.cameras import Arrival
from benchmarks.city.drawn_camera import EMBEDDER, EPOCH
from simulation.appearance import Crops, DrawnAttributes, DrawnEmbeddings
from simulation.appearance.attributes import TYPES
from simulation.appearance.detections import crops_of
from simulation.appearance.randomness import Keys, keys_of, uniforms
from simulation.city import Scenario, Sightings
from simulation.city.truth import annotated
from throughline.ground import GroundPlane
from throughline.messages import Clock, Embedding, PathPoint, Progress, Tracklet
from throughline.settings import Site
from throughline.times import Instant, after
from throughline.types import ClockSource, FloatArray, IntArray

__all__ = ["CutPassage", "Fragmentation", "arrivals_of", "cut_passages"]

_CUT = 70
"""What is drawn; see `simulation.appearance.randomness.keys_of`."""
_PICTURES = 4
_HASH = "1" * 16
_CLOCK: Final = Clock(ClockSource.RTCP, 0.0)
_CLOSED_AFTER = 1.0
"""Seconds after the last sighting that a tracklet is closed."""


@dataclass(frozen=True, slots=True)
class Fragmentation:
    """How a tracker cuts passages.

    Attributes:
        broken: Share of passages that become two tracklets.
        gap: Seconds between the two, mean of an exponential distribution.
        late: Seconds by which a track begins late, and ends early, mean of an exponential distribution.
        shortest: Seconds; shorter tracklets are lost.
    """

    broken: float = 0.05
    gap: float = 0.8
    late: float = 0.2
    shortest: float = 0.5


@dataclass(frozen=True, slots=True)
class CutPassage:
    """One tracklet.

    Attributes:
        tracklet: Its id.
        camera: Camera id.
        vehicle: Whom it shows.
        start: First sighting.
        end: Last sighting.
        times: (K,) instants of the path.
        boxes: (K, 4) corners in pixels.
        crops: What pictures of it show.
    """

    tracklet: str
    camera: str
    vehicle: int
    start: Instant
    end: Instant
    times: IntArray
    boxes: FloatArray
    crops: Crops


def cut_passages(sightings: Iterable[Sightings], scenario: Scenario, model: Fragmentation | None = None) -> Iterator[CutPassage]:
    """The tracklets of each camera, one after the other.

    Args:
        sightings: What each camera truly shows, a few frames a second.
        scenario: Its cameras and its seed.
        model: How a tracker cuts.
    """
    model = model or Fragmentation()
    cameras = {camera.id: camera for camera in scenario.cameras}
    for all_seen in sightings:
        seen = annotated(all_seen)
        if not len(seen):
            continue
        camera = cameras[seen.camera]
        crops = crops_of(seen, camera)
        order = np.lexsort((seen.frames, crops.visits, seen.vehicles))
        changed = (np.diff(seen.vehicles[order]) != 0) | (np.diff(crops.visits[order]) != 0)
        for rows in np.split(order, np.flatnonzero(changed) + 1):
            vehicle, visit = int(seen.vehicles[rows[0]]), int(crops.visits[rows[0]])
            key = keys_of(_CUT, scenario.seed, camera.number, vehicle, visit)
            times = seen.frames[rows] / seen.fps
            for number, (start, end) in enumerate(_cut(float(times[0]), float(times[-1]), key, model)):
                inside = rows[(times >= start) & (times <= end)]
                if not len(inside):
                    continue
                first = after(EPOCH, start)
                yield CutPassage(
                    f"{camera.id}-{first}-{vehicle * 100 + visit * 2 + number}",
                    camera.id,
                    vehicle,
                    first,
                    after(EPOCH, end),
                    np.array([after(EPOCH, float(at)) for at in seen.frames[inside] / seen.fps], np.int64),
                    np.asarray(seen.boxes[inside], np.float32),
                    crops.where(inside[np.linspace(0, len(inside) - 1, min(_PICTURES, len(inside))).astype(np.int64)]),
                )


def _cut(start: float, end: float, key: Keys, model: Fragmentation) -> list[tuple[float, float]]:
    broken, where, *waits = uniforms(key, 5)[0].tolist()
    late, early, gap = (-np.log(wait) * mean for wait, mean in zip(waits, (model.late, model.late, model.gap), strict=True))
    start, end = start + float(late), end - float(early)
    parts = [(start, end)]
    if broken < model.broken:
        cut = start + (0.2 + 0.6 * where) * (end - start)
        parts = [(start, cut), (cut + float(gap), end)]
    return [(first, last) for first, last in parts if last - first >= model.shortest]


def arrivals_of(
    passages: Sequence[CutPassage], site: Site, embeddings: DrawnEmbeddings, attributes: DrawnAttributes, seconds: float
) -> Iterator[Arrival]:
    """Opened, updated every second, closed; and every camera's progress, each second.

    Args:
        passages: In any order.
        site: Cameras with their grounds.
        embeddings: Draws how vehicles look.
        attributes: Draws what is told of them.
        seconds: Length of the scenario; then the streams end.
    """
    grounds = {
        camera.id: GroundPlane(camera.ground, camera.size)
        for camera in site.cameras
        if camera.ground is not None and camera.size is not None
    }
    waiting = sorted(passages, key=lambda passage: (passage.start, passage.tracklet), reverse=True)
    queue: list[tuple[Instant, str, _Reports]] = []
    second = 0
    while waiting or queue:
        until = after(EPOCH, second + 1.0)
        while waiting and waiting[-1].start < until:
            begun = _Reports(waiting.pop(), site, grounds, embeddings, attributes)
            heapq.heappush(queue, (begun.due, begun.passage.tracklet, begun))
        while queue and queue[0][0] < until:
            at, name, reports = heapq.heappop(queue)
            yield Arrival(at, reports.report())
            if not reports.over:
                heapq.heappush(queue, (reports.due, name, reports))
        for camera in site.cameras:
            yield Arrival(until, Progress(site.site, camera.id, until))
        second += 1
    last = after(EPOCH, max(seconds, float(second)))
    for camera in site.cameras:
        yield Arrival(last, Progress(site.site, camera.id, last, end_of_stream=True))


@dataclass(slots=True)
class _Reports:
    """The records of one tracklet, one after the other."""

    passage: CutPassage
    site: Site
    grounds: dict[str, GroundPlane]
    embeddings: DrawnEmbeddings
    attributes: DrawnAttributes
    due: Instant = field(init=False)
    over: bool = False
    revision: int = 0
    _looks: FloatArray | None = None
    _told: dict[str, FloatArray] = field(default_factory=dict)
    _path: list[PathPoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.due = after(self.passage.start, 0.3)

    def report(self) -> Tracklet:
        """The record that is due."""
        passage = self.passage
        if self._looks is None:
            self._draw()
        closed = self.due > passage.end
        now = min(self.due, passage.end)
        told = tuple(self._path) if closed else tuple(p for p in self._path if now - 1_000_000 < p.at <= now)
        seen = max(1, round(len(passage.crops) * min(1.0, (now - passage.start) / max(1, passage.end - passage.start))))
        record = Tracklet(
            self.site.site,
            passage.camera,
            passage.tracklet,
            self.revision,
            "closed" if closed else "updated" if self.revision else "opened",
            passage.start,
            now,
            _CLOCK,
            types=self._types(seen),
            path=told,
            embeddings=self._embeddings(seen) if closed or self.revision < _PICTURES else (),
            orientation=self._mean("orientation", seen),
            attributes={"colour": self._mean("colour", seen)},
            quality=0.7,
            sightings=max(1, int((now - passage.start) / 1e5)),
            close_reason="left" if closed else None,
        )
        self.revision += 1
        self.over = closed
        self.due = after(now, 1.0) if after(now, 1.0) <= passage.end else after(passage.end, _CLOSED_AFTER)
        return record

    def _draw(self) -> None:
        passage = self.passage
        self._looks = self.embeddings.of(passage.crops)
        self._told = {"type": self.attributes.of("type", passage.crops)}
        self._told |= {"colour": self.attributes.of("colour", passage.crops)}
        self._told |= {"orientation": self.attributes.of("orientation", passage.crops)}
        ground = self.grounds.get(passage.camera)
        for at, (x1, y1, x2, y2) in zip(passage.times.tolist(), passage.boxes.tolist(), strict=True):
            place = None if ground is None else ground.at((x1 + x2) / 2, y2)
            self._path.append(PathPoint(at, x1, y1, x2 - x1, y2 - y1, place))

    def _embeddings(self, seen: int) -> tuple[Embedding, ...]:
        assert self._looks is not None  # noqa: S101 - drawn before the first record
        looks = self._looks[:seen]
        mean = looks.mean(axis=0)
        return (Embedding.of(EMBEDDER, _HASH, mean / np.linalg.norm(mean), looks[:3]),)

    def _mean(self, attribute: str, seen: int) -> tuple[float, ...]:
        return tuple(self._told[attribute][:seen].mean(axis=0).tolist())

    def _types(self, seen: int) -> dict[str, float]:
        return dict(zip(TYPES, self._mean("type", seen), strict=True))
