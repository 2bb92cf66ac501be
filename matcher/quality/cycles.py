"""Whether the evidence of pairs agrees around triples: a is b, b is c, so a should be c."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import TypeAlias

from matcher.options import sets
from matcher.scoring import Scorer
from matcher.vehicles import Vehicle

__all__ = ["Triple", "check_cycles", "triple"]

Triple: TypeAlias = tuple[int, int, int]
"""Slots of three sightings of one vehicle, each by a camera of its own."""

_LOOKED_AT = 6
"""Sightings of a vehicle, the latest, among which two others are looked for."""


def triple(scorer: Scorer, slot: int, vehicle: Vehicle) -> Triple | None:
    """A sighting and the two latest others of its vehicle by cameras of their own; None: there are none."""
    camera = scorer.table.camera
    others: list[int] = []
    for member in reversed(vehicle.members[-_LOOKED_AT:]):
        if all(camera[member] != camera[known] for known in (slot, *others)):
            others.append(member)
            if len(others) == 2:
                return slot, others[1], others[0]
    return None


def check_cycles(scorer: Scorer, triples: Sequence[Triple]) -> Counter[str]:
    """What each pair says alone, by triple: ``agree``, ``contradict`` or ``weak``; see `QualityReport.cycles`.

    Triples with a pair that no road joins straight are not counted: that pair says nothing.
    """
    found: Counter[str] = Counter()
    if not triples:
        return found
    pairs = [pair for three in triples for pair in combinations(three, 2)]
    scores = scorer.score(sets([(left,) for left, _ in pairs]), sets([(right,) for _, right in pairs])).log_odds.tolist()
    for place in range(0, len(scores), 3):
        three = scores[place : place + 3]
        if -math.inf not in three:
            positive = sum(score > 0.0 for score in three)
            found["agree" if positive == 3 else "contradict" if positive == 2 else "weak"] += 1
    return found
