"""A pinhole camera on a mast beside, or above, a straight road."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LANE_WIDTH", "NEAR", "Floats", "RoadView"]

Floats = npt.NDArray[np.float64]

LANE_WIDTH = 3.6
NEAR = 0.5
"""Metres in front of the camera up to which nothing is drawn."""


@dataclass(frozen=True, slots=True)
class RoadView:
    """Where a camera stands and how it sees.

    The world is in metres: x to the camera's right across the road (0 = middle of the middle lane), y along the road away from
    the camera, z up; the camera stands at y = 0.

    Attributes:
        id: Camera id.
        height: Metres above the road.
        lateral: Its x.
        yaw: Degrees it is turned to the right.
        depression: Degrees it looks down.
        focal: Focal length as a share of the picture's width.
        approaching: Whether traffic comes towards it.
        gains: Factors of blue, green and red: exposure and white balance.
        gamma: Exponent of its tone curve.
        noise: Standard deviation of the sensor's noise (0..255).
    """

    id: str
    height: float
    lateral: float
    yaw: float
    depression: float
    focal: float
    approaching: bool
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    noise: float = 1.5

    @property
    def position(self) -> Floats:
        """The camera's place (3,)."""
        return np.array((self.lateral, 0.0, self.height))

    def axes(self) -> Floats:
        """(3, 3): its right, down and forward directions as rows."""
        yaw, depression = math.radians(self.yaw), math.radians(self.depression)
        forward = np.array((math.sin(yaw) * math.cos(depression), math.cos(yaw) * math.cos(depression), -math.sin(depression)))
        right = np.array((math.cos(yaw), -math.sin(yaw), 0.0))
        return np.stack((right, np.cross(forward, right), forward))

    def to_camera(self, points: Floats) -> Floats:
        """World points (N, 3) as distances to the right, down and forward of the camera."""
        seen: Floats = (points - self.position) @ self.axes().T
        return seen

    def to_picture(self, seen: Floats, size: tuple[int, int]) -> Floats:
        """Points in the camera's axes (N, 3), all in front of it, as pixels (N, 2); pixel (i, j) covers i..i+1, j..j+1."""
        width, height = size
        focal = self.focal * width
        pixels: Floats = seen[:, :2] / seen[:, 2:] * focal + np.array((width / 2, height / 2))
        return pixels

    def on_ground(self, size: tuple[int, int], scale: int) -> tuple[Floats, Floats]:
        """World x and y of the road's plane at each pixel of a picture ``scale`` times as large; (height, width) each."""
        width, height = size[0] * scale, size[1] * scale
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        focal = self.focal * width
        rays = np.stack(((columns - width / 2) / focal, (rows - height / 2) / focal, np.ones_like(rows)), -1) @ self.axes()
        if rays[..., 2].max() > -0.02:
            raise ValueError(f"camera {self.id} sees the horizon; look further down")
        distance = -self.height / rays[..., 2]
        return self.lateral + rays[..., 0] * distance, rays[..., 1] * distance

    def lane_x(self, lane: int) -> float:
        """World x of the middle of a lane; 0 is the slow one, on the right of the traffic."""
        right_of_traffic = (1 - lane) * LANE_WIDTH
        return -right_of_traffic if self.approaching else right_of_traffic

    def lane_ends(self, lane: int, size: tuple[int, int]) -> tuple[float, float]:
        """World y at which a lane's middle enters the picture from below, and at which it leaves it above or at a side."""
        along = np.arange(1.0, 200.0, 0.1)
        points = np.stack((np.full_like(along, self.lane_x(lane)), along, np.zeros_like(along)), 1)
        seen = self.to_camera(points)
        pixels = self.to_picture(seen, size)
        inside = (seen[:, 2] > NEAR) & (pixels > 0).all(1) & (pixels < np.array(size)).all(1)
        return float(along[inside][0]), float(along[inside][-1])
