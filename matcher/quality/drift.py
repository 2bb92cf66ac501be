"""Whether vehicles still look in a camera as they used to."""

from __future__ import annotations

import math

import numpy as np

from matcher.sightings import Looks
from throughline.types import FloatArray

__all__ = ["EmbeddingDrift"]

_REFERENCE = 200.0
"""Tracklets that the first reference is made of."""
_WINDOW = 200.0
"""Tracklets that are compared with it, the latest; older ones fade."""
_LEAST = 50.0
"""Tracklets after the first reference without which nothing is said."""
_FOLLOWING = 5000.0
"""Tracklets within which the reference follows: what has changed for good becomes usual."""


class _Mean:
    """Mean of unit vectors, with fading memory."""

    __slots__ = ("mean", "squares", "weight")

    def __init__(self, dimension: int) -> None:
        self.weight = self.squares = 0.0
        self.mean = np.zeros(dimension, np.float32)

    def add(self, vector: FloatArray, window: float) -> None:
        if self.weight >= window:
            keep = (window - 1.0) / self.weight
            self.weight *= keep
            self.squares *= keep * keep
        self.weight += 1.0
        self.squares += 1.0
        self.mean += (vector - self.mean) / np.float32(self.weight)

    @property
    def noise(self) -> float:
        """Variance of the mean, as a share of that of one vector."""
        return self.squares / (self.weight * self.weight)

    @property
    def variance(self) -> float:
        """Of the vectors, over all dimensions: their squares sum to 1."""
        return max(0.0, 1.0 - float(self.mean @ self.mean))


class _Camera:
    __slots__ = ("hash", "lately", "reference")

    def __init__(self, hash: str, dimension: int) -> None:  # noqa: A002 - the field's name
        self.hash = hash
        self.reference = _Mean(dimension)
        self.lately = _Mean(dimension)

    def learn(self, vector: FloatArray) -> None:
        if self.reference.weight < _REFERENCE:
            self.reference.add(vector, _REFERENCE)
        else:
            self.lately.add(vector, _WINDOW)
            if self.lately.weight >= _LEAST:
                self.reference.mean += (self.lately.mean - self.reference.mean) / np.float32(_FOLLOWING)


class EmbeddingDrift:
    """Distance between the embeddings that a camera gives lately and those it usually gives.

    The distance is Frechet's between two normal distributions, both taken as equally wide in all directions,
    sqrt(|m1 - m2|^2 + (s1 - s2)^2) (Dowson and Landau, "The Frechet distance between multivariate normal distributions", J.
    Multivariate Analysis 12, 1982), less what chance makes of it, in units of the usual spread s1. 0: as ever; at 1 all
    vehicles have moved as far as they usually are from their mean. What is usual begins with the first tracklets and follows
    slowly. A network with another hash begins anew.
    """

    def __init__(self) -> None:
        self._cameras: dict[tuple[str, str], _Camera] = {}

    def learn(self, camera: str, looks: Looks) -> None:
        """Counts a complete tracklet, as it was seen."""
        for (model, version), views in looks.items():
            known = self._cameras.get((camera, model))
            if known is None or known.hash != version or len(known.reference.mean) != views.shape[1]:
                known = self._cameras[camera, model] = _Camera(version, views.shape[1])
            known.learn(views[0])

    def distances(self) -> dict[tuple[str, str], float]:
        """By camera and model, for those that have shown enough."""
        return {place: _distance(known) for place, known in self._cameras.items() if known.lately.weight >= _LEAST}


def _distance(camera: _Camera) -> float:
    usual, lately = camera.reference, camera.lately
    spread = usual.variance
    if spread <= 0.0:
        return 0.0
    moved = float(((usual.mean - lately.mean) ** 2).sum())
    widened = (math.sqrt(spread) - math.sqrt(lately.variance)) ** 2
    by_chance = (usual.noise + lately.noise) * spread
    return math.sqrt(max(0.0, moved + widened - by_chance) / spread)
