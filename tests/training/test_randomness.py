"""Draws depend on seed, purpose and place, and on nothing else."""

from __future__ import annotations

import torch

from training.randomness import generator, seed_torch


def test_same_place_same_draw_other_place_other_draw() -> None:
    def draw(*key: int, purpose: str = "images", seed: int = 1) -> tuple[float, ...]:
        return tuple(generator(seed, purpose, *key).random(3))

    assert draw(4, 2) == draw(4, 2)
    assert len({draw(4, 2), draw(2, 4), draw(4), draw(4, 2, 0), draw(4, 2, purpose="order"), draw(4, 2, seed=2)}) == 6


def test_torch_likewise() -> None:
    def draw(seed: int, step: int) -> float:
        seed_torch(seed, "step", step)
        return torch.rand(()).item()

    assert draw(1, 5) == draw(1, 5)
    assert len({draw(1, 5), draw(1, 6), draw(2, 5)}) == 3
