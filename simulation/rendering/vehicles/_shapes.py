"""Points and triangles of simple shapes, and the collection of them into a model's parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material, Model, Part

__all__ = ["Assembly", "Curve", "Mesh", "box", "curve", "ellipsoid", "mirrored", "sheet", "tube", "turned"]

Mesh: TypeAlias = tuple[Floats, npt.NDArray[np.int64]]
"""Points (N, 3) and triangles (M, 3), anticlockwise seen from outside."""

Curve: TypeAlias = Callable[[Floats], Floats]


def curve(*knots: tuple[float, float]) -> Curve:
    """A smooth function through ``knots`` (in ascending order) that never swings beyond them; constant outside.

    Cubic Hermite pieces with the harmonic means of neighbouring slopes (Fritsch and Butland, 1984).
    """
    places, values = (np.array(column, np.float64) for column in zip(*knots, strict=True))
    steps = np.diff(places)
    slopes = np.diff(values) / steps
    tangents = np.zeros(len(places))
    product = slopes[:-1] * slopes[1:]
    rising = product > 0
    tangents[1:-1][rising] = 2 * product[rising] / (slopes[:-1] + slopes[1:])[rising]
    if len(slopes):
        tangents[0], tangents[-1] = slopes[0], slopes[-1]

    def value(at: Floats) -> Floats:
        at = np.clip(at, places[0], places[-1])
        piece = np.clip(np.searchsorted(places, at, side="right") - 1, 0, len(steps) - 1)
        width = steps[piece]
        share = (at - places[piece]) / width
        result: Floats = (
            values[piece] * (1 + 2 * share) * (1 - share) ** 2
            + tangents[piece] * width * share * (1 - share) ** 2
            + values[piece + 1] * share**2 * (3 - 2 * share)
            + tangents[piece + 1] * width * share**2 * (share - 1)
        )
        return result

    return value


def sheet(grid: Floats, cells: npt.NDArray[np.bool_] | None = None) -> Mesh:
    """A grid of points (n, m, 3) as triangles; its outside is where the second axis, then the first, turn anticlockwise.

    Args:
        grid: The points.
        cells: (n - 1, m - 1), which squares of it there are; default: all.
    """
    rows, columns = grid.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    corners = np.stack((number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]), -1)
    squares = corners.reshape(-1, 4) if cells is None else corners[cells]
    triangles = np.concatenate((squares[:, [0, 1, 2]], squares[:, [0, 2, 3]]))
    used, renumbered = np.unique(triangles, return_inverse=True)
    return grid.reshape(-1, 3)[used], renumbered.reshape(-1, 3).astype(np.int64)


def mirrored(mesh: Mesh) -> Mesh:
    """The same on the other side of the vehicle's middle (x negated)."""
    points, triangles = mesh
    return points * (-1.0, 1.0, 1.0), triangles[:, ::-1]


def box(low: Sequence[float], high: Sequence[float], bevel: float = 0.0) -> Mesh:
    """A box between two corners, with edges cut off by ``bevel`` metres."""
    low_corner, high_corner = np.array(low, np.float64), np.array(high, np.float64)
    bevel = min(bevel, float((high_corner - low_corner).min()) * 0.45)
    corners = []
    for x, y, z in np.ndindex(2, 2, 2):
        side = np.array((x, y, z))
        corner = np.where(side == 1, high_corner, low_corner)
        inwards = np.where(side == 1, -bevel, bevel)
        for axis in range(3):
            moved = corner + inwards
            moved[axis] = corner[axis]
            corners.append(moved)
    points = np.array(corners)
    middle = (low_corner + high_corner) / 2
    faces: list[list[int]] = []
    for axis in range(3):
        for end in (0, 1):
            chosen = [index * 3 + axis for index in range(8) if (index >> (2 - axis)) & 1 == end]
            faces.append(chosen)
    if bevel > 0:
        for first in range(8):
            faces.append([first * 3 + axis for axis in range(3)])
            for axis in range(3):
                second = first | (1 << (2 - axis))
                if second != first:
                    others = [other for other in range(3) if other != axis]
                    faces.append([end * 3 + other for end in (first, second) for other in others])
    triangles: list[tuple[int, int, int]] = []
    for face in faces:
        triangles.extend(_fan(points, face, middle))
    return points, np.array(triangles, np.int64)


def _fan(points: Floats, face: list[int], middle: Floats) -> list[tuple[int, int, int]]:
    """A flat convex face as triangles whose outside is away from ``middle``."""
    corners = points[face]
    centre = corners.mean(0)
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    if normal @ (centre - middle) < 0:
        normal = -normal
    first = corners[0] - centre
    second = np.cross(normal, first)
    order = np.argsort(np.arctan2((corners - centre) @ second / np.linalg.norm(normal), (corners - centre) @ first))
    ordered = [face[index] for index in order]
    return [(ordered[0], ordered[k], ordered[k + 1]) for k in range(1, len(ordered) - 1)]


