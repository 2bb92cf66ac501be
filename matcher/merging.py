"""Joins vehicles that are one, greedily: what is most certain comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from matcher.decisions import Decisions
from matcher.options import Options
from matcher.vehicles import Vehicle, Vehicles

__all__ = ["INERTIA", "Merging", "Pair", "Pairs", "pair_of"]

Pair: TypeAlias = tuple[Vehicle, Vehicle]
Pairs: TypeAlias = dict[Pair, float | None]
"""Pairs of vehicles with their log-odds, where they are known already."""

INERTIA = 2.0
"""Log-odds by which something else must be better before a published decision is changed."""


def pair_of(one: Vehicle, other: Vehicle) -> Pair:
    """The two in the order of their creation."""
    return (one, other) if one.number < other.number else (other, one)


class Merging:
    """Makes pairs of vehicles one, as long as their log-odds are positive.

    Args:
        vehicles: What is merged.
        options: Gates and evidence.
        decisions: What is published, and what may still be changed.
    """

    def __init__(self, vehicles: Vehicles, options: Options, decisions: Decisions) -> None:
        self._vehicles, self._options, self._decisions = vehicles, options, decisions

    def merge(self, pairs: Pairs, parted: Mapping[int, Sequence[int]], *, broken: bool) -> dict[Vehicle, set[int]]:
        """Greedy, best first. A vehicle with sightings that can no longer change only takes in others.

        Pairs that have nothing to do with a better one are merged in one sweep; the others are scored again after it.

        Args:
            pairs: What may be merged.
            parted: Sightings that were published as parts of one track and taken apart, either way.
            broken: Whether vehicles that one camera saw both of are merged too, as parts of a broken track.

        Returns:
            The vehicles that have grown, and the slots that they took in.
        """
        grown: dict[Vehicle, set[int]] = {}
        scores = self._scored(pairs, parted, broken)
        while scores:
            became: dict[Vehicle, Vehicle] = {}
            waiting: set[Vehicle] = set()
            postponed: list[Pair] = []
            for pair in sorted(scores, key=lambda pair: (-scores[pair], pair[0].number, pair[1].number)):
                if not waiting.isdisjoint(pair):
                    postponed.append(pair)
                else:
                    target, source = self._direction(*pair)
                    grown.setdefault(target, set()).update(source.members)
                    self._vehicles.merge(source, target)
                    became[source] = became[target] = target
                waiting.update(pair)
            known = {pair: scores[pair] for pair in postponed if pair[0] not in became and pair[1] not in became}
            again = [
                pair_of(became.get(pair[0], pair[0]), became.get(pair[1], pair[1])) for pair in postponed if pair not in known
            ]
            scores = known | self._scored({pair: None for pair in again if pair[0] is not pair[1]}, parted, broken)
        return grown

    def _scored(self, pairs: Pairs, parted: Mapping[int, Sequence[int]], broken: bool) -> dict[Pair, float]:
        """Those of the pairs that should and may be merged."""
        allowed = [pair for pair in pairs if self._may_merge(*pair, broken)]
        unknown = [pair for pair in allowed if pairs[pair] is None]
        found: dict[Pair, float] = {}
        if unknown:
            scores = self._options.scores([(left.members, right.members) for left, right in unknown])
            found = dict(zip(unknown, scores.log_odds.tolist(), strict=True))
        result = {}
        for pair in allowed:
            known = pairs[pair]
            score = found[pair] if known is None else known
            if self._is_published(pair[0]) and self._is_published(pair[1]):
                score += INERTIA if _were_one(*pair, parted) else -INERTIA
            if score > 0.0:
                result[pair] = score
        return result

    def _may_merge(self, one: Vehicle, other: Vehicle, broken: bool) -> bool:
        if not broken and not one.cameras.isdisjoint(other.cameras):
            return False
        return not (self._is_fixed(one) and self._is_fixed(other))

    def _direction(self, left: Vehicle, right: Vehicle) -> Pair:
        """Which one goes on under its name: the one that cannot change, else the one named first."""

        def rank(vehicle: Vehicle) -> tuple[bool, bool, int, int]:
            return not self._is_fixed(vehicle), vehicle.named_at is None, vehicle.named_at or 0, vehicle.number

        first, second = sorted((left, right), key=rank)
        return first, second

    def _is_fixed(self, vehicle: Vehicle) -> bool:
        return not all(self._decisions.movable(member) for member in vehicle)

    def _is_published(self, vehicle: Vehicle) -> bool:
        return any(member in self._decisions for member in vehicle)


def _were_one(one: Vehicle, other: Vehicle, parted: Mapping[int, Sequence[int]]) -> bool:
    """Whether parts of a track that were published as one vehicle are in either."""
    return any(part in other.members for slot in one for part in parted.get(slot, ()))
