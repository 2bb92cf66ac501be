"""What tracklets could follow: vehicles, decided or not, with a sighting that could have come straight before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from matcher.gallery import Gallery
from matcher.resolver import Resolver
from matcher.table import SightingTable
from matcher.vehicles import COMPARED, Vehicle
from throughline.types import IntArray

__all__ = ["Candidates", "Forerunners", "Group"]

Group: TypeAlias = Vehicle | str
"""A decided vehicle, or the tracklet that stands for others not decided yet."""


class Candidates(NamedTuple):
    """G groups that tracklets could follow, by tracklet.

    Attributes:
        row: (G,) place of the tracklet among those asked for, rising.
        key: (G,) number of the group, see `Forerunners.group`.
        lefts: (G, `COMPARED`) slots of its sightings as seen last, -1 for none; each group has one at least.
    """

    row: IntArray
    key: IntArray
    lefts: IntArray


class Forerunners:
    """Keeps who was said to follow whom, and finds whom others could follow, many at once.

    A tracklet that is not decided yet belongs to what it was said to follow, and so on. All that arrives is known here by the
    number that the table gives a tracklet, whatever its revision.

    Args:
        gallery: The sightings as seen last.
        table: What its slots hold.
        resolver: What has been decided.
    """

    def __init__(self, gallery: Gallery, table: SightingTable, resolver: Resolver) -> None:
        self._gallery, self._table, self._resolver = gallery, table, resolver
        self._latest = np.full(256, -1, np.int64)
        self._followed = np.full(256, -1, np.int64)

    def show(self, slot: int) -> None:
        """A tracklet has come, and is in this slot of the gallery."""
        number = int(self._table.number[slot])
        if number >= len(self._latest):
            more = np.full(max(len(self._latest), number + 1 - len(self._latest)), -1, np.int64)
            self._latest = np.concatenate([self._latest, more])
            self._followed = np.concatenate([self._followed, more])
        self._latest[number] = slot

    def say(self, slot: int, joined: str | None) -> None:
        """A tracklet was said to follow another one; None: none."""
        self._followed[self._table.number[slot]] = -1 if joined is None else self._number(joined)

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet; those that were said to follow it follow nothing known any more."""
        number = self._number(tracklet)
        if number >= 0:
            self._latest[number] = self._followed[number] = -1
            self._followed[self._followed == number] = -1

    def _number(self, tracklet: str) -> int:
        for gallery in (self._gallery, self._resolver.gallery):
            slot = gallery.slot(tracklet)
            if slot is not None:
                number = int(self._table.number[slot])
                return number if number < len(self._latest) else -1
        return -1

    def group(self, key: int) -> Group:
        """What a candidate's key stands for."""
        vehicles = self._resolver.vehicles
        decided = len(vehicles.compared)
        return vehicles.at(key) if key < decided else self._table.at(int(self._latest[key - decided])).id

    def of(self, slots: Sequence[int], blocks: Sequence[Collection[int]]) -> Candidates:
        """What tracklets could follow.

        Args:
            slots: Theirs.
            blocks: For each the slots of those that are decided about together with it: it can follow none of them.
        """
        table, vehicles = self._table, self._resolver.vehicles
        decided = len(vehicles.compared)
        befores = [np.array(self._gallery.before(slot), np.int64) for slot in slots]
        row = np.repeat(np.arange(len(slots)), [len(before) for before in befores])
        near, asked = np.concatenate(befores), np.array(slots, np.int64)
        there = table.start[near] < table.start[asked[row]]  # later ones say so themselves
        there &= ~self._beside(near[:, None], row, asked, blocks)[:, 0]
        row, near = row[there], near[there]
        number = table.number[near]
        own = vehicles.places(number)
        key = self._keys(number, own)
        groups = np.unique(row * (decided + len(self._latest)) + key)
        of_row, of_key = np.divmod(groups, decided + len(self._latest))
        lefts = np.full((len(groups), COMPARED), -1, np.int64)
        known = of_key < decided
        lefts[known] = self._as_seen_last(vehicles.compared[of_key[known]])
        undecided = own < 0
        place = np.searchsorted(groups, (row * (decided + len(self._latest)) + key)[undecided])
        _put_before(lefts, place, near[undecided])
        lefts[self._beside(lefts, of_row, asked, blocks)] = -1
        keep = (lefts >= 0).any(axis=1) & ~self._taken(of_row, of_key, slots, blocks)
        return Candidates(of_row[keep], of_key[keep], lefts[keep])

    def _keys(self, number: IntArray, own: IntArray) -> IntArray:
        """Of the groups that tracklets with these numbers belong to; ``own``: places of the vehicles that they are in, or -1."""
        vehicles = self._resolver.vehicles
        root, place = number.copy(), own.copy()
        on = np.flatnonzero(place < 0)
        for _ in range(len(self._followed)):  # a chain is no longer than that, even if it were a circle
            following = self._followed[root[on]]
            on, following = on[following >= 0], following[following >= 0]
            if not len(on):
                break
            root[on] = following
            place[on] = vehicles.places(following)
            on = on[place[on] < 0]
        return np.where(place >= 0, place, len(vehicles.compared) + root)

    def _as_seen_last(self, slots: IntArray) -> IntArray:
        """The decided sightings, in the state in which they were seen last; -1 stays."""
        number = self._table.number[slots]
        known = (slots >= 0) & (number < len(self._latest))
        latest = self._latest[np.where(known, number, 0)]
        return np.where(known & (latest >= 0), latest, slots)

    def _beside(
        self, slots: IntArray, row: IntArray, asked: IntArray, blocks: Sequence[Collection[int]]
    ) -> npt.NDArray[np.bool_]:
        """(G, M) which slots (G, M) are in the block of the tracklet ``asked[row]``, or are itself."""
        camera = self._table.camera
        same: npt.NDArray[np.bool_] = (slots >= 0) & (camera[slots] == camera[asked[row]][:, None])
        for one, other in zip(*np.nonzero(same), strict=True):
            number = row[one]
            same[one, other] = slots[one, other] == asked[number] or slots[one, other] in blocks[number]
        return same

    def _taken(
        self, row: IntArray, key: IntArray, slots: Sequence[int], blocks: Sequence[Collection[int]]
    ) -> npt.NDArray[np.bool_]:
        """(G,) which candidates others have been said to be that are in view at the same time, so that this one is not."""
        others = [
            (place, other)
            for place, slot in enumerate(slots)
            for other in self._gallery.together(slot)
            if other not in blocks[place]
        ]
        if not others:
            return np.zeros(len(row), np.bool_)
        beside, together = np.array(others, np.int64).T
        joined = self._followed[self._table.number[together]]
        beside, joined = beside[joined >= 0], joined[joined >= 0]
        keys = self._keys(joined, self._resolver.vehicles.places(joined))
        width = len(self._resolver.vehicles.compared) + len(self._latest)
        return np.asarray(np.isin(row * width + key, beside * width + keys))


def _put_before(sets: IntArray, place: IntArray, slots: IntArray) -> None:
    """Puts slots (P,) before what is in the rows ``place`` (P,) of ``sets`` (G, M), as far as there is room."""
    order = np.argsort(place, kind="stable")
    place, slots = place[order], slots[order]
    first = np.searchsorted(place, place)
    rank = np.arange(len(place)) - first
    width = sets.shape[1]
    fits = rank < width
    which, of = np.unique(place[fits], return_inverse=True)
    before = np.full((len(which), width), -1, np.int64)
    before[of, rank[fits]] = slots[fits]
    both = np.concatenate([before, sets[which]], axis=1)
    to_the_left = np.argsort(both < 0, axis=1, kind="stable")[:, :width]
    sets[which] = np.take_along_axis(both, to_the_left, axis=1)