def turned(profile: Floats, middle: Sequence[float], segments: int = 24) -> Mesh:
    """A profile (K, 2) of (place along x, radius), turned round the x axis through ``middle``.

    Where the profile runs towards smaller x, its outside is away from the axis.
    """
    angles = np.linspace(0, 2 * math.pi, segments + 1)
    grid = np.empty((segments + 1, len(profile), 3))
    grid[..., 0] = profile[:, 0]
    grid[..., 1] = np.cos(angles)[:, None] * profile[:, 1]
    grid[..., 2] = np.sin(angles)[:, None] * profile[:, 1]
    return sheet(grid + np.array(middle))


def tube(path: Sequence[Sequence[float] | Floats], radii: float | Sequence[float], sides: int = 8) -> Mesh:
    """A round, closed bar along ``path`` (K points), ``radii`` thick at each."""
    points = np.array(path, np.float64)
    thick = np.broadcast_to(np.array(radii, np.float64), (len(points),))
    direction = np.gradient(points, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    helper = np.eye(3)[np.abs(direction).max(0).argmin()]
    across = np.cross(direction, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    upwards = np.cross(across, direction)
    angles = np.linspace(0, 2 * math.pi, sides + 1)
    ring = np.cos(angles)[None, :, None] * across[:, None] + np.sin(angles)[None, :, None] * upwards[:, None]
    closed = [
        points[0] - direction[0] * thick[0] + 0 * ring[0],
        points[0] - direction[0] * thick[0] * 0.7 + ring[0] * thick[0] * 0.7,
    ]
    closed.extend(points[k] + ring[k] * thick[k] for k in range(len(points)))
    closed.append(points[-1] + direction[-1] * thick[-1] * 0.7 + ring[-1] * thick[-1] * 0.7)
    closed.append(points[-1] + direction[-1] * thick[-1] + 0 * ring[-1])
    return sheet(np.stack(closed).transpose(1, 0, 2))


def ellipsoid(middle: Sequence[float] | Floats, radii: Sequence[float], roundness: float = 2.0, detail: int = 8) -> Mesh:
    """A ball with three radii; ``roundness`` above 2 makes it more like a box with round edges."""
    around = np.linspace(-math.pi, math.pi, 2 * detail + 1)
    upwards = np.linspace(-math.pi / 2, math.pi / 2, detail + 1)
    exponent = 2 / roundness

    def power(values: Floats) -> Floats:
        result: Floats = np.sign(values) * np.abs(values) ** exponent
        return result

    level = power(np.cos(upwards))
    grid = np.empty((len(around), len(upwards), 3))
    grid[..., 0] = power(np.sin(around))[:, None] * level
    grid[..., 1] = power(np.cos(around))[:, None] * level
    grid[..., 2] = power(np.sin(upwards))
    return sheet(grid * np.array(radii) + np.array(middle))


@dataclass(slots=True)
class Assembly:
    """Shapes that become a model, those of one name as one part."""

    _meshes: dict[str, list[Mesh]] = field(default_factory=dict)
    _looks: dict[str, tuple[Material, bool]] = field(default_factory=dict)

    def add(self, name: str, material: Material, *meshes: Mesh, smooth: bool = True, both: bool = False) -> None:
        """More shapes of the part ``name``, whose material the first call decides; ``both``: on the other side too."""
        self._looks.setdefault(name, (material, smooth))
        kept = self._meshes.setdefault(name, [])
        for mesh in meshes:
            kept.append(mesh)
            if both:
                kept.append(mirrored(mesh))

    def model(self, size: tuple[float, float, float], outside: frozenset[str]) -> Model:
        """The parts, stretched to ``size`` (length, width, height) on the road; parts ``outside`` do not count for it."""
        merged = {name: _merged(meshes) for name, meshes in self._meshes.items()}
        counted = np.concatenate([points for name, (points, _) in merged.items() if name not in outside])
        low, high = counted.min(0), counted.max(0)
        length, width, height = size
        factor = np.array((width, length, height)) / (high - low)
        shift = np.array(((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]))
        parts = []
        for name, (points, triangles) in merged.items():
            material, smooth = self._looks[name]
            parts.append(Part(name, (points - shift) * factor, triangles, material, smooth))
        return Model(tuple(parts))


def _merged(meshes: list[Mesh]) -> Mesh:
    points = np.concatenate([mesh[0] for mesh in meshes])
    offsets = np.cumsum([0] + [len(mesh[0]) for mesh in meshes[:-1]])
    triangles = np.concatenate([mesh[1] + offset for mesh, offset in zip(meshes, offsets, strict=True)])
    edges = points[triangles]
    area = np.linalg.norm(np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0]), axis=1)
    return points, triangles[area > 1e-9]
