"""Synthetic traffic of any size, equally crowded, as detections: for timing trackers, not for judging them."""

from __future__ import annotations

import numpy as np

from throughline.types import Detections, FloatArray

__all__ = ["crowd", "parked"]

_FPS = 10.0
_VEHICLES_PER_PICTURE = 20
_PICTURE = (1920, 1080)
_FASTEST = 120.0
"""Pixels a second along either axis: neighbouring frames' boxes overlap."""


def crowd(
    count: int, frames: int, seed: int, *, embedding_size: int = 0, fps: float = _FPS
) -> tuple[tuple[int, int], list[Detections]]:
    """Vehicles that drive straight on and turn back at the borders: 4 % missed, 8 % with low scores, boxes jittered.

    Args:
        count: Vehicles; the picture grows with them: 20 for each 1920x1080.
        frames: How many.
        seed: Where chance comes from.
        embedding_size: Length of the embeddings, noisy for each vehicle; 0: none.
        fps: Frames a second.

    Returns:
        (width, height) of the picture, and the detections of each frame in random order.
    """
    rng = np.random.default_rng(seed)
    size = np.array(_PICTURE) * np.sqrt(count / _VEHICLES_PER_PICTURE)
    width = rng.uniform(50.0, 150.0, count)
    sides = np.stack([width, width * rng.uniform(0.6, 0.9, count)], axis=1)
    start = rng.uniform(0.0, 1.0, (count, 2)) * (size - sides)
    velocity = rng.uniform(-_FASTEST, _FASTEST, (count, 2))
    looks = _unit(rng.normal(size=(count, embedding_size)))
    found = []
    for frame in range(frames):
        travelled = np.mod(start + velocity * frame / fps, 2.0 * (size - sides))
        corner = np.minimum(travelled, 2.0 * (size - sides) - travelled)
        shown = rng.permutation(np.flatnonzero(rng.random(count) >= 0.04))
        noise = rng.normal(size=(len(shown), 4))
        centre = corner[shown] + sides[shown] / 2 + 0.02 * noise[:, :2] * sides[shown]
        half = sides[shown] * np.exp(0.02 * noise[:, 2:]) / 2
        weak = rng.random(len(shown)) < 0.08
        scores = np.where(weak, rng.uniform(0.15, 0.45, len(shown)), rng.uniform(0.7, 0.95, len(shown)))
        found.append(
            Detections(
                np.concatenate([centre - half, centre + half], axis=1).astype(np.float32),
                scores.astype(np.float32),
                np.zeros(len(shown), np.int64),
                _unit(looks[shown] + 0.3 * rng.normal(size=(len(shown), embedding_size)) / max(embedding_size, 1) ** 0.5)
                if embedding_size
                else None,
            )
        )
    return (round(float(size[0])), round(float(size[1]))), found


def parked(count: int) -> tuple[tuple[int, int], Detections]:
    """Vehicles on a grid, far from each other, and the (width, height) of the picture."""
    columns = int(np.ceil(np.sqrt(count)))
    corner = np.stack(np.divmod(np.arange(count), columns)[::-1], axis=1) * 100.0
    boxes = np.concatenate([corner + 20.0, corner + 80.0], axis=1).astype(np.float32)
    return (100 * columns, 100 * columns), Detections(boxes, np.full(count, 0.9, np.float32), np.zeros(count, np.int64))


def _unit(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> FloatArray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)
