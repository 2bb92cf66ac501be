"""What sightings were compared with before, and what came of it: comparisons whose two sides are the same still hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from matcher.evidence.term import Ratios
from matcher.vehicles import Vehicles
from throughline.types import IntArray

__all__ = ["Remembered"]


@dataclass(frozen=True, slots=True)
class _Comparisons:
    """One sighting with K vehicles.

    Attributes:
        at: `Vehicles.changes` when it was done.
        places: (K,) of the vehicles, rising.
        scores: (K,) log-odds.
    """

    at: int
    places: IntArray
    scores: Ratios


class Remembered:
    """The log-odds of sightings with vehicles, as weighed last.

    They hold as long as neither the sighting nor the vehicle has changed. What the terms have learned since is left out of
    account: it changes little within the half minute after which a decision falls due.

    Args:
        vehicles: Says which vehicles have changed.
    """

    def __init__(self, vehicles: Vehicles) -> None:
        self._vehicles = vehicles
        self._of: dict[int, _Comparisons] = {}

    def recall(self, slots: Sequence[int], row: IntArray, place: IntArray) -> Ratios:
        """(G,) log-odds of the sightings ``slots[row]`` with the vehicles at ``place``, both (G,), by row and place rising.

        NaN: never weighed, or one of the two has changed since.
        """
        found = np.full(len(row), np.nan)
        there = [(number, known) for number, slot in enumerate(slots) if (known := self._of.get(slot)) and len(known.places)]
        if not there:
            return found
        counts = [len(known.places) for _, known in there]
        of_row = np.repeat([number for number, _ in there], counts)
        vehicles = len(self._vehicles.compared)
        keys = of_row * vehicles + np.concatenate([known.places for _, known in there])
        wanted = row * vehicles + place
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        since = np.zeros(len(slots), np.int64)
        since[[number for number, _ in there]] = [known.at for _, known in there]
        holds = (keys[at] == wanted) & (self._vehicles.changed[place] <= since[row])
        found[holds] = np.concatenate([known.scores for _, known in there])[at[holds]]
        return found

    def keep(self, slots: Sequence[int], row: IntArray, place: IntArray, scores: Ratios) -> None:
        """Remembers (G,) log-odds as of now, in place of all that was known of these sightings."""
        borders = np.searchsorted(row, np.arange(len(slots) + 1)).tolist()
        for slot, (first, last) in zip(slots, pairwise(borders), strict=True):
            self._of[slot] = _Comparisons(self._vehicles.changes, place[first:last].copy(), scores[first:last].copy())

    def forget(self, slot: int) -> None:
        """The sighting has changed, or is weighed no more."""
        self._of.pop(slot, None)

    def clear(self) -> None:
        """Something has changed that may concern any comparison."""
        self._of.clear()
