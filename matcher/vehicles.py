"""Vehicles as sets of sightings: which tracklets show the same one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from matcher.sightings import Sighting
from throughline.times import Instant

__all__ = ["Vehicle", "Vehicles"]


class Vehicle:
    """One vehicle and the sightings of it that are still in memory.

    Attributes:
        number: Order of creation.
        name: Global vehicle id, once a decision about it has been published.
        named_at: Event time of that decision.
        members: Its sightings by tracklet id, in the order of their starts.
    """

    __slots__ = ("members", "name", "named_at", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.name: str | None = None
        self.named_at: Instant | None = None
        self.members: dict[str, Sighting] = {}

    def __iter__(self) -> Iterator[Sighting]:
        return iter(self.members.values())

    def __len__(self) -> int:
        return len(self.members)

    @property
    def first(self) -> Sighting:
        """The member that started first."""
        return next(iter(self.members.values()))

    @property
    def cameras(self) -> set[str]:
        """Cameras that saw it."""
        return {sighting.camera for sighting in self.members.values()}

    def add(self, sighting: Sighting) -> None:
        """Adds a sighting, or replaces its former revision."""
        self.members[sighting.id] = sighting
        self.members = dict(sorted(self.members.items(), key=lambda item: item[1].order))

    def without(self, tracklets: Iterable[str]) -> tuple[Sighting, ...]:
        """Its sightings but for these tracklets."""
        left_out = frozenset(tracklets)
        return tuple(sighting for sighting in self.members.values() if sighting.id not in left_out)


class Vehicles:
    """Each sighting belongs to exactly one vehicle."""

    def __init__(self) -> None:
        self._of: dict[str, Vehicle] = {}
        self._alive: dict[int, Vehicle] = {}
        self._created = 0

    def __len__(self) -> int:
        return len(self._alive)

    def of(self, tracklet: str) -> Vehicle | None:
        """The vehicle that a tracklet shows, as decided so far."""
        return self._of.get(tracklet)

    def put(self, sighting: Sighting) -> Vehicle:
        """Adds a sighting as a vehicle of its own, or replaces its former revision where it is."""
        vehicle = self._of.get(sighting.id)
        if vehicle is None:
            self._created += 1
            vehicle = Vehicle(self._created)
            self._alive[vehicle.number] = vehicle
            self._of[sighting.id] = vehicle
        vehicle.add(sighting)
        return vehicle

    def move(self, sighting: Sighting, target: Vehicle | None) -> None:
        """Puts a sighting into another vehicle; None: into one of its own."""
        source = self._of[sighting.id]
        if source is target or (target is None and len(source) == 1):
            return
        self.remove(sighting.id)
        if target is None:
            self.put(sighting)
        else:
            self._alive[target.number] = target  # it may have been emptied in the same step
            self._of[sighting.id] = target
            target.add(sighting)

    def merge(self, source: Vehicle, target: Vehicle) -> None:
        """Puts all sightings of ``source`` into ``target``."""
        for sighting in tuple(source):
            self.move(sighting, target)

    def remove(self, tracklet: str) -> None:
        """Forgets a sighting, and its vehicle with the last one."""
        vehicle = self._of.pop(tracklet)
        del vehicle.members[tracklet]
        if not vehicle.members:
            del self._alive[vehicle.number]
