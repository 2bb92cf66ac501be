"""Everything drawn in training is a function of the recipe's seed, a purpose and a place, such as a step.

So nothing has to be saved to go on after a kill, and how many processes prepare batches changes no draw.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch

__all__ = ["generator", "seed_torch"]


def generator(seed: int, purpose: str, *place: int) -> np.random.Generator:
    """A generator of its own for one purpose at one place.

    Args:
        seed: The recipe's.
        purpose: Such as ``identities``; other purposes draw independently.
        place: Such as an epoch, or a step and a position in its batch; each at least 0.
    """
    return np.random.default_rng(_entropy(seed, purpose, place))


def seed_torch(seed: int, purpose: str, *place: int) -> None:
    """Seeds torch's global generators, of the CPU and of all GPUs, for one purpose at one place; see `generator`."""
    state = np.random.SeedSequence(_entropy(seed, purpose, place)).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]) >> 1)  # it takes 63 bits


def _entropy(seed: int, purpose: str, place: tuple[int, ...]) -> list[int]:
    return [seed, zlib.crc32(purpose.encode()), *place]
