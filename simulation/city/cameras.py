"""Cameras of the city: pinhole cameras with a pose, and what of the world they see where."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NEAR", "CityCamera", "Floats"]

Floats = npt.NDArray[np.float64]

NEAR = 0.5
"""Metres in front of a camera up to which it sees nothing."""


@dataclass(frozen=True, slots=True)
class CityCamera:
    """A camera.

    The world is in metres: x east, y north, z up from the road.

    Attributes:
        id: Camera id.
        number: Of numeric formats.
        position: x, y and z of its lens.
        heading: Degrees clockwise from north that it looks to.
        depression: Degrees that it looks down.
        focal: Focal length in pixels.
        size: Width and height of its picture in pixels; the principal point is its middle.
        reach: Metres from its foot up to which vehicles are large enough to be followed.
    """

    id: str
    number: int
    position: tuple[float, float, float]
    heading: float
    depression: float
    focal: float
    size: tuple[int, int]
    reach: float = 90.0

    def axes(self) -> Floats:
        """(3, 3): its right, down and forward directions in the world, as rows."""
        heading, depression = math.radians(self.heading), math.radians(self.depression)
        level = np.array((math.sin(heading), math.cos(heading), 0.0))
        forward = level * math.cos(depression) - np.array((0.0, 0.0, math.sin(depression)))
        right = np.array((math.cos(heading), -math.sin(heading), 0.0))
        axes: Floats = np.stack((right, np.cross(forward, right), forward))
        return axes

    def to_camera(self, points: Floats) -> Floats:
        """World points (N, 3) as metres to the right, down and forward of the camera."""
        seen: Floats = (points - np.array(self.position)) @ self.axes().T
        return seen

    def to_picture(self, seen: Floats) -> Floats:
        """Points of `to_camera` (N, 3), all beyond `NEAR`, as pixels (N, 2); pixel (i, j) covers i..i+1, j..j+1."""
        pixels: Floats = seen[:, :2] / seen[:, 2:] * self.focal + np.array(self.size) / 2
        return pixels

    def homography(self) -> Floats:
        """(3, 3): from pixels to x and y on the road's plane (z = 0) in metres, as `ground.homography` of a site file."""
        right, down, forward = self.axes()
        width, height = self.size
        camera = np.array(((self.focal, 0.0, width / 2), (0.0, self.focal, height / 2), (0.0, 0.0, 1.0)))
        pose = np.stack((right, down, forward))
        offset = -pose @ np.array(self.position)
        ground = camera @ np.column_stack((pose[:, 0], pose[:, 1], offset))
        inverse: Floats = np.linalg.inv(ground)
        scaled: Floats = inverse / np.abs(inverse).max()
        return scaled
