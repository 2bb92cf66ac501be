"""What all vehicles have in common in one camera's view: its light, its angle, its blur."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from matcher.sightings import Appearance, ModelKey, Sighting
from throughline.types import FloatArray

__all__ = ["CameraBias"]

_STRENGTH = 25.0
"""How many tracklets the assumption of no bias counts for."""
_FORGETTING = 500.0
"""Tracklets after which older ones begin to fade: the light changes over the day."""


class _Mean:
    """Mean of unit vectors, drawn toward zero, with fading memory."""

    __slots__ = ("total", "weight")

    def __init__(self, dimension: int) -> None:
        self.total = np.zeros(dimension, np.float64)
        self.weight = 0.0

    def add(self, vector: FloatArray) -> None:
        if self.weight > _FORGETTING:
            self.total *= _FORGETTING / self.weight
            self.weight = _FORGETTING
        self.total += vector
        self.weight += 1.0

    @property
    def value(self) -> FloatArray:
        return (self.total / (self.weight + _STRENGTH)).astype(np.float32)


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

    def learn(self, sighting: Sighting) -> None:
        """Counts a tracklet, as it was seen, toward its camera's bias."""
        for key, appearance in sighting.looks.items():
            dimension = len(appearance.mean)
            here = self._means.setdefault((sighting.camera, key), _Mean(dimension))
            for mean in (here, self._overall.setdefault(key, _Mean(dimension))):
                if len(mean.total) == dimension:
                    mean.add(appearance.mean)

    def removed(self, sighting: Sighting) -> Sighting:
        """The sighting with its own looks freed of the camera's bias; of the bias all cameras share, for an unknown camera."""
        looks = {key: self._freed(sighting.camera, key, appearance) for key, appearance in sighting.looks.items()}
        return replace(sighting, looks=looks) if looks else sighting

    def _freed(self, camera: str, key: ModelKey, appearance: Appearance) -> Appearance:
        mean = self._means.get((camera, key)) or self._overall.get(key)
        if mean is None or mean.total.shape != appearance.mean.shape:
            return appearance
        bias = mean.value
        return Appearance(_unit(appearance.mean - bias), _unit(appearance.exemplars - bias))


def _unit(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: FloatArray = (vectors / np.maximum(lengths, 1e-6)).astype(np.float32)
    return unit
