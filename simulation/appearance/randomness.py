"""Chance that remembers nothing: numbers that follow from what they belong to, and from nothing else.

What is drawn for (seed, vehicle, camera, visit ...) is a hash of these numbers, so it is the same in whatever order, part or
process it is asked for (counter-based generation: Salmon et al., *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011; the
hash is the finaliser of SplitMix64, Steele, Lea, Flood, OOPSLA 2014).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

__all__ = ["Keys", "keys_of", "normals", "uniforms"]

Keys: TypeAlias = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def keys_of(*parts: int | npt.NDArray[np.int64]) -> Keys:
    """A key for each combination of whole numbers, arrays (N,) of the same length or single ones: (N,), (1,) for single ones.

    Which of them comes first matters; say with a first number what is drawn, so that nothing else shares its chance.
    """
    keys: Keys = np.zeros(1, np.uint64)
    for part in parts:
        keys = _mixed(keys ^ _mixed(np.atleast_1d(np.asarray(part, np.int64)).view(np.uint64)))
    return keys


def uniforms(keys: Keys, count: int) -> npt.NDArray[np.float64]:
    """(N, count) evenly distributed in 0..1, without the ends."""
    columns = _mixed(np.arange(count, dtype=np.uint64))
    bits = _mixed(keys[:, None] ^ columns) >> np.uint64(11)
    return np.asarray((bits.astype(np.float64) + 0.5) * 2.0**-53)


def normals(keys: Keys, count: int) -> npt.NDArray[np.float64]:
    """(N, count) independent, of mean 0 and variance 1."""
    return np.asarray(ndtri(uniforms(keys, count)))


def _mixed(values: Keys) -> Keys:
    values = values + _GOLDEN  # wraps around, as it is meant to
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))
