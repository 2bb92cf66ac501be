"""How much of vehicles others hide: rays through a grid of points of each box, met by solid boxes."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import CityCamera, Floats
from throughline.types import IntArray

__all__ = ["shares_visible"]

_COLUMNS: Final = 16
_ROWS: Final = 16
"""Points of a box that are looked at, in each direction."""
_AT_ONCE: Final = 512
"""Vehicles that are looked at together; bounds the memory."""
_PARALLEL: Final = 1e-9

_Rays = npt.NDArray[np.float32]


def shares_visible(
    camera: CityCamera, frames: IntArray, boxes: Floats, places: Floats, headings: Floats, sizes: Floats
) -> Floats:
    """The share (M,) of each vehicle's outline in the picture that no other vehicle hides.

    Args:
        camera: That looks.
        frames: (M,) ascending.
        boxes: (M, 4) x1, y1, x2, y2 in pixels, cut at the picture's border.
        places: (M, 2) middles on the road.
        headings: (M,) degrees clockwise from north.
        sizes: (M, 3) length, width and height.
    """
    visible = np.ones(len(frames))
    hidden, hiding = _overlapping(frames, boxes)
    vehicles, firsts = np.unique(hidden, return_index=True)
    ends = np.append(firsts[1:], len(hidden))
    for start in range(0, len(vehicles), _AT_ONCE):
        some, first = vehicles[start : start + _AT_ONCE], firsts[start : start + _AT_ONCE]
        counts = ends[start : start + _AT_ONCE] - first
        before = hiding[first[0] : first[0] + counts.sum()]
        rays = _rays(camera, boxes[some])
        own = _depths(camera, rays, places[some], headings[some], sizes[some])
        others = _depths(camera, np.repeat(rays, counts, 0), places[before], headings[before], sizes[before])
        nearer = others < np.repeat(own, counts, 0)
        covered = np.logical_or.reduceat(nearer, first - first[0], 0)
        outline = np.isfinite(own)
        seen = np.count_nonzero(outline & ~covered, 1)
        visible[some] = seen / np.maximum(np.count_nonzero(outline, 1), 1)
    return visible


def _overlapping(frames: IntArray, boxes: Floats) -> tuple[IntArray, IntArray]:
    """Pairs of rows of one frame whose boxes overlap, each in both orders, by the first."""
    pairs = []
    rows = np.arange(len(frames))
    step = 1
    while True:
        first, second = rows[:-step] if step < len(rows) else rows[:0], rows[step:]
        together = frames[first] == frames[second]
        if not together.any():
            break
        first, second = first[together], second[together]
        lapping = (boxes[first, :2] < boxes[second, 2:]).all(1) & (boxes[second, :2] < boxes[first, 2:]).all(1)
        pairs += [(first[lapping], second[lapping]), (second[lapping], first[lapping])]
        step += 1
    if not pairs:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    hidden, hiding = np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])
    order = np.lexsort((hiding, hidden))
    return hidden[order], hiding[order]


def _rays(camera: CityCamera, boxes: Floats) -> _Rays:
    """(M, P, 3): directions in the world through the middles of a grid of cells of each box."""
    across = (np.arange(_COLUMNS) + 0.5) / _COLUMNS
    down = (np.arange(_ROWS) + 0.5) / _ROWS
    x = boxes[:, :1] + (boxes[:, 2:3] - boxes[:, :1]) * across
    y = boxes[:, 1:2] + (boxes[:, 3:4] - boxes[:, 1:2]) * down
    width, height = camera.size
    seen = np.ones((len(boxes), _ROWS, _COLUMNS, 3))
    seen[..., 0] = (x[:, None, :] - width / 2) / camera.focal
    seen[..., 1] = (y[:, :, None] - height / 2) / camera.focal
    return (seen.reshape(len(boxes), -1, 3) @ camera.axes()).astype(np.float32)


def _depths(camera: CityCamera, rays: _Rays, places: Floats, headings: Floats, sizes: Floats) -> _Rays:
    """How far (M, P) along its rays (M, P, 3) each solid box (M) is met, in lengths of the ray; infinite where it is not."""
    radians = np.radians(headings)
    sine, cosine = np.sin(radians).astype(np.float32)[:, None], np.cos(radians).astype(np.float32)[:, None]
    away = np.array(camera.position) - np.column_stack((places, np.zeros(len(places))))
    away = away.astype(np.float32)
    east, north = away[:, :1], away[:, 1:2]
    halves = (sizes / 2).astype(np.float32)
    enter = np.zeros(rays.shape[:2], np.float32)
    leave = np.full(rays.shape[:2], np.inf, np.float32)
    for origin, direction, least, most in (
        (east * cosine - north * sine, rays[..., 0] * cosine - rays[..., 1] * sine, -halves[:, 1:2], halves[:, 1:2]),
        (east * sine + north * cosine, rays[..., 0] * sine + rays[..., 1] * cosine, -halves[:, :1], halves[:, :1]),
        (away[:, 2:], rays[..., 2], np.zeros_like(halves[:, 2:]), 2 * halves[:, 2:]),
    ):
        safe = np.where(np.abs(direction) < _PARALLEL, np.float32(_PARALLEL), direction)
        first, second = (least - origin) / safe, (most - origin) / safe
        np.maximum(enter, np.minimum(first, second), out=enter)
        np.minimum(leave, np.maximum(first, second), out=leave)
    return np.where(leave > enter, enter, np.float32(np.inf))
