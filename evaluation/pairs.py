"""Pairwise precision and recall: of the pairs of tracks, which were put together, and which should have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["PairScore", "pair_score"]

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PairScore:
    """Counts of pairs of tracks.

    Attributes:
        together: Pairs that are one vehicle and were found to be.
        found: Pairs found to be one vehicle.
        true: Pairs that are one vehicle.
    """

    together: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the pairs found that are right; 1 when none was found."""
        return self.together / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the true pairs that were found; 1 when there are none."""
        return self.together / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.together / (self.found + self.true) if self.found + self.true else 1.0


def pair_score(truth: Mapping[Key, Hashable], result: Mapping[Key, Hashable]) -> PairScore:
    """Compares two ways to put tracks into groups; each vehicle counts by its tracks, however long they are.

    Args:
        truth: True vehicle of each track.
        result: Vehicle found for each track; tracks that the truth does not know are left out, those that the result
            does not know are alone.
    """
    alone = {key: ("alone", key) for key in truth}
    both = Counter((truth[key], result.get(key, alone[key])) for key in truth)
    true = Counter(truth.values())
    found = Counter(result.get(key, alone[key]) for key in truth)
    return PairScore(*(sum(count * (count - 1) // 2 for count in counts.values()) for counts in (both, found, true)))
