"""From a box in the picture to a place on the ground."""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from throughline.messages import GroundPoint
from throughline.settings import GroundSettings

__all__ = ["METRES_A_DEGREE", "GroundPlane", "scales"]

Floats: TypeAlias = npt.NDArray[np.float64]

METRES_A_DEGREE: Final = 111_195.0
"""Of latitude, on a sphere of 6371 km."""


class GroundPlane:
    """A camera's homography, with its sign settled.

    A homography is known up to scale only, a negative one included, and pixels above the horizon map to points behind the
    camera. Both show in the sign of the third coordinate. The middle of the picture's lower edge sees the ground in any camera
    that watches a road, so its sign is the right one.

    Args:
        settings: The matrix, and whether it yields metres or degrees (latitude, longitude).
        frame_size: Width and height of the picture in pixels.
    """

    def __init__(self, settings: GroundSettings, frame_size: tuple[int, int]) -> None:
        self._first, self._second, self._third = settings.homography
        self._degrees: Final = settings.units == "degrees"
        a, b, c = self._third
        self._sign: Final = math.copysign(1.0, a * frame_size[0] / 2 + b * frame_size[1] + c)

    def at(self, x: float, y: float) -> GroundPoint | None:
        """The place seen at the pixel (x, y); None at or above the horizon, where there is none."""
        depth = _dot(self._third, x, y)
        if depth * self._sign <= 0:
            return None
        first, second = _dot(self._first, x, y) / depth, _dot(self._second, x, y) / depth
        if not (math.isfinite(first) and math.isfinite(second)):
            return None
        return GroundPoint(x=second, y=first) if self._degrees else GroundPoint(x=first, y=second)


def scales(settings: GroundSettings, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Metres on the ground, as vectors (2, N) in the directions x and y, that one pixel to the right and one down mean at (x, y).

    What an error of a box means on the ground: little close to the camera, much far away.
    """
    first, second, third = settings.homography
    depth = _dot(third, x, y)
    rows = (second, first) if settings.units == "degrees" else (first, second)
    places = [_dot(row, x, y) / depth for row in rows]
    units: tuple[Any, Any] = (1.0, 1.0)
    if settings.units == "degrees":
        units = (METRES_A_DEGREE * np.cos(np.radians(places[1])), METRES_A_DEGREE)
    # The derivative of a quotient.
    by_x, by_y = (
        np.stack([unit * (row[k] - place * third[k]) / depth for row, place, unit in zip(rows, places, units, strict=True)])
        for k in (0, 1)
    )
    return by_x, by_y


def _dot(row: tuple[float, float, float], x: Any, y: Any) -> Any:
    return row[0] * x + row[1] * y + row[2]
