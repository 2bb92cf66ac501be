"""Vehicles as sets of sightings: which tracklets show the same one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from matcher.table import SightingTable
from throughline.times import Instant
from throughline.types import IntArray

__all__ = ["COMPARED", "Vehicle", "Vehicles"]

COMPARED = 8
"""Sightings of one vehicle that are compared with others, the latest: a bound on the work for a vehicle seen all day."""


class Vehicle:
    """One vehicle and the sightings of it that are still in memory.

    Attributes:
        number: Order of creation.
        place: Row of `Vehicles.compared`; used again.
        name: Global vehicle id, once a decision about it has been published.
        named_at: Event time of that decision.
        members: Slots of its sightings, in the order of their starts.
        cameras: Those that saw it.
    """

    __slots__ = ("cameras", "members", "name", "named_at", "number", "place")

    def __init__(self, number: int, place: int) -> None:
        self.number = number
        self.place = place
        self.name: str | None = None
        self.named_at: Instant | None = None
        self.members: list[int] = []
        self.cameras: set[str] = set()

    def __iter__(self) -> Iterator[int]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


class Vehicles:
    """Each sighting belongs to exactly one vehicle.

    Args:
        table: The sightings.

    Attributes:
        compared: (capacity, `COMPARED`) slots of each vehicle's latest sightings by start, -1 beyond the last.
        ends: (capacity, 2) slots of each vehicle's first and last sighting.
        broken: (capacity,) one camera has several sightings of it.
        changes: How many times anything about any vehicle has changed.
        changed: (capacity,) ``changes`` when each vehicle changed last.
    """

    def __init__(self, table: SightingTable) -> None:
        self._table = table
        self._of: dict[int, Vehicle] = {}
        self._at: list[Vehicle | None] = []
        self._free: list[int] = []
        self._created = 0
        self._alive = 0
        self._of_tracklet = np.full(256, -1, np.int64)
        self.compared = np.full((256, COMPARED), -1, np.int64)
        self.ends = np.full((256, 2), -1, np.int64)
        self.broken = np.zeros(256, np.bool_)
        self.changes = 0
        self.changed = np.zeros(256, np.int64)

    def __len__(self) -> int:
        return self._alive

    def of(self, slot: int) -> Vehicle | None:
        """The vehicle that a sighting shows, as decided so far."""
        return self._of.get(slot)

    def at(self, place: int) -> Vehicle:
        """The vehicle with this place."""
        vehicle = self._at[place]
        if vehicle is None:
            raise KeyError(place)
        return vehicle

    def all_at(self, places: Iterable[int]) -> list[Vehicle]:
        """The vehicles with these places."""
        there = self._at
        return [vehicle for place in places if (vehicle := there[place]) is not None]

    def places(self, tracklets: IntArray) -> IntArray:
        """Places of the vehicles that tracklets with these numbers show; -1: of none."""
        known = tracklets < len(self._of_tracklet)
        return np.where(known, self._of_tracklet[np.where(known, tracklets, 0)], -1)

    def put(self, slot: int) -> Vehicle:
        """Adds a sighting as a vehicle of its own, unless it is in one."""
        vehicle = self._of.get(slot)
        if vehicle is None:
            vehicle = self._new()
            self._add(slot, vehicle)
        return vehicle

    def note(self, slot: int) -> None:
        """More is known of a sighting, or it may be changed no more: its vehicle counts as changed."""
        vehicle = self._of.get(slot)
        if vehicle is not None:
            self._note(vehicle)

    def move(self, slot: int, target: Vehicle | None) -> None:
        """Puts a sighting into another vehicle; None: into one of its own."""
        source = self._of[slot]
        if source is target or (target is None and len(source) == 1):
            return
        if target is not None and not target.members:  # it may have been emptied in the same step
            self._revive(target)
        self.remove(slot)
        self._add(slot, target or self._new())

    def merge(self, source: Vehicle, target: Vehicle) -> None:
        """Puts all sightings of ``source`` into ``target``."""
        for slot in tuple(source):
            self.move(slot, target)

    def remove(self, slot: int) -> None:
        """Forgets a sighting, and its vehicle with the last one."""
        vehicle = self._of.pop(slot)
        vehicle.members.remove(slot)
        self._of_tracklet[self._table.number[slot]] = -1
        if vehicle.members:
            self._show(vehicle)
        else:
            vehicle.cameras = set()
            self._at[vehicle.place] = None
            self._free.append(vehicle.place)
            self._alive -= 1

    def _new(self) -> Vehicle:
        self._created += 1
        vehicle = Vehicle(self._created, -1)
        self._revive(vehicle)
        return vehicle

    def _revive(self, vehicle: Vehicle) -> None:
        if not self._free:
            self._free.append(len(self._at))
            self._at.append(None)
            if len(self._at) > len(self.compared):
                self.compared = np.concatenate([self.compared, np.full_like(self.compared, -1)])
                self.ends = np.concatenate([self.ends, np.full_like(self.ends, -1)])
                self.broken = np.concatenate([self.broken, np.zeros_like(self.broken)])
                self.changed = np.concatenate([self.changed, np.zeros_like(self.changed)])
        vehicle.place = self._free.pop()
        self._at[vehicle.place] = vehicle
        self._alive += 1

    def _add(self, slot: int, vehicle: Vehicle) -> None:
        self._of[slot] = vehicle
        vehicle.members.append(slot)
        if len(vehicle.members) > 1:
            vehicle.members.sort(key=lambda member: self._table.at(member).order)
        number = int(self._table.number[slot])
        if number >= len(self._of_tracklet):
            more = max(len(self._of_tracklet), number + 1 - len(self._of_tracklet))
            self._of_tracklet = np.concatenate([self._of_tracklet, np.full(more, -1, np.int64)])
        self._of_tracklet[number] = vehicle.place
        self._show(vehicle)

    def _show(self, vehicle: Vehicle) -> None:
        latest = vehicle.members[-COMPARED:]
        vehicle.cameras = {self._table.at(member).camera for member in vehicle.members}
        self.broken[vehicle.place] = len(vehicle.cameras) < len(vehicle.members)
        self.ends[vehicle.place] = vehicle.members[0], vehicle.members[-1]
        self.compared[vehicle.place] = latest + [-1] * (COMPARED - len(latest))
        self._note(vehicle)

    def _note(self, vehicle: Vehicle) -> None:
        self.changes += 1
        self.changed[vehicle.place] = self.changes
