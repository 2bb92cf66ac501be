"""Parts as the rows of numbers that shaders read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Part

__all__ = ["COLUMNS", "KINDS", "Vertices", "corner_normals", "vertices"]

KINDS: Final[dict[str, int]] = {
    name: number
    for number, name in enumerate(
        (
            "plain",
            "ground",
            "pavement",
            "marking",
            "stain",
            "leaf",
            "plaster",
            "brick",
            "concrete",
            "roof",
            "pane",
            "bark",
            "body",
            "kerb",
        )
    )
}
"""Surfaces that shaders give a texture of their own, by names of parts; others are plain."""

COLUMNS: Final = "3f 3f 3f 1f 1f 1f 1f 1f"
"""Point, normal, colour (linear), metallic, roughness, opacity, emission, kind."""


@dataclass(frozen=True, slots=True)
class Vertices:
    """What is drawn.

    Attributes:
        rows: (N, 14) float32, see `COLUMNS`.
        solid: (M, 3) int32, triangles that let nothing through.
        clear: (K, 3) int32, triangles that do.
    """

    rows: npt.NDArray[np.float32]
    solid: npt.NDArray[np.int32]
    clear: npt.NDArray[np.int32]


def corner_normals(points: Floats, triangles: npt.NDArray[np.int64], crease: float = 42.0) -> Floats:
    """(M, 3, 3): at each corner of each triangle the mean normal of the triangles around it.

    Those that bend away by more than ``crease`` degrees are left out; points at the same place count as one.
    """
    corners = points[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    units = faces / np.maximum(np.linalg.norm(faces, axis=1), 1e-12)[:, None]
    _, welded = np.unique(np.round(points * 1e4).astype(np.int64), axis=0, return_inverse=True)
    place = welded.ravel()[triangles].ravel()
    order = np.argsort(place, kind="stable")
    counts = np.bincount(place)
    starts = np.cumsum(counts) - counts
    sizes = counts[place[order]]
    first = np.repeat(order, sizes)
    offsets = np.arange(len(first)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    second = order[np.repeat(starts[place[order]], sizes) + offsets]
    near = np.einsum("ij,ij->i", units[first // 3], units[second // 3]) > math.cos(math.radians(crease))
    total = np.stack([np.bincount(first[near], faces[second[near] // 3, axis], minlength=len(place)) for axis in range(3)], 1)
    lengths = np.linalg.norm(total, axis=1)[:, None]
    result: Floats = np.where(lengths > 1e-12, total / np.maximum(lengths, 1e-12), np.repeat(units, 3, axis=0)).reshape(-1, 3, 3)
    return result


def vertices(parts: Sequence[Part]) -> Vertices:
    """The rows for these parts; equal corners become one row."""
    rows, clear = [], []
    for part in parts:
        if not len(part.triangles):
            continue
        corners = part.points[part.triangles]
        if part.smooth:
            normals = corner_normals(part.points, part.triangles)
        else:
            face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            face /= np.maximum(np.linalg.norm(face, axis=1), 1e-12)[:, None]
            normals = np.repeat(face[:, None], 3, axis=1)
        material = part.material
        linear = [_linear(value) for value in material.colour]
        kind = float(KINDS.get(part.name, 0))
        last = [*linear, material.metallic, material.roughness, material.opacity, material.emission, kind]
        block = np.empty((corners.shape[0] * 3, 14), np.float32)
        block[:, :3], block[:, 3:6], block[:, 6:] = corners.reshape(-1, 3), normals.reshape(-1, 3), last
        rows.append(block)
        clear.append(np.full(len(corners), material.opacity < 1 and part.name not in ("marking", "stain")))
    if not rows:
        return Vertices(np.zeros((0, 14), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3), np.int32))
    every = np.concatenate(rows)
    packed = np.ascontiguousarray(every).view(np.dtype((np.void, every.dtype.itemsize * every.shape[1]))).ravel()
    _, kept, index = np.unique(packed, return_index=True, return_inverse=True)
    triangles = index.reshape(-1, 3).astype(np.int32)
    through = np.concatenate(clear)
    return Vertices(every[kept], triangles[~through], triangles[through])


def _linear(value: float) -> float:
    """An sRGB value as light (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
