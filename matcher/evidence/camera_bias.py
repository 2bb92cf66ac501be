"""What all vehicles have in common in one camera's view: its light, its angle, its blur."""

from __future__ import annotations

import numpy as np

from matcher.sightings import Looks, ModelKey
from throughline.types import FloatArray

__all__ = ["CameraBias"]

_STRENGTH = 25.0
"""How many tracklets the assumption of no bias counts for."""
_FORGETTING = 500.0
"""Tracklets after which older ones begin to fade: the light changes over the day."""


class _Mean:
    """Mean of unit vectors, drawn toward zero, with fading memory."""

    __slots__ = ("_value", "total", "weight")

    def __init__(self, dimension: int) -> None:
        self.total = np.zeros(dimension, np.float64)
        self.weight = 0.0
        self._value: FloatArray | None = None

    def add(self, vector: FloatArray) -> None:
        if self.weight > _FORGETTING:
            self.total *= _FORGETTING / self.weight
            self.weight = _FORGETTING
        self.total += vector
        self.weight += 1.0
        self._value = None

    @property
    def value(self) -> FloatArray:
        if self._value is None:
            self._value = (self.total / (self.weight + _STRENGTH)).astype(np.float32)
        return self._value


class CameraBias:
    """Takes out of each embedding what all vehicles of its camera share, so that cosines compare vehicles and not cameras.

    Two vehicles seen by one camera look more alike than they are, and one vehicle seen by two cameras less. The mean of a
    camera's embeddings estimates that share; it needs no labels, and for a network without bias it is near zero and takes
    nothing away (as in camera-wise normalisation for re-identification, Zhuang et al., *Rethinking the Distribution Gap of
    Person Re-identification with Camera-Based Batch Normalization*, ECCV 2020).
    """

    def __init__(self) -> None:
        self._means: dict[tuple[str, ModelKey], _Mean] = {}
        self._overall: dict[ModelKey, _Mean] = {}
        self.learned = 0
        """Tracklets learned from: what `removed` gives changes with it only."""

    def learn(self, camera: str, looks: Looks) -> None:
        """Counts a tracklet, as it was seen, toward its camera's bias."""
        self.learned += 1
        for key, views in looks.items():
            dimension = views.shape[1]
            here = self._means.setdefault((camera, key), _Mean(dimension))
            for mean in (here, self._overall.setdefault(key, _Mean(dimension))):
                if len(mean.total) == dimension:
                    mean.add(views[0])

    def removed(self, camera: str, looks: Looks) -> Looks:
        """Looks freed of the camera's bias; of the bias all cameras share, for an unknown camera."""
        return {key: self._freed(camera, key, views) for key, views in looks.items()}

    def _freed(self, camera: str, key: ModelKey, views: FloatArray) -> FloatArray:
        mean = self._means.get((camera, key)) or self._overall.get(key)
        if mean is None or len(mean.total) != views.shape[1]:
            return views
        freed = views - mean.value
        freed /= np.sqrt(np.maximum(np.vecdot(freed, freed), 1e-12))[:, None]
        return freed
