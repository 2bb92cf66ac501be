"""Batch-hard triplets against loops over all pairs."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses import batch_hard_triplet


def plain(
    features: list[list[float]],
    vehicles: list[int],
    margin: float,
    normalise: bool,
    excluded: list[list[bool]],
    weights: list[float],
) -> float:
    if normalise:
        features = [[value / math.sqrt(sum(v * v for v in row)) for value in row] for row in features]

    def distance(one: list[float], other: list[float]) -> float:
        return math.sqrt(max(1e-12, sum((a - b) ** 2 for a, b in zip(one, other, strict=True))))

    total = mass = 0.0
    for anchor in range(len(features)):
        positives = [distance(features[anchor], features[o]) for o in range(len(features)) if vehicles[o] == vehicles[anchor]]
        negatives = [
            distance(features[anchor], features[o])
            for o in range(len(features))
            if vehicles[o] != vehicles[anchor] and not excluded[anchor][o]
        ]
        if negatives:
            total += weights[anchor] * max(0.0, margin + max(positives) - min(negatives))
            mass += weights[anchor]
    return total / mass if mass else 0.0


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("margin", [0.0, 0.5, 1.2])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_plain_sum(normalise: bool, margin: float, seed: int) -> None:
    torch.manual_seed(seed)
    features = torch.randn(16, 6)
    vehicles = torch.arange(4).repeat_interleave(4)[torch.randperm(16)]
    excluded = torch.rand(16, 16) < 0.3
    excluded |= excluded.T.clone()
    weights = torch.rand(16)
    found = batch_hard_triplet(features, vehicles, margin=margin, normalise=normalise, excluded=excluded, weights=weights)
    expected = plain(features.tolist(), vehicles.tolist(), margin, normalise, excluded.tolist(), weights.tolist())
    assert found.item() == pytest.approx(expected, abs=2e-6)
    unweighted = batch_hard_triplet(features, vehicles, margin=margin, normalise=normalise)
    expected = plain(features.tolist(), vehicles.tolist(), margin, normalise, [[False] * 16] * 16, [1.0] * 16)
    assert unweighted.item() == pytest.approx(expected, abs=2e-6)


def test_the_gradient_pulls_the_hardest_pair_together_and_pushes_the_nearest_other_away() -> None:
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.2, 0.0], [0.0, 0.6], [9.0, 9.0]], requires_grad=True)
    vehicles = torch.tensor([0, 0, 0, 1, 1])
    loss = batch_hard_triplet(features[:4], vehicles[:4], margin=0.5, normalise=False, weights=torch.tensor([1.0, 0, 0, 0]))
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(0.5 + 1.0 - 0.6)
    assert features.grad is not None
    assert torch.allclose(-features.grad[1], torch.tensor([-1.0, 0.0]))  # the farthest of its own
    assert torch.allclose(-features.grad[3], torch.tensor([0.0, 1.0]))  # the nearest other
    assert features.grad[2].abs().max() == 0
    assert features.grad[4].abs().max() == 0


def test_equal_features_and_batches_without_negatives_give_finite_gradients() -> None:
    features = torch.ones(4, 3, requires_grad=True)
    torch.autograd.backward(batch_hard_triplet(features, torch.tensor([0, 0, 1, 1]), margin=0.5))
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()
    lonely = batch_hard_triplet(features, torch.zeros(4, dtype=torch.int64), margin=0.5)
    assert lonely.item() == 0


def test_half_precision_around_it_does_not_blur_near_vectors() -> None:
    torch.manual_seed(0)
    base = torch.randn(1, 8)
    features = base + 1e-3 * torch.randn(8, 8)
    vehicles = torch.arange(2).repeat_interleave(4)
    exact = batch_hard_triplet(features, vehicles, margin=0.01)
    with torch.autocast("cpu", torch.bfloat16):
        assert batch_hard_triplet(features, vehicles, margin=0.01).item() == exact.item()
