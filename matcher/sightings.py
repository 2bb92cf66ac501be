"""What the matcher keeps of a tracklet, and where it finds it again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from throughline.messages import BestShot, Clock, Tracklet, TrackletRef
from throughline.times import Instant
from throughline.types import FloatArray

__all__ = ["Appearance", "Gallery", "ModelKey", "Sighting", "look"]

ModelKey: TypeAlias = tuple[str, str]
"""Name and hash of a network: only vectors of one network compare."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a vehicle looks to one network: ``mean`` (D,) and ``exemplars`` (K, D), float32 with unit rows."""

    mean: FloatArray
    exemplars: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One revision of a tracklet, unpacked.

    Attributes:
        id: Tracklet id.
        camera: Camera id.
        revision: Revision of the tracklet.
        start: First sighting.
        end: Latest sighting.
        open: The vehicle is still in view, so ``end`` may yet grow.
        clock: Source and uncertainty of the times.
        looks: Appearance by network.
        types: Probability by vehicle type.
        best_shot: Reference of the best picture.
    """

    id: str
    camera: str
    revision: int
    start: Instant
    end: Instant
    open: bool
    clock: Clock
    looks: Mapping[ModelKey, Appearance] = field(default_factory=dict)
    types: Mapping[str, float] = field(default_factory=dict)
    best_shot: BestShot | None = None

    @property
    def order(self) -> tuple[Instant, str]:
        """Sorts sightings by their start; the id breaks ties."""
        return self.start, self.id

    def after(self, former: Sighting | None) -> Sighting:
        """This revision, with what it leaves out because it has not changed since the ``former`` one."""
        if former is None or (self.looks and self.types and self.best_shot):
            return self
        return replace(
            self,
            looks=self.looks or former.looks,
            types=self.types or former.types,
            best_shot=self.best_shot or former.best_shot,
        )

    def closed(self) -> Sighting:
        """The same, taken as over."""
        return replace(self, open=False)

    def reference(self) -> TrackletRef:
        """As an event names it."""
        shot = None if self.best_shot is None else self.best_shot.path
        return TrackletRef(self.camera, self.id, self.start, self.end, shot)


def look(tracklet: Tracklet) -> Sighting:
    """Unpacks a record.

    Raises:
        UnreadableMessageError: an embedding is not what it says.
    """
    looks = {
        (embedding.model, embedding.hash): Appearance(embedding.vector(), embedding.exemplar_vectors())
        for embedding in tracklet.embeddings
    }
    return Sighting(
        tracklet.tracklet,
        tracklet.camera,
        tracklet.revision,
        tracklet.start,
        tracklet.end,
        tracklet.state != "closed",
        tracklet.clock,
        looks,
        tracklet.types,
        tracklet.best_shot,
    )


class Gallery:
    """The sightings that can still be joined, by camera and time; one revision of each tracklet."""

    def __init__(self) -> None:
        self._by_id: dict[str, Sighting] = {}
        self._by_start: dict[str, list[tuple[Instant, str]]] = {}
        self._by_end: dict[str, list[tuple[Instant, str]]] = {}
        self._open: dict[str, dict[str, None]] = {}
        self._all_by_end: list[tuple[Instant, str]] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Sighting]:
        return iter(self._by_id.values())

    def get(self, tracklet: str) -> Sighting | None:
        """The sighting with this tracklet id."""
        return self._by_id.get(tracklet)

    def count(self, camera: str) -> int:
        """Sightings of one camera."""
        return len(self._by_start.get(camera, ()))

    def put(self, sighting: Sighting) -> None:
        """Adds a sighting, or replaces its former revision."""
        if (former := self._by_id.get(sighting.id)) is not None:
            self.remove(former.id)
        self._by_id[sighting.id] = sighting
        insort(self._by_start.setdefault(sighting.camera, []), (sighting.start, sighting.id))
        insort(self._by_end.setdefault(sighting.camera, []), (sighting.end, sighting.id))
        insort(self._all_by_end, (sighting.end, sighting.id))
        if sighting.open:
            self._open.setdefault(sighting.camera, {})[sighting.id] = None

    def remove(self, tracklet: str) -> None:
        """Forgets a sighting; unknown ids are fine."""
        sighting = self._by_id.pop(tracklet, None)
        if sighting is None:
            return
        for times, at in ((self._by_start[sighting.camera], sighting.start), (self._by_end[sighting.camera], sighting.end)):
            del times[bisect_left(times, (at, tracklet))]
        del self._all_by_end[bisect_left(self._all_by_end, (sighting.end, tracklet))]
        if sighting.open:
            del self._open[sighting.camera][tracklet]

    def started(self, camera: str, first: Instant, last: Instant) -> Iterator[Sighting]:
        """Sightings of a camera that started from ``first`` to ``last``, in that order."""
        return self._range(self._by_start.get(camera, []), first, last)

    def ended(self, camera: str, first: Instant, last: Instant) -> Iterator[Sighting]:
        """Sightings of a camera that ended (or were last seen) from ``first`` to ``last``, in that order."""
        return self._range(self._by_end.get(camera, []), first, last)

    def opened(self, camera: str) -> Iterator[Sighting]:
        """Sightings of a camera whose end is not known yet."""
        return (self._by_id[tracklet] for tracklet in tuple(self._open.get(camera, ())))

    def oldest(self) -> Sighting | None:
        """The sighting that ended first."""
        return self._by_id[self._all_by_end[0][1]] if self._all_by_end else None

    def _range(self, times: list[tuple[Instant, str]], first: Instant, last: Instant) -> Iterator[Sighting]:
        low, high = bisect_left(times, (first, "")), bisect_right(times, (last, "\U0010ffff"))
        return (self._by_id[tracklet] for _, tracklet in times[low:high])
