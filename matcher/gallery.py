"""Which sightings can still be joined, and where by road and time those are that could be next to one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from matcher.sightings import Sighting
from matcher.table import SightingTable
from matcher.topology import Link, Topology
from throughline.times import MICROSECONDS, Instant

__all__ = ["Gallery"]

_ONE_DAY = 86_400 * MICROSECONDS


@dataclass(slots=True)
class _Times:
    """Slots by an instant."""

    at: list[Instant] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)

    def put(self, at: Instant, slot: int) -> None:
        place = bisect_right(self.at, at)
        self.at.insert(place, at)
        self.slots.insert(place, slot)

    def remove(self, at: Instant, slot: int) -> None:
        place = self.slots.index(slot, bisect_left(self.at, at))
        del self.at[place], self.slots[place]

    def between(self, first: Instant, last: Instant) -> list[int]:
        return self.slots[bisect_left(self.at, first) : bisect_right(self.at, last)]


@dataclass(slots=True)
class _Camera:
    """One camera's sightings; the end of an open one is not known, so it stands apart, with where it was seen last."""

    starts: _Times = field(default_factory=_Times)
    ends: _Times = field(default_factory=_Times)
    open: dict[int, Instant] = field(default_factory=dict)


class Gallery:
    """Slots by camera and time, one for each tracklet.

    The work for a sighting grows with the vehicles within the windows of its camera's links, not with the number of
    cameras or with what the gallery holds.

    Args:
        table: What the slots hold.
        topology: The roads.
    """

    def __init__(self, table: SightingTable, topology: Topology) -> None:
        self._table, self._topology = table, topology
        self._slots: dict[str, int] = {}
        self._cameras: dict[str, _Camera] = {camera: _Camera() for camera in topology.cameras}

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, tracklet: str) -> int | None:
        """Where a tracklet is, if it is here."""
        return self._slots.get(tracklet)

    def get(self, tracklet: str) -> Sighting | None:
        """The sighting with this tracklet id."""
        slot = self._slots.get(tracklet)
        return None if slot is None else self._table.at(slot)

    def count(self, camera: str) -> int:
        """Sightings of one camera."""
        return len(self._cameras[camera].starts.slots)

    def put(self, sighting: Sighting) -> int:
        """Adds a sighting, or replaces its former revision, and returns its slot."""
        camera = self._cameras[sighting.camera]
        slot = self._slots.get(sighting.id)
        if slot is None:
            slot = self._table.add(sighting)
            self._slots[sighting.id] = slot
            camera.starts.put(sighting.start, slot)
        else:
            former = self._table.at(slot)
            self._table.change(slot, sighting)
            if former.start != sighting.start:
                camera.starts.remove(former.start, slot)
                camera.starts.put(sighting.start, slot)
            if not former.open:
                camera.ends.remove(former.end, slot)
            elif not sighting.open:
                del camera.open[slot]
        if sighting.open:
            camera.open[slot] = sighting.end
        else:
            camera.ends.put(sighting.end, slot)
        return slot

    def remove(self, tracklet: str) -> int | None:
        """Forgets a sighting and returns the slot that it had; unknown ids are fine."""
        slot = self._slots.pop(tracklet, None)
        if slot is None:
            return None
        sighting = self._table.at(slot)
        camera = self._cameras[sighting.camera]
        camera.starts.remove(sighting.start, slot)
        if sighting.open:
            del camera.open[slot]
        else:
            camera.ends.remove(sighting.end, slot)
        self._table.free(slot)
        return slot

    def started(self, camera: str, first: Instant, last: Instant) -> list[int]:
        """Slots of a camera's sightings that started from ``first`` to ``last``, in that order."""
        return self._cameras[camera].starts.between(first, last)

    def ended(self, camera: str, first: Instant, last: Instant) -> list[int]:
        """Slots of a camera's sightings that ended from ``first`` to ``last``, in that order."""
        return self._cameras[camera].ends.between(first, last)

    def opened(self, camera: str) -> Iterable[int]:
        """Slots of a camera's sightings whose end is not known yet."""
        return self._cameras[camera].open

    def together(self, slot: int) -> Iterator[int]:
        """Other sightings of the same camera that were in view at the same time: certainly other vehicles."""
        sighting = self._table.at(slot)
        camera = self._cameras[sighting.camera]
        ended = camera.ends.between(sighting.start, sighting.end + _ONE_DAY)
        for other in (*ended, *camera.open):
            if other != slot and self._table.at(other).start <= sighting.end:
                yield other

    def before(self, slot: int) -> list[int]:
        """Sightings that could have come straight before the one in ``slot``: a superset of what the gates let pass."""
        sighting = self._table.at(slot)
        slack = self._widening(sighting)
        found: list[int] = []
        for link in self._topology.incoming(sighting.camera):
            camera = self._cameras[link.from_]
            first, last = _from_to(sighting.start, -link.maximum - link.reach - slack, -link.minimum + link.reach + slack)
            found += camera.ends.between(first, last)
            found += [other for other, end in camera.open.items() if end <= last]
        own = self._own(sighting.camera)
        return found + self._cameras[sighting.camera].ends.between(*_from_to(sighting.start, -own.maximum, 0.0))

    def near(self, slot: int) -> list[int]:
        """Sightings that could come straight before or behind the one in ``slot``; likewise."""
        sighting = self._table.at(slot)
        slack = self._widening(sighting)
        found = self.before(slot)
        for link in self._topology.outgoing(sighting.camera):
            widened = link.reach + slack
            longest = _ONE_DAY if sighting.open else link.maximum + widened
            found += self.started(link.to, *_from_to(sighting.end, link.minimum - widened, longest))
        own = self._own(sighting.camera)
        found += self.started(sighting.camera, *_from_to(sighting.end, 0.0, own.maximum))
        return [other for other in dict.fromkeys(found) if other != slot]

    def bridged(self, slot: int) -> list[int]:
        """Sightings that could have come before or behind the one in ``slot`` over a bridge (see `Topology`); likewise."""
        sighting = self._table.at(slot)
        slack = self._widening(sighting)
        found: list[int] = []
        for link in self._topology.bridges_to(sighting.camera):
            found += self.ended(link.from_, *_from_to(sighting.start, -link.maximum - slack, -link.minimum + slack))
        if not sighting.open:
            for link in self._topology.bridges_from(sighting.camera):
                found += self.started(link.to, *_from_to(sighting.end, link.minimum - slack, link.maximum + slack))
        return found

    def parts(self, slot: int) -> list[int]:
        """Sightings of the same camera that may be parts of the same track, before or behind."""
        sighting = self._table.at(slot)
        own = self._own(sighting.camera)
        found = self.ended(sighting.camera, *_from_to(sighting.start, -own.maximum, 0.0))
        if not sighting.open:
            found += self.started(sighting.camera, *_from_to(sighting.end, 0.0, own.maximum))
        return [other for other in found if other != slot]

    def _own(self, camera: str) -> Link:
        return self._topology.links[self._topology.number(camera) - len(self._topology.cameras)]

    def _widening(self, sighting: Sighting) -> float:
        # A tracklet's own clock may be worse than the site file says; the exact test comes in `relate`.
        slack = self._topology.largest_slack(sighting.start, sighting.end) + 1.0
        return slack + 5.0 * sighting.clock.uncertainty


def _from_to(at: Instant, first: float, last: float) -> tuple[Instant, Instant]:
    return at + round(first * MICROSECONDS), at + round(last * MICROSECONDS)
