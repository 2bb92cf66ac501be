"""Lets vehicles exchange what they did after a point: the step out of groupings that no single sighting can leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matcher.decisions import Decisions
from matcher.gallery import Gallery
from matcher.merging import INERTIA
from matcher.options import Options
from matcher.table import SightingTable
from matcher.vehicles import Vehicle, Vehicles

__all__ = ["Crossover"]

_LEAST_GAIN = 0.1
"""Log-odds by which the exchange must be better than what is."""
_WORTH_A_LOOK = -1.0
"""Log-odds of the two sightings that would follow each other, above which all that the vehicles did is compared."""
_PROMISING = 3
"""Points of other vehicles that are looked at closely for one sighting, the best ones."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """Two vehicles, each divided in two by time.

    Attributes:
        one: The vehicle of the sighting in question.
        before: What it saw before that sighting; may be nothing.
        after: From that sighting on.
        other: The vehicle that the sighting may go on from.
        head: What it saw up to where the sighting would follow.
        tail: What it saw then; may be nothing.
    """

    one: Vehicle
    before: tuple[int, ...]
    after: tuple[int, ...]
    other: Vehicle
    head: tuple[int, ...]
    tail: tuple[int, ...]


class Crossover:
    """Cuts two vehicles in two, and puts the one's later part behind the other's earlier part, if that is better.

    Where two cameras are wrongly said to have seen a vehicle go on, the sighting that it really went on to cannot take it over
    alone: each of the two speaks for the other, and both against the third. All that a vehicle did from a point on is
    therefore moved together, as tails of routes are in 2-opt* (Potvin and Rousseau, "An exchange heuristic for routeing
    problems with time windows", 1995).

    Args:
        table: The sightings.
        gallery: Those that can be joined.
        vehicles: What is improved.
        options: Gates and evidence.
        decisions: What is published, and what may still be changed.
    """

    def __init__(
        self, table: SightingTable, gallery: Gallery, vehicles: Vehicles, options: Options, decisions: Decisions
    ) -> None:
        self._table, self._gallery, self._vehicles = table, gallery, vehicles
        self._options, self._decisions = options, decisions

    def improve(self, slots: Sequence[int]) -> list[int]:
        """Looks at what each of these sightings could follow instead, one after the other.

        Returns:
            Sightings whose vehicle has changed or lost a part.
        """
        moved: dict[int, None] = {}
        for slot, cuts in self._promising(slots):
            for cut in cuts:
                if self._still_holds(slot, cut) and self._exchange(cut):
                    moved |= dict.fromkeys((*cut.before, *cut.after, *cut.head, *cut.tail))
                    break
        return list(moved)

    def _promising(self, slots: Sequence[int]) -> Iterator[tuple[int, list[_Cut]]]:
        cuts = [(slot, cut) for slot in slots for cut in self._cuts(slot)]
        if not cuts:
            return
        ends = self._options.scores([(cut.head[-1:], (slot,)) for slot, cut in cuts]).log_odds.tolist()
        cuts = [cut for cut, score in zip(cuts, ends, strict=True) if score > _WORTH_A_LOOK]
        if not cuts:
            return
        scores = self._options.scores([(cut.head, cut.after) for _, cut in cuts]).log_odds.tolist()
        found: dict[int, list[tuple[float, _Cut]]] = {}
        for (slot, cut), score in zip(cuts, scores, strict=True):
            if score > _LEAST_GAIN:
                found.setdefault(slot, []).append((score, cut))
        for slot, ranked in found.items():
            best = sorted(ranked, key=lambda one: (-one[0], one[1].other.number))[:_PROMISING]
            yield slot, [cut for _, cut in best]

    def _cuts(self, slot: int) -> Iterator[_Cut]:
        one = self._vehicles.of(slot)
        if one is None:
            return
        before, after = self._parted(one, slot, behind=False)
        if not self._may_move(after):
            return
        for earlier in self._gallery.before(slot):
            other = self._vehicles.of(earlier)
            if other is None or other is one:
                continue
            head, tail = self._parted(other, earlier, behind=True)
            if (before or tail) and self._may_move(tail) and self._table.at(earlier).order < self._table.at(slot).order:
                yield _Cut(one, before, after, other, head, tail)

    def _parted(self, vehicle: Vehicle, slot: int, *, behind: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """A vehicle's sightings before one of them, and from it on; or up to it, and after it."""
        place = vehicle.members.index(slot) + behind
        return tuple(vehicle.members[:place]), tuple(vehicle.members[place:])

    def _may_move(self, slots: Iterable[int]) -> bool:
        return all(self._decisions.movable(slot) for slot in slots)

    def _still_holds(self, slot: int, cut: _Cut) -> bool:
        return (
            self._vehicles.of(slot) is cut.one
            and tuple(cut.one.members) == cut.before + cut.after
            and tuple(cut.other.members) == cut.head + cut.tail
        )

    def _exchange(self, cut: _Cut) -> bool:
        """If that is better; what the other vehicle did then goes on from what the one did before, or becomes one of its own."""
        pairs = [(cut.head, cut.after), (cut.before, cut.after), (cut.head, cut.tail), (cut.before, cut.tail)]
        there = [pair for pair in pairs if pair[0] and pair[1]]
        known = dict(zip(there, self._options.scores(there).log_odds.tolist(), strict=True))
        joined, was, others, exchanged = (known.get(pair, 0.0) for pair in pairs)
        published = sum(any(slot in self._decisions for slot in part) for part in (cut.after, cut.tail))
        if joined + max(exchanged, 0.0) <= was + others + INERTIA * published + _LEAST_GAIN:
            return False
        target: Vehicle | None = None
        for slot in cut.tail:
            self._vehicles.move(slot, target)
            target = self._vehicles.of(slot)
        for slot in cut.after:
            self._vehicles.move(slot, cut.other)
        if exchanged > 0.0:
            for slot in cut.tail:
                self._vehicles.move(slot, cut.one)
        return True
