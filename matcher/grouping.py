"""Finds which sightings show the same vehicle: a search for the grouping with the best evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from matcher.assignment import assign
from matcher.crossover import Crossover
from matcher.decisions import Decisions
from matcher.gallery import Gallery
from matcher.merging import INERTIA, Merging, Pairs, pair_of
from matcher.options import Options, OptionsOf, Unit, Weighed
from matcher.table import SightingTable
from matcher.vehicles import Vehicle, Vehicles

__all__ = ["Grouping"]

_ROUNDS = 6
_DISPLACED = 3
"""How far it is followed who must make room for whom."""
_STRONG_CLAIM = -2.0
"""Log-odds above which a sighting is weighed again when the vehicle has changed..."""
_CLOSE_CLAIM = 4.0
"""...if they are not further than this below those of the vehicle that it is now."""


@dataclass
class _Changes:
    """What a round has changed.

    Attributes:
        lost: Vehicles that others may want now.
        grown: Vehicles that look different now, and what they took in.
    """

    lost: dict[Vehicle, None] = field(default_factory=dict)
    grown: dict[Vehicle, set[int]] = field(default_factory=dict)


class Grouping:
    """Improves the vehicles around what is new, by three kinds of steps until none finds anything better.

    *Merging*: of all pairs of vehicles the one with the best log-odds becomes one, as long as they are positive, so that
    what is most certain comes first. *Reassignment*: sightings of one camera that are still open to change are taken
    out, and assigned to the vehicles that the other cameras formed, or to a vehicle of their own: one-to-one, exactly,
    camera after camera. The first joins sightings of several cameras with overlapping views into one vehicle; the second
    corrects what the first did too early, and is the exact answer between two cameras. *Crossover* then moves all that vehicles
    did from a point on (see `Crossover`). Parts of a broken track are joined last.

    The work is proportional to what changed: only new, closed and due sightings are weighed, then those whose vehicles lost a
    sighting or gained one beside their own. The others are taken by their *claims*, the log-odds that they had when they
    were weighed last.

    Args:
        table: The sightings.
        gallery: Those that can be joined.
        vehicles: What is improved.
        options: What could be joined.
        decisions: What is published, and what may still be changed.
    """

    def __init__(
        self, table: SightingTable, gallery: Gallery, vehicles: Vehicles, options: Options, decisions: Decisions
    ) -> None:
        self._table, self._gallery, self._vehicles = table, gallery, vehicles
        self._options, self._decisions = options, decisions
        self._merging = Merging(vehicles, options, decisions)
        self._crossover = Crossover(table, gallery, vehicles, options, decisions)
        self._claims: dict[int, OptionsOf] = {}
        self._parted: dict[int, list[int]] = {}
        self._weighed: dict[int, Weighed] = {}
        self._claimants: dict[Vehicle, dict[int, None]] = {}

    def improve(self, changed: Iterable[int]) -> list[int]:
        """Regroups around the changed sightings.

        Returns:
            The sightings whose vehicle could have changed, by start.
        """
        fresh = self._in_order(changed)
        self._parted.clear()
        self._weighed.clear()
        if not fresh:
            return []
        fresh = self._in_order([*fresh, *self._part(fresh)])
        touched = dict.fromkeys(fresh)
        self._settle(fresh, touched)
        crossed = self._in_order(self._crossover.improve(fresh))
        touched |= dict.fromkeys(crossed)
        self._settle(crossed, touched)
        self._merging.merge(self._broken(touched), self._parted, broken=True)
        return self._in_order(touched)

    def _settle(self, fresh: Sequence[int], touched: dict[int, None]) -> None:
        """Merges and reassigns around these sightings until nothing is better; notes in ``touched`` what could have changed."""
        for _ in range(_ROUNDS):
            if not fresh:
                return
            self._weigh(fresh)
            changes = _Changes()
            for vehicle, taken_in in self._merging.merge(self._mergers(fresh), self._parted, broken=False).items():
                changes.grown.setdefault(vehicle, set()).update(taken_in)
            touched |= dict.fromkeys(self._reassign(fresh, changes))
            fresh = self._followers(changes)
            touched |= dict.fromkeys(fresh)

    def claims(self, slot: int) -> OptionsOf:
        """What a sighting could be, as weighed last."""
        return self._claims.get(slot, {})

    def weighed(self, slot: int) -> Weighed | None:
        """All that a sighting could be, if it was weighed since the last `improve` began."""
        found = self._weighed.get(slot)
        if found is None:
            return None
        return Weighed({vehicle: score for vehicle, score in found.options.items() if vehicle.members}, found.rest)

    def claimants(self, vehicle: Vehicle) -> Iterable[int]:
        """Sightings that could be this vehicle."""
        return self._claimants.get(vehicle, ())

    def forget(self, slot: int) -> None:
        """Drops what a sighting claimed."""
        for vehicle in self._claims.pop(slot, ()):
            claimants = self._claimants[vehicle]
            del claimants[slot]
            if not claimants:
                del self._claimants[vehicle]

    def _in_order(self, slots: Iterable[int]) -> list[int]:
        """Those that may be changed, by start."""
        movable = [slot for slot in dict.fromkeys(slots) if self._decisions.movable(slot)]
        return sorted(movable, key=lambda slot: self._table.at(slot).order)

    def _weigh(self, slots: Sequence[int]) -> None:
        for slot, weighed in zip(slots, self._options.of([(slot,) for slot in slots]), strict=True):
            self.forget(slot)
            self._weighed[slot] = weighed
            self._claims[slot] = weighed.options
            for vehicle in weighed.options:
                self._claimants.setdefault(vehicle, {})[slot] = None

    def _part(self, fresh: Sequence[int]) -> list[int]:
        """Takes parts of broken tracks apart where fresh sightings may want one of them; all are judged anew after all else."""
        parted: list[int] = []
        for vehicle in sorted(self._options.broken_within_reach(fresh), key=lambda vehicle: vehicle.number):
            for first in tuple(vehicle.members):
                unit = self._unit(first, vehicle)
                for part in unit[1:]:
                    self._vehicles.move(part, None)
                    parted += [unit[0], part]
                    if part in self._decisions:
                        self._parted.setdefault(unit[0], []).append(part)
                        self._parted.setdefault(part, []).append(unit[0])
        return parted

    def _unit(self, slot: int, vehicle: Vehicle) -> Unit:
        """Sightings of one vehicle by one camera, as far as they may be changed: they move together."""
        if len(vehicle) == 1 or not self._vehicles.broken[vehicle.place]:
            return (slot,)
        camera = self._table.at(slot).camera
        return tuple(member for member in vehicle if self._table.at(member).camera == camera and self._decisions.movable(member))

    def _mergers(self, fresh: Iterable[int]) -> Pairs:
        """Pairs of vehicles that speak for each other, with their log-odds where they are known already."""
        pairs: Pairs = {}
        for slot in fresh:
            own = self._vehicles.of(slot)
            if own is None:
                continue
            for other, score in self._claims[slot].items():
                if other is not own and score > 0.0 and other.members:
                    pairs.setdefault(pair_of(own, other), score if len(own) == 1 else None)
        return pairs

    def _broken(self, slots: Iterable[int]) -> Pairs:
        """Pairs of vehicles that may be parts of a track that broke."""
        pairs: Pairs = {}
        for slot in slots:
            own = self._vehicles.of(slot)
            for part in self._gallery.parts(slot):
                other = self._vehicles.of(part)
                if own is not None and other is not None and other is not own:
                    pairs[pair_of(own, other)] = None
        return pairs

    def _reassign(self, fresh: Iterable[int], changes: _Changes) -> list[int]:
        by_camera: dict[str, list[int]] = {}
        for slot in fresh:
            by_camera.setdefault(self._table.at(slot).camera, []).append(slot)
        moved: list[int] = []
        for camera in sorted(by_camera):
            moved += self._reassign_block(camera, by_camera[camera], changes)
        return moved

    def _reassign_block(self, camera: str, fresh: Sequence[int], changes: _Changes) -> list[int]:
        units = self._rivals(camera, fresh)
        asked = [(unit, self._claims.get(unit[0]) if len(unit) == 1 else None) for unit in units.values()]
        unknown = [
            unit
            for (vehicle, unit), (_, known) in zip(units.items(), asked, strict=True)
            if known is None or (vehicle not in known and len(vehicle) > len(unit))
        ]
        weighed = dict(zip(unknown, (found.options for found in self._options.of(unknown)), strict=True))
        scores, alone = [], []
        for (vehicle, unit), (_, known) in zip(units.items(), asked, strict=True):
            options = weighed.get(unit) or known or {}
            options = {
                other: score
                for other, score in options.items()
                if (score > 0.0 or other is vehicle) and self._is_free(other, camera, units)
            }
            own = 0.0
            if any(slot in self._decisions for slot in unit):
                if vehicle in options:
                    options[vehicle] += INERTIA
                elif len(vehicle) == len(unit):
                    own = INERTIA
            scores.append(options)
            alone.append(own)
        after = assign(scores, alone)
        moved: list[int] = []
        for (was, unit), becomes in list(zip(units.items(), after, strict=True)):
            if becomes is was or (becomes is None and len(was) == len(unit)):
                continue
            changes.lost[was] = None
            if becomes is not None:
                changes.grown.setdefault(becomes, set()).update(unit)
            target = becomes
            for slot in unit:
                self._vehicles.move(slot, target)
                target = self._vehicles.of(slot)
            moved += unit
        return moved

    def _rivals(self, camera: str, fresh: Sequence[int]) -> dict[Vehicle, Unit]:
        """The fresh ones, those of the same camera that stand where they want to be, and so on; by vehicle."""
        units: dict[Vehicle, Unit] = {}
        wanting = fresh
        for _ in range(1 + _DISPLACED):
            added = []
            for slot in wanting:
                vehicle = self._vehicles.of(slot)
                if vehicle is not None and vehicle not in units:
                    units[vehicle] = self._unit(slot, vehicle)
                    added.append(slot)
            wanting = []
            for slot in added:
                for vehicle, score in self._claims.get(slot, {}).items():
                    if score > 0.0 and vehicle not in units:
                        wanting += self._holders(vehicle, camera)
        return units

    def _holders(self, vehicle: Vehicle, camera: str) -> list[int]:
        if camera not in vehicle.cameras:
            return []
        return [member for member in vehicle if self._table.at(member).camera == camera and self._decisions.movable(member)][:1]

    def _is_free(self, vehicle: Vehicle, camera: str, units: dict[Vehicle, Unit]) -> bool:
        return vehicle in units or (bool(vehicle.members) and not self._holders(vehicle, camera))

    def _followers(self, changes: _Changes) -> list[int]:
        """Sightings to be weighed again.

        Those of the camera that a vehicle was seen by anew have just competed for it; all others see another vehicle now.
        """
        found: dict[int, None] = {}
        for vehicle in (*changes.lost, *changes.grown):
            found |= dict.fromkeys(vehicle.members)
            seen_anew = {self._table.at(slot).camera for slot in changes.grown.get(vehicle, ())}
            for slot in self.claimants(vehicle):
                if self._may_want(slot, vehicle) and (vehicle in changes.lost or self._table.at(slot).camera not in seen_anew):
                    found[slot] = None
        return self._in_order(found)

    def _may_want(self, slot: int, vehicle: Vehicle) -> bool:
        """Whether what a vehicle has become could be better for a sighting than what it is now, to judge by its claims."""
        claims, own = self._claims[slot], self._vehicles.of(slot)
        present = 0.0 if own is None or len(own) == 1 else claims.get(own, 0.0)
        return claims[vehicle] > max(_STRONG_CLAIM, present - _CLOSE_CLAIM)
