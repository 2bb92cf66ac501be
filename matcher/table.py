"""All sightings in memory as arrays, so that what is known of many is computed at once.

Every sighting has a *slot*, a row number that holds as long as it is in memory; slots are used again. Vectors are rounded to
a grid of 2^-11, and kept as whole steps of it: two bytes a number. Products of two such numbers are multiples of 2^-22, and sums
of them over unit vectors stay below 4, so float32 holds every intermediate result exactly: a cosine is the same to the last bit
in whatever order, shape or batch a BLAS computes it. The rounding moves a cosine by 2e-4, a thousandth of what noise does.
Types, colours and orientations stand on a grid of 2^-20, for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matcher.paths import Paths
from matcher.readings import TYPES, LikelihoodColumn, Readings
from matcher.sightings import Looks, ModelKey, Sighting
from matcher.topology import Topology
from throughline.types import FloatArray, IntArray

__all__ = ["STEP", "LookColumn", "SightingTable", "in_steps"]

STEP = np.float32(2.0**-11)
"""Of the grid that vectors stand on."""
_FIRST_CAPACITY = 256


def in_steps(vectors: FloatArray) -> npt.NDArray[np.int16]:
    """Unit vectors rounded to whole steps of the grid, so that products of them are exact in float32."""
    return np.asarray(np.rint(vectors / STEP), np.int16)


@dataclass
class LookColumn:
    """How sightings look to one network.

    Attributes:
        key: The network.
        bit: Its bit in `SightingTable.seen_by`.
        views: (capacity, 1 + K, D) in steps of the grid: the mean, then single views, the first repeated where there are fewer.
        singles: (capacity,) how many single views there are.
        users: Slots in use.
    """

    key: ModelKey
    bit: int
    views: npt.NDArray[np.int16]
    singles: npt.NDArray[np.int8]
    users: int = 0

    def vectors(self, slots: int | IntArray, view: int | slice) -> FloatArray:
        """Views of sightings, as float32 on the grid."""
        return self.views[slots, view].astype(np.float32) * STEP


class _Numbers:
    """A number for each tracklet that has a slot, used again after the last one is free."""

    def __init__(self) -> None:
        self._of: dict[str, list[int]] = {}
        self._free: list[int] = []

    def number(self, tracklet: str) -> int:
        known = self._of.get(tracklet)
        if known is None:
            known = [self._free.pop() if self._free else len(self._of), 0]
            self._of[tracklet] = known
        known[1] += 1
        return known[0]

    def release(self, tracklet: str) -> None:
        known = self._of[tracklet]
        known[1] -= 1
        if known[1] == 0:
            del self._of[tracklet]
            self._free.append(known[0])


class SightingTable:
    """Columns by slot.

    Args:
        topology: Cameras.
        readings: How far cameras are trusted; default: altogether.

    Attributes:
        sightings: The sighting in each slot.
        number: (capacity,) of the tracklet, whatever the revision.
        camera: (capacity,) number in the topology.
        start: (capacity,) microseconds.
        end: (capacity,) microseconds.
        open: (capacity,) still in view.
        variance: (capacity,) of its times: site file and record together, seconds squared.
        types: Likelihoods of its types, by `matcher.readings.TYPES`.
        colours: Likelihoods of its colours.
        orientations: Likelihoods of the sides of it that were seen.
        seen_by: (capacity,) bits of the networks that saw it.
        columns: Looks by network and dimension.
        paths: Where they went on the ground; None: no camera is calibrated.
    """

    def __init__(self, topology: Topology, readings: Readings | None = None) -> None:
        readings = readings or Readings()
        self._topology = topology
        self.sightings: list[Sighting | None] = [None] * _FIRST_CAPACITY
        self.number = np.zeros(_FIRST_CAPACITY, np.int64)
        self.camera = np.zeros(_FIRST_CAPACITY, np.int64)
        self.start = np.zeros(_FIRST_CAPACITY, np.int64)
        self.end = np.zeros(_FIRST_CAPACITY, np.int64)
        self.open = np.zeros(_FIRST_CAPACITY, np.bool_)
        self.variance = np.zeros(_FIRST_CAPACITY, np.float64)
        self.types = LikelihoodColumn(readings.types, _FIRST_CAPACITY)
        self.colours = LikelihoodColumn(readings.colours, _FIRST_CAPACITY)
        self.orientations = LikelihoodColumn(readings.orientations, _FIRST_CAPACITY)
        self.seen_by = np.zeros(_FIRST_CAPACITY, np.int64)
        self.columns: dict[tuple[ModelKey, int], LookColumn] = {}
        calibrated = any(calibration is not None for calibration in topology.calibrations)
        self.paths = Paths(topology.calibrations, _FIRST_CAPACITY) if calibrated else None
        self._free = list(range(_FIRST_CAPACITY - 1, -1, -1))
        self._tracklets = _Numbers()

    def __len__(self) -> int:
        return len(self.sightings) - len(self._free)

    def at(self, slot: int) -> Sighting:
        """The sighting in a slot that is in use."""
        sighting = self.sightings[slot]
        if sighting is None:
            raise KeyError(slot)
        return sighting

    def add(self, sighting: Sighting) -> int:
        """Takes a sighting in and returns its slot."""
        if not self._free:
            self._grow()
        slot = self._free.pop()
        self.number[slot] = self._tracklets.number(sighting.id)
        self.camera[slot] = self._topology.number(sighting.camera)
        self.seen_by[slot] = 0
        self._set(slot, sighting)
        return slot

    def change(self, slot: int, sighting: Sighting) -> None:
        """Puts a later revision in a sighting's place; its looks stay until others are set."""
        former = self.at(slot)
        said = sighting.types is former.types and sighting.colour is former.colour
        if (
            said
            and sighting.orientation is former.orientation
            and not (sighting.open or former.open)
            and sighting.end == former.end
        ):
            self.sightings[slot] = sighting
        else:
            self._set(slot, sighting, former)

    def _set(self, slot: int, sighting: Sighting, former: Sighting | None = None) -> None:
        self.sightings[slot] = sighting
        self.start[slot] = sighting.start
        self.end[slot] = sighting.end
        self.open[slot] = sighting.open
        if former is None or former.clock != sighting.clock:
            self.variance[slot] = self._topology.variance(sighting.camera, sighting.start) + sighting.clock.uncertainty**2
        if sighting.types and (former is None or former.types != sighting.types):
            self.types.put(slot, int(self.camera[slot]), [sighting.types.get(name, 0.0) for name in TYPES])
        if sighting.colour and (former is None or former.colour != sighting.colour):
            self.colours.put(slot, int(self.camera[slot]), sighting.colour)
        if sighting.orientation and (former is None or former.orientation != sighting.orientation):
            self.orientations.put(slot, int(self.camera[slot]), sighting.orientation)
        if self.paths is not None and (former is None or former.path is not sighting.path):
            self.paths.put(slot, int(self.camera[slot]), sighting.path)

    def set_looks(self, slot: int, looks: Looks) -> None:
        """Says how a sighting looks, in place of all that was known before."""
        self._clear_looks(slot)
        for key, vectors in looks.items():
            column = self._column(key, vectors.shape[1], len(vectors) - 1)
            count = len(vectors)
            column.views[slot, :count] = in_steps(vectors)
            column.views[slot, count:] = column.views[slot, min(1, count - 1)] if count > 1 else 0
            column.singles[slot] = count - 1
            column.users += 1
            self.seen_by[slot] |= column.bit

    def likeness(self, slot: int, looks: Looks) -> float:
        """Least cosine of the mean views that are known and these; -1 where there is nothing to compare."""
        known = [self.columns.get((key, vectors.shape[1])) for key, vectors in looks.items()]
        if any(column is None or not self.seen_by[slot] & column.bit for column in known):
            return -1.0
        pairs = zip(known, looks.values(), strict=True)
        return min((float(column.vectors(slot, 0) @ vectors[0]) for column, vectors in pairs if column is not None), default=-1.0)

    def looks(self, slot: int) -> dict[ModelKey, FloatArray]:
        """How a sighting looks, as `set_looks` takes it."""
        return {
            column.key: column.vectors(slot, slice(1 + int(column.singles[slot])))
            for column in self.columns.values()
            if self.seen_by[slot] & column.bit
        }

    def free(self, slot: int) -> None:
        """Gives a slot up."""
        self._clear_looks(slot)
        for likelihoods in (self.types, self.colours, self.orientations):
            likelihoods.clear(slot)
        self._tracklets.release(self.at(slot).id)
        self.sightings[slot] = None
        self._free.append(slot)

    def _clear_looks(self, slot: int) -> None:
        bits = int(self.seen_by[slot])
        if not bits:
            return
        for place, column in list(self.columns.items()):
            if bits & column.bit:
                column.users -= 1
                if column.users == 0:
                    del self.columns[place]
        self.seen_by[slot] = 0

    def _column(self, key: ModelKey, dimension: int, singles: int) -> LookColumn:
        column = self.columns.get((key, dimension))
        if column is None:
            taken = {other.bit for other in self.columns.values()}
            bit = next(1 << place for place in range(62) if 1 << place not in taken)
            views = np.zeros((len(self.sightings), 1 + singles, dimension), np.int16)
            column = LookColumn(key, bit, views, np.zeros(len(self.sightings), np.int8))
            self.columns[key, dimension] = column
        wider = 1 + singles - column.views.shape[1]
        if wider > 0:
            # One more copy of the first single view, or zeros where there is none.
            first = column.views[:, min(1, column.views.shape[1] - 1), None] * (column.singles > 0)[:, None, None]
            column.views = np.concatenate([column.views, np.repeat(first, wider, axis=1)], axis=1)
        return column

    def _grow(self) -> None:
        old = len(self.sightings)
        more = old // 2
        self.sightings += [None] * more
        for name in ("number", "camera", "start", "end", "open", "variance", "seen_by"):
            setattr(self, name, _longer(getattr(self, name), more))
        for column in self.columns.values():
            column.views = _longer(column.views, more)
            column.singles = _longer(column.singles, more)
        for likelihoods in (self.types, self.colours, self.orientations):
            likelihoods.grow(old + more)
        if self.paths is not None:
            self.paths.grow(old + more)
        self._free = list(range(old + more - 1, old - 1, -1))


def _longer(values: npt.NDArray[Any], more: int) -> npt.NDArray[Any]:
    return np.concatenate([values, np.zeros((more, *values.shape[1:]), values.dtype)])
