"""Cross-entropy against sums over pictures and classes."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses import identity_loss


def plain(logits: list[list[float]], vehicles: list[int], smoothing: float, weights: list[float]) -> float:
    total = 0.0
    for row, vehicle, weight in zip(logits, vehicles, weights, strict=True):
        mass = sum(math.exp(value) for value in row)
        for number, value in enumerate(row):
            target = smoothing / len(row) + (1.0 - smoothing if number == vehicle else 0.0)
            total -= weight * target * math.log(math.exp(value) / mass)
    return total / sum(weights)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_plain_sum(smoothing: float, weighted: bool) -> None:
    torch.manual_seed(1)
    logits, vehicles = 3 * torch.randn(9, 5, dtype=torch.float64), torch.randint(0, 5, (9,))
    weights = torch.rand(9, dtype=torch.float64) if weighted else None
    found = identity_loss(logits, vehicles, smoothing=smoothing, weights=weights)
    expected = plain(logits.tolist(), vehicles.tolist(), smoothing, [1.0] * 9 if weights is None else weights.tolist())
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_a_picture_of_weight_nothing_changes_nothing() -> None:
    torch.manual_seed(2)
    logits = torch.randn(4, 3, requires_grad=True)
    torch.autograd.backward(identity_loss(logits, torch.tensor([0, 1, 2, 0]), weights=torch.tensor([1.0, 0.0, 1.0, 1.0])))
    assert logits.grad is not None
    assert logits.grad[1].abs().max() == 0
    assert logits.grad[0].abs().max() > 0


@pytest.mark.parametrize("weights", [None, torch.zeros(2)])
def test_nothing_that_counts_is_no_loss(weights: torch.Tensor | None) -> None:
    logits = torch.randn(0 if weights is None else 2, 3, requires_grad=True)
    loss = identity_loss(logits, torch.zeros(len(logits), dtype=torch.int64), weights=weights)
    torch.autograd.backward(loss)
    assert loss.item() == 0
