"""What is told of the quality of decisions."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

__all__ = ["BINS", "BIN_NAMES", "Judged", "QualityReport", "bin_of"]

BINS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)
"""Upper bounds of ten bins of probability; most joins are very probable, so bins are narrow there."""
BIN_NAMES = tuple(f"{low:g}-{high:g}" for low, high in pairwise((0.0, *BINS)))


def bin_of(probability: float) -> int:
    """Place in `BINS` of a probability."""
    return min(bisect_left(BINS, probability), len(BINS) - 1)


class Judged(NamedTuple):
    """Joins of about the same probability that were judged by what was decided later.

    Attributes:
        stood: Those that stood.
        withdrawn: Those that did not.
        expected: Sum of the probabilities of all: so many should have stood.
    """

    stood: int = 0
    withdrawn: int = 0
    expected: float = 0.0

    def and_one(self, probability: float, stood: bool) -> Judged:
        """With one more."""
        return Judged(self.stood + stood, self.withdrawn + (not stood), self.expected + probability)

    def since(self, before: Judged | None) -> Judged:
        """What has come on top."""
        if before is None:
            return self
        return Judged(self.stood - before.stood, self.withdrawn - before.withdrawn, max(0.0, self.expected - before.expected))


@dataclass(frozen=True)
class QualityReport:
    """Cumulative counts and levels, renewed from time to time and never changed: copies share them.

    Attributes:
        choices: First final decisions, by whether the best alternative was taken (``first``) or one-to-one assignment gave it
            to another (``given_way``).
        provisional: First final decisions, by whether the provisional one before said the same (``kept``) or not (``changed``).
        cycles: Triples of sightings of one vehicle by three cameras, by what the evidence of each pair alone says: all three
            pairs that they are one (``agree``), two but not the third (``contradict``), fewer (``weak``).
        decided: First final decisions, by camera and by what it is: a vehicle seen before (``joined``) or not (``new``).
        arrivals: First final joins, by the link's name.
        judged: Joins by stage and place in `BINS`: ``provisional`` ones by the first final decision, ``confirmed`` ones by what
            was known of them when they were forgotten.
        drift: How far a camera's embeddings have moved, by camera and model; see `matcher.quality.drift`.
    """

    choices: Counter[str] = field(default_factory=Counter)
    provisional: Counter[str] = field(default_factory=Counter)
    cycles: Counter[str] = field(default_factory=Counter)
    decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    arrivals: Counter[str] = field(default_factory=Counter)
    judged: dict[tuple[str, int], Judged] = field(default_factory=dict)
    drift: dict[tuple[str, str], float] = field(default_factory=dict)

    def __deepcopy__(self, memo: dict[int, Any]) -> QualityReport:
        return self
