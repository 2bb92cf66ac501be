"""Draws vehicles into a camera's empty road, and measures the true boxes while at it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from simulation.drawn_road.shapes import Shape
from simulation.drawn_road.traffic import Passage
from simulation.drawn_road.view import NEAR, Floats, RoadView
from throughline.types import Image

__all__ = ["Painter", "TrueBox"]

_SCALE = 2
"""Vehicles are drawn this many times as large and then reduced, which smooths their edges."""
_SHIFT = 4
_SUN = np.array((0.45, -0.35, 0.82))
"""Where the light comes from, in every camera's world."""
_SHADOW = 0.74
_LEAST_INSIDE = 0.3
_LEAST_VISIBLE = 0.3
_LEAST_HEIGHT = 8.0
_NOISE_FIELDS = 8


@dataclass(frozen=True, slots=True)
class TrueBox:
    """A vehicle in a picture: at least a third of it is inside, and not hidden by another.

    Attributes:
        vehicle: Its number.
        box: x1, y1, x2, y2 in pixels, within the picture; it goes around the parts behind other vehicles, too.
    """

    vehicle: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Projected:
    """A vehicle's polygons in the picture, in drawing order, and the outline of all of them."""

    passage: Passage
    depth: float
    polygons: list[Floats]
    colours: list[tuple[float, float, float]]
    outline: Floats
    shadow: Floats | None


