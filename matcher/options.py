"""Which vehicles sightings could be, and the log-odds of each: the sparse graph that decisions are made on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from matcher.decisions import Decisions
from matcher.evidence.term import Ratios
from matcher.gallery import Gallery
from matcher.gates import PASSED, relate
from matcher.remembered import Remembered
from matcher.scoring import Scorer, Scores
from matcher.vehicles import COMPARED, Vehicle, Vehicles
from throughline.types import IntArray

__all__ = ["Options", "OptionsOf", "Unit", "Weighed", "sets"]

Unit: TypeAlias = tuple[int, ...]
"""Slots of sightings of one camera that are one vehicle for certain: parts of a broken track, or mostly just one."""

OptionsOf: TypeAlias = dict[Vehicle, float]
"""Log-odds by vehicle, against a new one."""

_HOPELESS = -4.0
"""Log-odds below which an option is not told apart from others: it can win nothing, but many together weigh something."""


class Weighed(NamedTuple):
    """What a unit could be.

    Attributes:
        options: Vehicles that are worth a thought.
        rest: Odds of all others together, against a new vehicle.
    """

    options: OptionsOf
    rest: float


_NOTHING = Weighed({}, 0.0)
_AT_ONCE = 64
"""Units that are weighed in one go: arrays then stay in the processor's cache."""


def sets(of: Sequence[Sequence[int]], width: int | None = None) -> IntArray:
    """Sets of slots as an array, -1 where a set has no more."""
    width = width or max(map(len, of), default=1)
    if width == 1:
        return np.array(of, np.int64).reshape(len(of), 1)
    return np.array([[*one, *([-1] * (width - len(one)))] for one in of], np.int64).reshape(len(of), width)


