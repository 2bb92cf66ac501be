"""How probable tracklets' vehicles are, against all their alternatives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matcher.assignment import marginals
from matcher.decisions import Decisions
from matcher.grouping import Grouping
from matcher.options import Options, OptionsOf, Weighed
from matcher.scoring import Join
from matcher.table import SightingTable
from matcher.vehicles import Vehicle, Vehicles
from throughline.messages import RunnerUp

__all__ = ["Posterior", "Posteriors"]

_CONTESTED = 5.0
"""Competition is looked at for vehicles whose log-odds are at most this far below the best one's."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What was weighed about one tracklet.

    Attributes:
        join: With the vehicle that it is in; None when it is alone there.
        probability: Of the vehicle that it is in, or of being new when it is alone (or the first) there.
        runner_up: The best alternative.
        margin: How far its own log-odds (0 for a new vehicle) are above the runner-up's.
        new: Probability of being new.
        shares: Probability by vehicle, of those that are worth a thought.
    """

    join: Join | None
    probability: float
    runner_up: RunnerUp
    margin: float
    new: float
    shares: dict[Vehicle, float]


class Posteriors:
    """Weighs tracklets' vehicles against the others that they could be, and against being new.

    Tracklets of the same camera that could be one of these vehicles compete for them, by what they claimed when they were
    weighed last: the probability is the marginal over all one-to-one assignments.

    Args:
        table: The sightings.
        vehicles: The grouping so far.
        grouping: Who claims what.
        options: What could be joined.
        decisions: What may still be changed.
    """

    def __init__(
        self, table: SightingTable, vehicles: Vehicles, grouping: Grouping, options: Options, decisions: Decisions
    ) -> None:
        self._table, self._vehicles, self._grouping = table, vehicles, grouping
        self._options, self._decisions = options, decisions

    def of(self, slots: Sequence[int]) -> list[Posterior]:
        """What is to be said of each of these sightings."""
        owns = [self._own(slot) for slot in slots]
        weighed = self._all_options(slots, owns)
        options = [dict(found.options) for found in weighed]
        joined = [(place, own) for place, own in enumerate(owns) if own is not None]
        scores = self._options.scores([(_without(own, slots[place]), (slots[place],)) for place, own in joined])
        joins: list[Join | None] = [None] * len(slots)
        for number, (place, own) in enumerate(joined):
            if scores.log_odds[number] > -math.inf:
                joins[place] = scores.explain(number, slots[place])
                options[place][own] = float(scores.log_odds[number])
        shares = self._shares(slots, options, [found.rest for found in weighed], owns)
        return [
            self._posterior(slot, own, join, found, *share)
            for slot, own, join, found, share in zip(slots, owns, joins, options, shares, strict=True)
        ]

    def _all_options(self, slots: Sequence[int], owns: Sequence[Vehicle | None]) -> list[Weighed]:
        """As weighed in this step, or now; parts of a broken track that are beside each other by now want to know of it."""
        found = [
            None if own is not None and self._vehicles.broken[own.place] else self._grouping.weighed(slot)
            for slot, own in zip(slots, owns, strict=True)
        ]
        unknown = [slot for slot, options in zip(slots, found, strict=True) if options is None]
        weighed = iter(self._options.of([(slot,) for slot in unknown], keep_own=True))
        return [next(weighed) if options is None else options for options in found]

    def _own(self, slot: int) -> Vehicle | None:
        """The vehicle that a sighting was joined to; None for the first one of a vehicle."""
        vehicle = self._vehicles.of(slot)
        if vehicle is None or len(vehicle) == 1 or (vehicle.name is None and vehicle.members[0] == slot):
            return None
        return vehicle

    def _shares(
        self, slots: Sequence[int], options: Sequence[OptionsOf], rests: Sequence[float], owns: Sequence[Vehicle | None]
    ) -> list[tuple[float, dict[Vehicle, float]]]:
        """Probability of being new, and by vehicle."""
        rows: list[dict[tuple[int, Vehicle | None], float]] = []
        firsts = []
        for place, (slot, found, own) in enumerate(zip(slots, options, owns, strict=True)):
            present = self._vehicles.of(slot)
            if own is None and present is not None:
                found.pop(present, None)  # it is the first: later members of its vehicle are no alternatives
            firsts.append(len(rows))
            rows.append({(place, vehicle): score for vehicle, score in found.items()})
            if rests[place] > 0.0:
                rows[-1][place, None] = math.log(rests[place])
            likely = max(found.values(), default=0.0) - _CONTESTED
            contested = [vehicle for vehicle, score in found.items() if score > likely]
            for rival in self._rivals(slot, contested):
                claims = self._grouping.claims(rival)
                rows.append({(place, vehicle): claims[vehicle] for vehicle in contested if vehicle in claims})
        shares = marginals(rows)
        result = []
        for first in firsts:
            new = 1.0 - sum(shares[first].values())
            by_vehicle = {vehicle: share for (_, vehicle), share in shares[first].items() if vehicle is not None}
            result.append((min(1.0, max(0.0, new)), by_vehicle))
        return result

    def _rivals(self, slot: int, options: Iterable[Vehicle]) -> list[int]:
        camera, own = self._table.camera[slot], self._vehicles.of(slot)
        found: dict[int, None] = {}
        for vehicle in options:
            for rival in self._grouping.claimants(vehicle):
                if self._table.camera[rival] == camera and rival != slot:
                    found[rival] = None
        rivals = [r for r in found if self._vehicles.of(r) is not own and self._decisions.movable(r)]
        return sorted(rivals, key=lambda rival: self._table.at(rival).order)

    def _posterior(
        self, slot: int, own: Vehicle | None, join: Join | None, options: OptionsOf, new: float, shares: dict[Vehicle, float]
    ) -> Posterior:
        others = [(score, vehicle) for vehicle, score in options.items() if vehicle is not own]
        best = max(others, key=lambda found: (found[0], -found[1].number), default=None)
        log_odds = 0.0 if join is None else join.log_odds
        if best is None or (join is not None and best[0] <= 0.0):
            runner_up = RunnerUp(0.0 if join is not None else -math.inf)
        else:
            other = self._table.at(_nearest(self._table, best[1], slot))
            runner_up = RunnerUp(best[0], other.id, other.camera)
        probability = new if own is None or join is None else min(1.0, shares.get(own, 0.0))
        return Posterior(join, probability, runner_up, log_odds - runner_up.log_odds, new, shares)


def _without(vehicle: Vehicle, slot: int) -> list[int]:
    return [member for member in vehicle if member != slot]


def _nearest(table: SightingTable, vehicle: Vehicle, slot: int) -> int:
    """The vehicle's sighting by another camera that is closest in time: what a runner-up is named by."""
    one = table.at(slot)
    elsewhere = [member for member in vehicle if table.at(member).camera != one.camera] or vehicle.members
    return min(elsewhere, key=lambda member: (abs(table.at(member).end - one.start), table.at(member).order))
