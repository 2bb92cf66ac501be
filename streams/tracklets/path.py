"""Where a vehicle went, thinned to a few points a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Final

from throughline.ground import GroundPlane
from throughline.messages import PathPoint
from throughline.times import MICROSECONDS, Instant
from throughline.types import FloatArray

__all__ = ["VehiclePath", "heading_of"]

_STANDING_INTERVAL = 2.0  # seconds between points while the box stays where it is
_STANDING_SHIFT = 0.03  # of the box's height: less is the detector's trembling
_MOST_POINTS = 1000  # about four minutes of driving, or half an hour of standing; then the path is thinned further
_LEAST_TRAVEL = 0.5  # heights of the box: who moved less has no heading
_END_POINTS = 5  # at each end of the path give the heading, by their median


class VehiclePath:
    """The sightings of one tracklet, thinned.

    Args:
        interval: Least seconds between two points.
        ground: The camera's calibration, if any.
    """

    def __init__(self, interval: float, ground: GroundPlane | None) -> None:
        self._interval: Final = round(interval * MICROSECONDS)
        self._ground: Final = ground
        self._points: list[PathPoint] = []
        self._fresh: list[PathPoint] = []
        self._latest: tuple[Instant, FloatArray] | None = None

    def observe(self, at: Instant, box: FloatArray) -> None:
        """A sighting at ``box`` (4,), corners in pixels; later than the one before."""
        self._latest = (at, box)
        if not self._points or self._due(self._points[-1], at, box):
            self._append()

    def points(self) -> tuple[PathPoint, ...]:
        """All points, the first and the latest sighting among them."""
        self._append()
        return tuple(self._points)

    def fresh(self) -> tuple[PathPoint, ...]:
        """The points since the last call, the latest sighting among them."""
        self._append()
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def heading(self) -> float | None:
        """Direction of travel in the picture in degrees, 0 = right, 90 = down; None when it hardly moved."""
        return heading_of(self._points)

    def _due(self, last: PathPoint, at: Instant, box: FloatArray) -> bool:
        waited = at - last.at
        if waited < self._interval:
            return False
        x1, y1, x2, y2 = (float(value) for value in box)
        shifts = (x1 - last.x, y1 - last.y, x2 - last.x - last.width, y2 - last.y - last.height)
        moved = max(abs(shift) for shift in shifts) > _STANDING_SHIFT * last.height
        return moved or waited >= _STANDING_INTERVAL * MICROSECONDS

    def _append(self) -> None:
        if self._latest is None or (self._points and self._points[-1].at == self._latest[0]):
            return
        at, box = self._latest
        x1, y1, x2, y2 = (float(value) for value in box)
        ground = None if self._ground is None else self._ground.at((x1 + x2) / 2, y2)
        point = PathPoint(at, round(x1, 2), round(y1, 2), round(x2 - x1, 2), round(y2 - y1, 2), ground)
        self._points.append(point)
        self._fresh.append(point)
        if len(self._points) > _MOST_POINTS:
            self._points = [*self._points[:-1:2], point]


def heading_of(points: Sequence[PathPoint]) -> float | None:
    """Direction from where a path began to where it leads, in degrees, 0 = right, 90 = down.

    Each end is the median of a few points, so that one bad box does not turn the vehicle round.

    Returns:
        None when it moved less than half the height of its box.
    """
    count = max(1, min(_END_POINTS, len(points) // 3))
    if len(points) < 2:
        return None
    start, end = _middle(points[:count]), _middle(points[-count:])
    x, y = end[0] - start[0], end[1] - start[1]
    if math.hypot(x, y) < _LEAST_TRAVEL * median(point.height for point in points):
        return None
    return round(math.degrees(math.atan2(y, x)) % 360.0, 1)


def _middle(points: Sequence[PathPoint]) -> tuple[float, float]:
    """Median place of the middle of the lower edge."""
    return median(point.x + point.width / 2 for point in points), median(point.y + point.height for point in points)
