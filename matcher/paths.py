"""Where vehicles went on the ground, as arrays: a bounded number of points for each sighting of a calibrated camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from throughline.ground import METRES_A_DEGREE, scales
from throughline.messages import PathPoint
from throughline.settings import GroundSettings
from throughline.types import IntArray

__all__ = ["POINTS", "GroundPath", "Paths", "Placed", "continued", "ground_path"]

Floats: TypeAlias = npt.NDArray[np.float64]

GroundPath: TypeAlias = Floats
"""(N, 6): microseconds, ground x and y as the record says, middle of the box's lower edge in pixels, height of the box."""

POINTS = 32
"""Points kept of one sighting; between them it is taken to have gone straight and evenly."""
_BOX_ERROR = 0.05
"""Standard deviation of a box's edges, in heights of the box."""


def ground_path(points: Sequence[PathPoint]) -> GroundPath | None:
    """What a record says of places on the ground; None: nothing."""
    rows = [
        (point.at, point.ground.x, point.ground.y, point.x + 0.5 * point.width, point.y + point.height, point.height)
        for point in points
        if point.ground is not None
    ]
    return _thinned(np.array(rows, np.float64)) if rows else None


def continued(former: GroundPath | None, path: GroundPath | None) -> GroundPath | None:
    """A path with what an earlier revision told of it."""
    if former is None or path is None:
        return former if path is None else path
    before = former[former[:, 0] < path[0, 0]]
    return _thinned(np.concatenate([before, path])) if len(before) else path


def _thinned(path: GroundPath) -> GroundPath:
    """At most `POINTS` of its points, evenly in time, first and last among them."""
    if len(path) <= POINTS:
        return path
    wanted = np.linspace(path[0, 0], path[-1, 0], POINTS)
    return np.asarray(path[np.unique(np.searchsorted(path[:, 0], wanted).clip(0, len(path) - 1))])


@dataclass(frozen=True, slots=True)
class Placed:
    """Where P vehicles were at T instants each.

    Attributes:
        places: (P, T, 2) metres, or degrees (longitude, latitude).
        errors: (P, T, 3) covariance of the places in square metres: xx, xy, yy.
        velocities: (P, T, 2) metres or degrees a second.
    """

    places: Floats
    errors: Floats
    velocities: Floats


class Paths:
    """Columns by slot, beside those of `matcher.table.SightingTable`.

    A place is as uncertain as the calibration says, and as the box is: an error of its edges, a share of its height, means
    little close to the camera and much toward the horizon, where a pixel covers metres.

    Args:
        calibrations: Of each camera by number; None: it has none.
        capacity: Slots.

    Attributes:
        count: (capacity,) points that are known.
        at: (capacity, `POINTS`) microseconds, the last again behind the last.
        places: (capacity, `POINTS`, 2).
        errors: (capacity, `POINTS`, 3) covariances in square metres: xx, xy, yy.
        size: (capacity,) log of the height of the box in metres, as wide as those are across the view; NaN: not known.
        degrees: (cameras,) places are in degrees.
    """

    def __init__(self, calibrations: Sequence[GroundSettings | None], capacity: int) -> None:
        self._calibrations = tuple(calibrations)
        self.degrees = np.array([one is not None and one.units == "degrees" for one in calibrations], np.bool_)
        self.count = np.zeros(capacity, np.int64)
        self.at = np.zeros((capacity, POINTS), np.int64)
        self.places = np.zeros((capacity, POINTS, 2), np.float64)
        self.errors = np.zeros((capacity, POINTS, 3), np.float32)
        self.size = np.full(capacity, np.nan)

    def put(self, slot: int, camera: int, path: GroundPath | None) -> None:
        """Says where a sighting went, in place of all that was known before; None: nothing is known."""
        calibration = self._calibrations[camera]
        if path is None or calibration is None:
            self.count[slot], self.size[slot] = 0, np.nan
            return
        count = len(path)
        self.count[slot] = count
        self.at[slot, :count] = path[:, 0]
        self.at[slot, count:] = path[-1, 0]
        self.places[slot, :count] = path[:, 1:3]
        by_x, by_y = scales(calibration, path[:, 3], path[:, 4])
        error = (_BOX_ERROR * path[:, 5]) ** 2
        self.errors[slot, :count, 0] = calibration.uncertainty**2 + error * (by_x[0] ** 2 + by_y[0] ** 2)
        self.errors[slot, :count, 1] = error * (by_x[0] * by_x[1] + by_y[0] * by_y[1])
        self.errors[slot, :count, 2] = calibration.uncertainty**2 + error * (by_x[1] ** 2 + by_y[1] ** 2)
        self.size[slot] = np.median(np.log(np.maximum(path[:, 5] * np.hypot(*by_x), 1e-3)))

    def grow(self, capacity: int) -> None:
        """Makes room."""
        more = capacity - len(self.count)
        for name in ("count", "at", "places", "errors"):
            values = getattr(self, name)
            setattr(self, name, np.concatenate([values, np.zeros((more, *values.shape[1:]), values.dtype)]))
        self.size = np.concatenate([self.size, np.full(more, np.nan)])

    def placed(self, slots: IntArray, instants: IntArray) -> Placed:
        """Where the sightings in ``slots`` (P,) were at ``instants`` (P, T), microseconds within what is known of each."""
        at, last = self.at[slots], self.count[slots, None] - 1
        before = np.minimum(np.sum(at[:, None, :] <= instants[:, :, None], axis=2) - 1, last)
        row = np.arange(len(slots))[:, None]
        before = np.maximum(np.minimum(before, last - 1), 0)
        behind = np.minimum(before + 1, last)
        span = np.maximum(at[row, behind] - at[row, before], 1)
        share = ((instants - at[row, before]) / span)[:, :, None]
        slot = slots[:, None]
        one, other = self.places[slot, before], self.places[slot, behind]
        errors = (1.0 - share) * self.errors[slot, before] + share * self.errors[slot, behind]
        return Placed((1.0 - share) * one + share * other, errors, (other - one) / (span / 1e6)[:, :, None])

    def metres(self, first: Floats, second: Floats, degrees: npt.NDArray[np.bool_], at: Floats | None = None) -> Floats:
        """Metres (P, T, 2) from ``first`` to ``second``, where P of them are in degrees.

        Args:
            first: (P, T, 2) places, or velocities.
            second: (P, T, 2) likewise.
            degrees: (P,) whether they are in degrees.
            at: (P, T, 2) where that is; default: ``first``.
        """
        if not degrees.any():
            return np.asarray(second - first)
        latitudes = (first if at is None else at)[:, :, 1]
        units = np.stack([METRES_A_DEGREE * np.cos(np.radians(latitudes)), np.full_like(latitudes, METRES_A_DEGREE)], axis=2)
        return np.asarray((second - first) * np.where(degrees[:, None, None], units, 1.0))