class Options:
    """Finds and weighs the vehicles that units could join.

    Args:
        gallery: The sightings.
        vehicles: The grouping so far.
        decisions: Which of it may still be changed.
        scorer: Gates and evidence.
    """

    def __init__(self, gallery: Gallery, vehicles: Vehicles, decisions: Decisions, scorer: Scorer) -> None:
        self._gallery, self._vehicles, self._decisions, self._scorer = gallery, vehicles, decisions, scorer
        self._table = scorer.table
        self._near: dict[int, IntArray] = {}
        self._bridged: dict[int, IntArray] = {}
        self._remembered = Remembered(vehicles)

    def refresh(self) -> None:
        """The gallery has changed."""
        self._near.clear()
        self._bridged.clear()

    def changed(self, slot: int) -> None:
        """More is known of a sighting, or its vehicle can be changed no more: both are weighed again."""
        self._remembered.forget(slot)
        self._vehicles.note(slot)

    def weigh_all_again(self) -> None:
        """Something has changed that may concern any comparison."""
        self._remembered.clear()

    def _all_near(self, slot: int) -> IntArray:
        near = self._near.get(slot)
        if near is None:
            near = self._near[slot] = np.array(self._gallery.near(slot), np.int64)
        return near

    def _over_bridges(self, slot: int) -> IntArray:
        """Sightings over bridges that nobody saw go on, or come, if nobody saw this one either; and those of its own vehicle."""
        bridged = self._bridged.get(slot)
        if bridged is None:
            bridged = self._bridged[slot] = np.array(self._gallery.bridged(slot), np.int64)
        if not len(bridged):
            return bridged
        table, vehicles = self._table, self._vehicles
        own, place = vehicles.put(slot).place, vehicles.places(table.number[bridged])
        before = (table.start[bridged] < table.start[slot]).astype(np.int64)
        loose = (vehicles.ends[place, before] == bridged) & (vehicles.ends[own, 1 - before] == slot)
        return np.asarray(bridged[(loose & (place >= 0)) | (place == own)])

    def of(self, units: Sequence[Unit], *, keep_own: bool = False) -> list[Weighed]:
        """The options of each unit.

        Sightings of the same camera that may still be changed are taken out of all vehicles before: they compete.

        Args:
            units: What is asked for.
            keep_own: But for those of a unit's own vehicle, other than itself.
        """
        # Those of one camera one after the other: what they are compared with is then in the processor's cache.
        camera = self._table.camera[np.array([unit[0] for unit in units], np.int64)]
        order = np.argsort(camera, kind="stable").tolist()
        result: list[Weighed] = [_NOTHING] * len(units)
        for start in range(0, len(units), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            for place, weighed in zip(some, self._of([units[place] for place in some], keep_own), strict=True):
                result[place] = weighed
        return result

    def _of(self, units: Sequence[Unit], keep_own: bool) -> list[Weighed]:
        result: list[OptionsOf] = [{} for _ in units]
        row, place = self._reachable(units, keep_own)
        if not len(row):
            return [Weighed(options, 0.0) for options in result]
        if keep_own or any(len(unit) > 1 for unit in units):
            row, place, scores = self._scored(sets(units), row, place, keep_own)
        else:
            row, place, scores = self._recalled([slot for (slot,) in units], row, place)
        hopeless = scores <= _HOPELESS
        rest = np.bincount(row[hopeless], np.exp(scores[hopeless]), len(units)).tolist()
        passed = np.flatnonzero(~hopeless)
        vehicles = self._vehicles.all_at(place[passed].tolist())
        for one, vehicle, score in zip(row[passed].tolist(), vehicles, scores[passed].tolist(), strict=True):
            result[one][vehicle] = score
        return [Weighed(options, others) for options, others in zip(result, rest, strict=True)]

    def _scored(self, units: IntArray, row: IntArray, place: IntArray, keep_own: bool) -> tuple[IntArray, IntArray, Ratios]:
        """Those of the pairs of (U, M) units and vehicles in which something is left to compare, and their log-odds."""
        lefts = self._others(place, units[row], keep_own)
        some = (lefts >= 0).any(axis=1)
        row, place, lefts = row[some], place[some], lefts[some]
        return row, place, self._scorer.score(lefts, units[row]).log_odds

    def _recalled(self, slots: Sequence[int], row: IntArray, place: IntArray) -> tuple[IntArray, IntArray, Ratios]:
        """`_scored` of sightings one by one: only what has changed since they were weighed last is weighed again."""
        scores = self._remembered.recall(slots, row, place)
        new = np.isnan(scores)
        if new.any():
            anew, there, found = self._scored(np.array(slots, np.int64)[:, None], row[new], place[new], keep_own=False)
            row, place, scores = (
                np.concatenate([known[~new], more]) for known, more in ((row, anew), (place, there), (scores, found))
            )
            order = np.lexsort((place, row))
            row, place, scores = row[order], place[order], scores[order]
            self._remembered.keep(slots, row, place, scores)
        return row, place, scores

    def _reachable(self, units: Sequence[Unit], keep_own: bool) -> tuple[IntArray, IntArray]:
        """(G,) units, rising, and places of the vehicles with a sighting straight before or behind that is not taken out."""
        slots = [slot for unit in units for slot in unit]
        near = [np.concatenate([self._all_near(slot), self._over_bridges(slot)]) for slot in slots]
        first, counts = np.concatenate(near), [len(others) for others in near]
        second = np.repeat(np.array(slots, np.int64), counts)
        row_of = np.repeat(np.repeat(np.arange(len(units)), [len(unit) for unit in units]), counts)
        place = self._vehicles.places(self._table.number[first])
        out = (self._table.camera[first] == self._table.camera[second]) & self._decisions.which_movable(first)
        if keep_own:
            out &= place != self._vehicles.places(self._table.number[second])
        vehicles = len(self._vehicles.compared)
        found = np.unique((row_of * vehicles + place)[~out])
        return found // vehicles, found % vehicles

    def _others(self, place: IntArray, units: IntArray, keep_own: bool) -> IntArray:
        """(G, M) the vehicles' sightings but for those that are taken out."""
        compared = self._vehicles.compared[place]
        width = int((compared >= 0).sum(axis=1).max(initial=1))
        compared = compared[:, :width]
        slot = units[:, :1]
        same_camera = self._table.camera[compared] == self._table.camera[slot]
        out = same_camera & self._decisions.which_movable(compared)
        if keep_own:
            own = self._vehicles.places(self._table.number[units[:, 0]])
            out &= (place != own)[:, None]
        for column in units.T:
            out |= compared == column[:, None]
        return np.where(out, -1, compared)

    def broken_within_reach(self, slots: Sequence[int]) -> list[Vehicle]:
        """Vehicles with several sightings by one camera, that these sightings are in or could join."""
        near = np.concatenate([np.array(slots, np.int64), *(self._all_near(slot) for slot in slots)])
        places = np.unique(self._vehicles.places(self._table.number[near]))
        return [self._vehicles.at(place) for place in places[places >= 0].tolist() if self._vehicles.broken[place]]

    def within_reach(self, slots: Sequence[int]) -> list[tuple[int, int]]:
        """How many sightings of other cameras, and of the same one, could come straight before or behind each of these."""
        if not slots:
            return []
        near = [self._all_near(slot) for slot in slots]
        row = np.repeat(np.arange(len(slots)), [len(others) for others in near])
        first = np.concatenate(near)
        second = np.array(slots, np.int64)[row]
        passed = relate(self._table, self._scorer.topology, first, second).rejected == PASSED
        same = self._table.camera[first] == self._table.camera[second]
        counts = (np.bincount(row[passed & which], minlength=len(slots)).tolist() for which in (~same, same))
        return list(zip(*counts, strict=True))

    def scores(self, comparisons: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Scores:
        """The log-odds that two sets of sightings are one vehicle, for each of these comparisons."""
        lefts, rights = ([one[side][-COMPARED:] for one in comparisons] for side in (0, 1))
        return self._scorer.score(sets(lefts), sets(rights))
