"""Supervised contrast against loops over all pairs."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses import contrastive_loss


def plain(features: list[list[float]], vehicles: list[int], temperature: float, excluded: list[list[bool]]) -> float:
    units = [[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in features]
    alike = [[sum(a * b for a, b in zip(one, other, strict=True)) / temperature for other in units] for one in units]
    losses = []
    for anchor, row in enumerate(alike):
        positives = [o for o in range(len(row)) if o != anchor and vehicles[o] == vehicles[anchor]]
        if not positives:
            continue
        candidates = [o for o in range(len(row)) if o != anchor and (o in positives or not excluded[anchor][o])]
        mass = sum(math.exp(row[o]) for o in candidates)
        losses.append(-sum(math.log(math.exp(row[o]) / mass) for o in positives) / len(positives))
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_plain_sum(temperature: float, seed: int) -> None:
    torch.manual_seed(seed)
    features = torch.randn(13, 6)
    vehicles = torch.cat([torch.arange(4).repeat_interleave(3), torch.tensor([7])])[torch.randperm(13)]
    excluded = torch.rand(13, 13) < 0.3
    for pairs in (None, excluded):
        found = contrastive_loss(features, vehicles, temperature=temperature, excluded=pairs)
        flags = (torch.zeros(13, 13, dtype=torch.bool) if pairs is None else pairs).tolist()
        assert found.item() == pytest.approx(plain(features.tolist(), vehicles.tolist(), temperature, flags), rel=1e-5)


def test_gradients_are_finite_also_where_nothing_matches() -> None:
    features = torch.randn(4, 3, requires_grad=True)
    torch.autograd.backward(contrastive_loss(features, torch.arange(4), temperature=0.1))
    assert features.grad is not None
    assert features.grad.abs().max() == 0
    torch.autograd.backward(contrastive_loss(features, torch.tensor([0, 0, 1, 1]), temperature=0.1))
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().max() > 0
