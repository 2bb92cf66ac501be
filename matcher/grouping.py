"""Finds which sightings show the same vehicle: a search for the grouping with the best evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from matcher.assignment import assign
from matcher.neighbours import Neighbours
from matcher.scoring import RecentScores, Score
from matcher.sightings import Sighting
from matcher.vehicles import Vehicle, Vehicles

__all__ = ["Grouping"]

_ROUNDS = 6
_REACH = 3
"""Steps from pair to pair that a change is followed: itself, what it may join, and what competes for that."""
_INERTIA = 2.0
"""Log-odds by which something else must be better before a published decision is changed."""


class Grouping:
    """Improves the vehicles around what is new, by two kinds of steps until neither finds anything better.

    *Merging*: of all pairs of vehicles the one with the best log-odds becomes one, as long as they are positive, so that
    what is most certain comes first. *Reassignment*: all sightings of one camera that are still open to change are taken
    out, and assigned to the vehicles that the other cameras formed, or to a vehicle of their own: one-to-one, exactly,
    camera after camera. The first joins sightings of several cameras with overlapping views into one vehicle; the second
    corrects what the first did too early, and is the exact answer between two cameras. Parts of a broken track are joined
    last.

    Args:
        vehicles: What is improved.
        neighbours: Which sightings could follow one another.
        scores: Gates and evidence.
        movable: Whether a tracklet's vehicle may still be changed.
        published: Whether a decision about a tracklet has been published.
    """

    def __init__(
        self,
        vehicles: Vehicles,
        neighbours: Neighbours,
        scores: RecentScores,
        movable: Callable[[str], bool],
        published: Callable[[str], bool],
    ) -> None:
        self._vehicles, self._neighbours, self._scores = vehicles, neighbours, scores
        self.movable, self._published = movable, published

    def improve(self, changed: Iterable[str]) -> list[Sighting]:
        """Regroups what hangs together with the changed tracklets.

        Returns:
            The sightings whose vehicle could have changed, by start.
        """
        component = self._component(changed)
        by_camera = sorted(component, key=lambda sighting: (sighting.camera, sighting.order))
        blocks = [list(block) for _, block in groupby(by_camera, key=lambda sighting: sighting.camera)]
        for block in blocks:
            self._part(block)
        for _ in range(_ROUNDS):
            merged = self._merge(component, broken=False)
            moved = [self._reassign(block) for block in blocks]
            if not merged and not any(moved):
                break
        self._merge(component, broken=True)
        return component

    def _part(self, block: Sequence[Sighting]) -> None:
        """Takes parts of a broken track apart, so that they are judged anew after all else."""
        for unit in self.units(block).values():
            for sighting in unit[1:]:
                if not self._published(sighting.id):
                    self._vehicles.move(sighting, None)

    def _component(self, changed: Iterable[str]) -> list[Sighting]:
        """The changed ones, those that could be the same vehicle, and those that compete with them for it."""
        found: dict[str, Sighting] = {}
        shell = sorted(changed)
        for _ in range(_REACH):
            reached: list[str] = []
            for tracklet in shell:
                sighting = self._neighbours.gallery.get(tracklet)
                if tracklet in found or sighting is None or not self.movable(tracklet):
                    continue
                found[tracklet] = sighting
                reached.extend(self._neighbours.of(tracklet))
                if (vehicle := self._vehicles.of(tracklet)) is not None:
                    reached.extend(vehicle.members)
            shell = list(dict.fromkeys(reached))
        return sorted(found.values(), key=lambda sighting: sighting.order)

    def options(self, unit: Sequence[Sighting], taken_out: frozenset[str]) -> dict[Vehicle, Score]:
        """The vehicles that sightings of one vehicle could join, those tracklets being taken out of all vehicles."""
        result: dict[Vehicle, Score] = {}
        refused: set[Vehicle] = set()
        for sighting in unit:
            for neighbour in self._neighbours.of(sighting.id):
                vehicle = self._vehicles.of(neighbour)
                if neighbour in taken_out or vehicle is None or vehicle in result or vehicle in refused:
                    continue
                score = self._scores.score(vehicle.without(taken_out), unit)
                if score is None:
                    refused.add(vehicle)
                else:
                    result[vehicle] = score
        return result

    def units(self, block: Iterable[Sighting]) -> dict[Vehicle, list[Sighting]]:
        """Sightings of one camera by vehicle: parts of a broken track move together."""
        units: dict[Vehicle, list[Sighting]] = {}
        for sighting in block:
            if (vehicle := self._vehicles.of(sighting.id)) is not None:
                units.setdefault(vehicle, []).append(sighting)
        return units

    def _reassign(self, block: Sequence[Sighting]) -> bool:
        taken_out = frozenset(sighting.id for sighting in block)
        units = self.units(block)
        scores, alone = [], []
        for vehicle, unit in units.items():
            options = {option: score.log_odds for option, score in self.options(unit, taken_out).items()}
            own = 0.0
            if any(self._published(sighting.id) for sighting in unit):
                if vehicle in options:
                    options[vehicle] += _INERTIA
                elif len(vehicle) == len(unit):
                    own = _INERTIA
            scores.append(options)
            alone.append(own)
        after = assign(scores, alone)
        changed = [
            (unit, becomes)
            for (was, unit), becomes in zip(units.items(), after, strict=True)
            if becomes is not was and not (becomes is None and len(was) == len(unit))
        ]
        for unit, becomes in changed:
            target = becomes
            for sighting in unit:
                self._vehicles.move(sighting, target)
                target = self._vehicles.of(sighting.id)
        return bool(changed)

    def _merge(self, component: list[Sighting], *, broken: bool) -> bool:
        """Greedy, best first; parts of ``broken`` tracks only when asked.

        A vehicle with sightings that can no longer change only takes in others.
        """
        merged = False
        scores: dict[tuple[Vehicle, Vehicle], float] = {}
        around = {vehicle: None for sighting in component if (vehicle := self._vehicles.of(sighting.id)) is not None}
        for vehicle in around:
            self._score_merges(vehicle, scores, broken)
        while scores:
            (left, right), best = max(scores.items(), key=lambda item: (item[1], -item[0][0].number, -item[0][1].number))
            if best <= 0.0:
                break
            target, source = self._direction(left, right)
            for pair in [pair for pair in scores if left in pair or right in pair]:
                del scores[pair]
            self._vehicles.merge(source, target)
            merged = True
            self._score_merges(target, scores, broken)
        return merged

    def _direction(self, left: Vehicle, right: Vehicle) -> tuple[Vehicle, Vehicle]:
        """Which one goes on under its name: the one that cannot change, else the one named first."""

        def rank(vehicle: Vehicle) -> tuple[bool, bool, int, int]:
            fixed = not all(self.movable(tracklet) for tracklet in vehicle.members)
            return not fixed, vehicle.named_at is None, vehicle.named_at or 0, vehicle.number

        first, second = sorted((left, right), key=rank)
        return first, second

    def _score_merges(self, vehicle: Vehicle, scores: dict[tuple[Vehicle, Vehicle], float], broken: bool) -> None:
        fixed = not all(self.movable(tracklet) for tracklet in vehicle.members)
        seen: set[Vehicle] = {vehicle}
        for tracklet in tuple(vehicle.members):
            for neighbour in self._neighbours.of(tracklet):
                other = self._vehicles.of(neighbour)
                if other is None or other in seen:
                    continue
                seen.add(other)
                if fixed and not all(self.movable(member) for member in other.members):
                    continue
                if not broken and not vehicle.cameras.isdisjoint(other.cameras):
                    continue
                pair = (vehicle, other) if vehicle.number < other.number else (other, vehicle)
                if pair in scores:
                    continue
                score = self._scores.score(pair[0], pair[1])
                if score is not None:
                    published = self._is_published(vehicle) and self._is_published(other)
                    scores[pair] = score.log_odds - (_INERTIA if published else 0.0)

    def _is_published(self, vehicle: Vehicle) -> bool:
        return any(self._published(tracklet) for tracklet in vehicle.members)
