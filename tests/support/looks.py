"""Vehicles that look like themselves from every side, as vectors, for tests of searches."""

from __future__ import annotations

import numpy as np

from throughline.types import FloatArray

__all__ = ["clustered", "unit"]


def unit(vectors: np.ndarray) -> FloatArray:
    """Rows (or one vector) of length one."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def clustered(vehicles: int, views: int, *, seed: int, dimension: int = 32, noise: float = 0.6) -> FloatArray:
    """(vehicles * views, D): the views of a vehicle stand together."""
    random = np.random.default_rng(seed)
    identities = np.repeat(random.normal(size=(vehicles, dimension)), views, axis=0)
    return unit(identities + noise * random.normal(size=identities.shape))
