"""From a box in the picture to a place on the ground."""

from __future__ import annotations

import math
from typing import Final

from throughline.messages import GroundPoint
from throughline.settings import GroundSettings

__all__ = ["GroundPlane"]


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


def _dot(row: tuple[float, float, float], x: float, y: float) -> float:
    return row[0] * x + row[1] * y + row[2]
