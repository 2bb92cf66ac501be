"""Simple bodies of triangles that scenery is put together from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material, Part

__all__ = ["box", "boxes", "disc", "moved", "quads", "ribbon", "tube"]

_BOX_CORNERS = np.array([(x, y, z) for z in (0.0, 1.0) for y in (-0.5, 0.5) for x in (-0.5, 0.5)])
_BOX_TRIANGLES = np.array(
    [
        (0, 2, 3),
        (0, 3, 1),
        (4, 5, 7),
        (4, 7, 6),
        (0, 1, 5),
        (0, 5, 4),
        (2, 6, 7),
        (2, 7, 3),
        (0, 4, 6),
        (0, 6, 2),
        (1, 3, 7),
        (1, 7, 5),
    ]
)


def moved(points: Floats, place: Sequence[float], heading: float = 0.0) -> Floats:
    """Points (N, 3) turned clockwise by ``heading`` degrees about the upright axis, then shifted by ``place`` (3,)."""
    turn = math.radians(heading)
    cosine, sine = math.cos(turn), math.sin(turn)
    result: Floats = points @ np.array(((cosine, -sine, 0.0), (sine, cosine, 0.0), (0.0, 0.0, 1.0))) + np.asarray(place, float)
    return result


def boxes(name: str, centres: Floats, sizes: Floats, headings: Floats, material: Material) -> Part:
    """Upright boxes: middles of their undersides (N, 3), lengths in x, y, z before turning (N, 3), headings in degrees (N,)."""
    turn = np.radians(headings)[:, None]
    local = _BOX_CORNERS[None] * sizes[:, None]
    x = local[..., 0] * np.cos(turn) + local[..., 1] * np.sin(turn)
    y = -local[..., 0] * np.sin(turn) + local[..., 1] * np.cos(turn)
    points = np.stack((x, y, local[..., 2]), -1) + centres[:, None]
    triangles = _BOX_TRIANGLES[None] + 8 * np.arange(len(centres))[:, None, None]
    return Part(name, points.reshape(-1, 3), triangles.reshape(-1, 3), material, smooth=False)


def box(name: str, centre: Sequence[float], size: Sequence[float], heading: float, material: Material) -> Part:
    """One of `boxes`."""
    return boxes(name, np.array([centre], float), np.array([size], float), np.array([heading]), material)


def quads(name: str, corners: Floats, material: Material) -> Part:
    """Quadrangles (N, 4, 3), anticlockwise seen from outside."""
    first = 4 * np.arange(len(corners))[:, None]
    triangles = (first + np.array((0, 1, 2, 0, 2, 3))).reshape(-1, 3)
    return Part(name, corners.reshape(-1, 3), triangles, material, smooth=False)


def ribbon(name: str, line: Floats, width: float, height: float, material: Material) -> Part:
    """A flat band of ``width`` metres along ``line`` (K, 2), at ``height`` metres."""
    direction = np.gradient(line, axis=0)
    direction /= np.maximum(np.hypot(*direction.T), 1e-9)[:, None]
    side = np.stack((direction[:, 1], -direction[:, 0]), 1) * (width / 2)
    edges = np.stack((line - side, line + side), 1)
    corners = np.stack((edges[:-1, 0], edges[:-1, 1], edges[1:, 1], edges[1:, 0]), 1)
    return quads(name, np.concatenate((corners, np.full((*corners.shape[:2], 1), height)), 2), material)


def tube(name: str, path: Floats, radii: npt.ArrayLike, material: Material, sides: int = 8, *, closed: bool = False) -> Part:
    """A round tube along ``path`` (K, 3) of ``radii`` (K,) metres; ``closed`` puts lids on its ends."""
    radii = np.broadcast_to(np.asarray(radii, float), len(path))
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1), 1e-9)[:, None]
    other = np.where(np.abs(along[:, 2:]) > 0.9, np.array(((1.0, 0.0, 0.0),)), np.array(((0.0, 0.0, 1.0),)))
    first = np.cross(other, along)
    first /= np.linalg.norm(first, axis=1)[:, None]
    second = np.cross(along, first)
    angles = 2 * np.pi * np.arange(sides) / sides
    ring = first[:, None] * np.cos(angles)[None, :, None] + second[:, None] * np.sin(angles)[None, :, None]
    points = (path[:, None] + ring * radii[:, None, None]).reshape(-1, 3)
    k, s = np.meshgrid(np.arange(len(path) - 1), np.arange(sides), indexing="ij")
    a, b = (k * sides + s).ravel(), (k * sides + (s + 1) % sides).ravel()
    triangles = np.concatenate((np.stack((a, b, b + sides), 1), np.stack((a, b + sides, a + sides), 1)))
    if closed:
        last = len(points) - sides
        fan = np.array([(0, s + 1, s) for s in range(1, sides - 1)])
        triangles = np.concatenate((triangles, fan, last + fan[:, ::-1]))
    return Part(name, points, triangles, material)


def disc(name: str, centre: Sequence[float], radius: float, heading: float, material: Material, sides: int = 16) -> Part:
    """An upright disc or polygon whose face looks to ``heading``."""
    angles = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    rim = np.stack((-np.cos(angles) * radius, np.zeros(sides), np.sin(angles) * radius), 1)
    triangles = np.array([(0, s, s + 1) for s in range(1, sides - 1)])
    return Part(name, moved(rim, centre, heading), triangles, material, smooth=False)