class Painter:
    """Draws the pictures of one camera.

    Args:
        view: The camera.
        size: Width and height of its pictures.
        empty: The road without vehicles.
        generator: Source of the sensor's noise.
    """

    def __init__(self, view: RoadView, size: tuple[int, int], empty: Image, generator: np.random.Generator) -> None:
        self._view = view
        self._size = size
        self._empty = empty
        levels = np.arange(256) / 255.0
        curves = [255.0 * np.clip(gain * levels, 0, 1) ** view.gamma for gain in view.gains]
        self._tones = np.round(np.stack(curves, -1)).astype(np.uint8)[None]
        shape = (_NOISE_FIELDS, size[1], size[0], 3)
        self._noise = np.round(generator.normal(0.0, view.noise, shape)).astype(np.int16)
        self._pictures = 0

    def paint(self, passages: list[Passage], seconds: float) -> tuple[Image, list[TrueBox]]:
        """The picture at ``seconds``, and who stands in it."""
        drawn = self._empty.copy()
        owners = np.zeros((self._size[1], self._size[0]), np.uint8)
        projected = [found for passage in passages if (found := self._project(passage, seconds)) is not None]
        projected.sort(key=lambda vehicle: -vehicle.depth)
        for vehicle in projected:
            self._cast_shadow(drawn, vehicle)
        for index, vehicle in enumerate(projected, 1):
            self._draw(drawn, vehicle)
            cv2.fillConvexPoly(owners, np.round(vehicle.outline - 0.5).astype(np.int32), index)
        boxes = [
            box for index, vehicle in enumerate(projected, 1) if (box := self._true_box(vehicle, owners == index)) is not None
        ]
        self._pictures += 1
        toned = cv2.LUT(drawn, self._tones).astype(np.int16)
        noisy = np.clip(toned + self._noise[self._pictures * 5 % _NOISE_FIELDS], 0, 255)
        return noisy.astype(np.uint8), boxes

    def _project(self, passage: Passage, seconds: float) -> _Projected | None:
        view, shape = self._view, passage.vehicle.shape
        middle = np.array((view.lane_x(passage.lane), passage.middle(seconds, approaching=view.approaching), 0.0))
        turned = np.array((-1.0, -1.0, 1.0)) if view.approaching else np.ones(3)
        seen = view.to_camera(shape.points * turned + middle)
        if (seen[:, 2] < NEAR).all():
            return None
        eye = (view.position - middle) * turned
        facing = ((eye - shape.anchors) * shape.normals).sum(1) > 0
        distances = np.linalg.norm(eye - shape.centres, axis=1)
        order = np.lexsort((np.arange(len(facing)), -distances[shape.parts], shape.layers))
        light = 0.62 + 0.42 * np.clip((shape.normals * turned) @ (_SUN / np.linalg.norm(_SUN)), 0, None)
        colours = np.clip(shape.colours * light[:, None], 0, 255)
        polygons, painted = [], []
        for index in order:
            if not facing[index]:
                continue
            polygon = _clipped(seen[shape.starts[index] : shape.starts[index + 1]])
            if len(polygon) >= 3:
                polygons.append(view.to_picture(polygon, self._size))
                painted.append((float(colours[index, 0]), float(colours[index, 1]), float(colours[index, 2])))
        if not polygons:
            return None
        outline = cv2.convexHull(np.concatenate(polygons).astype(np.float32))[:, 0].astype(np.float64)
        if not self._touches(outline):
            return None
        depth = float(view.to_camera(middle[None])[0, 2])
        return _Projected(passage, depth, polygons, painted, outline, self._shadow(shape, middle))

    def _touches(self, outline: Floats) -> bool:
        return bool((outline.max(0) > 0).all() and (outline.min(0) < np.array(self._size)).all())

    def _shadow(self, shape: Shape, middle: Floats) -> Floats | None:
        """Outline of the shadow on the road."""
        half_width, half_length = shape.width / 2, shape.length / 2
        corners = np.array(
            [(x, y, z) for x in (-half_width, half_width) for y in (-half_length, half_length) for z in (0.0, shape.height)]
        )
        thrown = corners + middle - corners[:, 2:] / _SUN[2] * _SUN
        seen = self._view.to_camera(thrown)
        if seen[:, 2].min() < NEAR:
            return None
        return cv2.convexHull(self._view.to_picture(seen, self._size).astype(np.float32))[:, 0].astype(np.float64)

    def _cast_shadow(self, drawn: Image, vehicle: _Projected) -> None:
        if vehicle.shadow is None or (area := self._region(vehicle.shadow, 4)) is None:
            return
        left, top, right, bottom = area
        mask = np.zeros((bottom - top, right - left), np.float32)
        cv2.fillConvexPoly(mask, np.round(vehicle.shadow - (left, top)).astype(np.int32), 1.0)
        soft = cv2.GaussianBlur(mask, (0, 0), 1.2)
        region = drawn[top:bottom, left:right]
        region[:] = (region * (1.0 - (1.0 - _SHADOW) * soft[..., None])).astype(np.uint8)

    def _draw(self, drawn: Image, vehicle: _Projected) -> None:
        area = self._region(vehicle.outline, 2)
        if area is None:
            return
        left, top, right, bottom = area
        large = cv2.resize(drawn[top:bottom, left:right], None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_NEAREST)
        for polygon, colour in zip(vehicle.polygons, vehicle.colours, strict=True):
            # OpenCV's integers are the middles of pixels.
            corners = ((polygon - (left, top)) * _SCALE - 0.5) * (1 << _SHIFT)
            cv2.fillConvexPoly(large, np.round(corners).astype(np.int32), colour, cv2.LINE_8, _SHIFT)
        drawn[top:bottom, left:right] = cv2.resize(large, (right - left, bottom - top), interpolation=cv2.INTER_AREA)

    def _region(self, outline: Floats, margin: int) -> tuple[int, int, int, int] | None:
        width, height = self._size
        left, top = (max(0, math.floor(value) - margin) for value in outline.min(0))
        right = min(width, math.ceil(outline[:, 0].max()) + margin)
        bottom = min(height, math.ceil(outline[:, 1].max()) + margin)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _true_box(self, vehicle: _Projected, visible: npt.NDArray[np.bool_]) -> TrueBox | None:
        low, high = vehicle.outline.min(0), vehicle.outline.max(0)
        low_inside, high_inside = np.maximum(low, 0), np.minimum(high, self._size)
        extent, inside = high - low, high_inside - low_inside
        if inside.prod() < _LEAST_INSIDE * extent.prod() or inside[1] < _LEAST_HEIGHT:
            return None
        alone = np.zeros(visible.shape, np.uint8)
        cv2.fillConvexPoly(alone, np.round(vehicle.outline - 0.5).astype(np.int32), 1)
        if np.count_nonzero(visible) < _LEAST_VISIBLE * np.count_nonzero(alone):
            return None
        box = (float(low_inside[0]), float(low_inside[1]), float(high_inside[0]), float(high_inside[1]))
        return TrueBox(vehicle.passage.vehicle.number, box)


def _clipped(polygon: Floats) -> Floats:
    """The part of a polygon, in the camera's axes, that lies beyond the near plane (Sutherland and Hodgman, 1974)."""
    ahead = polygon[:, 2] >= NEAR
    if ahead.all():
        return polygon
    kept = []
    for index in range(len(polygon)):
        current, following = polygon[index], polygon[(index + 1) % len(polygon)]
        if ahead[index]:
            kept.append(current)
        if ahead[index] != ahead[(index + 1) % len(polygon)]:
            share = (NEAR - current[2]) / (following[2] - current[2])
            kept.append(current + share * (following - current))
    return np.array(kept).reshape(-1, 3)
