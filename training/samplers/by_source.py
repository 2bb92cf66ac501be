"""Batches put together from several sources, so many vehicles of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.errors import DataError
from training.samplers.identities import IdentitySampler, Indices

__all__ = ["SourceSampler"]


class SourceSampler:
    """P x K of each source side by side, each with a P, a K and epochs of its own: a small source is not drowned by a large one.

    Args:
        vehicles: (N,) vehicle of each picture.
        sources: (N,) number of each picture's source.
        parts: P and K of each source, by its number.
        seed: The recipe's.

    Raises:
        DataError: there are not as many parts as sources, or fewer than P vehicles in one.
    """

    def __init__(self, vehicles: Indices, sources: Indices, parts: Sequence[tuple[int, int]], seed: int) -> None:
        count = int(sources.max()) + 1
        if len(parts) != count:
            raise DataError(f"sampling.parts: there are {count} sources, and parts for {len(parts)}")
        self._pictures = [np.flatnonzero(sources == number) for number in range(count)]
        self._samplers = [
            IdentitySampler(vehicles[pictures], identities, images, seed)
            for pictures, (identities, images) in zip(self._pictures, parts, strict=True)
        ]

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which every vehicle of the source that takes longest comes once."""
        return max(sampler.steps_per_epoch for sampler in self._samplers)

    def indices(self, step: int) -> Indices:
        """(sum of P * K,) numbers of pictures, source by source."""
        chosen = zip(self._pictures, self._samplers, strict=True)
        return np.concatenate([pictures[sampler.indices(step)] for pictures, sampler in chosen])
