"""Attributes with unknown and unsure labels against sums over pictures."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch

from training.losses import attribute_loss


def plain(
    logits: list[list[float]],
    classes: list[int],
    certainty: list[float],
    unknown: str,
    smoothing: float,
    class_weights: list[float] | None,
) -> float:
    total, count = 0.0, 0
    for row, label, sure in zip(logits, classes, certainty, strict=True):
        size = len(row)
        mass = sum(math.exp(value) for value in row)
        if label < 0 and unknown == "ignore":
            continue
        targets = [1.0 / size] * size if label < 0 else [smoothing / size] * size
        if label >= 0:
            targets[label] += 1.0 - smoothing
        weight = sure * (1.0 if class_weights is None or label < 0 else class_weights[label])
        total -= weight * sum(t * math.log(math.exp(v) / mass) for t, v in zip(targets, row, strict=True))
        count += 1
    return total / count if count else 0.0


@pytest.mark.parametrize("unknown", ["ignore", "even"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_plain_sum(unknown: Literal["ignore", "even"], smoothing: float, weighted: bool) -> None:
    torch.manual_seed(3)
    logits = torch.randn(10, 4, dtype=torch.float64)
    classes = torch.tensor([0, 1, 2, 3, -1, -1, 0, 0, 2, -1])
    certainty = torch.tensor([1.0, 0.5, 1, 1, 1, 0.5, 1, 0.5, 1, 1], dtype=torch.float64)
    weights = torch.tensor([0.5, 2.0, 1.0, 1.5], dtype=torch.float64) if weighted else None
    found = attribute_loss(logits, classes, certainty, unknown=unknown, smoothing=smoothing, class_weights=weights)
    expected = plain(
        logits.tolist(), classes.tolist(), certainty.tolist(), unknown, smoothing, None if weights is None else weights.tolist()
    )
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_an_unknown_roof_is_half_yes_and_half_no() -> None:
    logits = torch.tensor([[2.0, -1.0]], requires_grad=True)
    torch.autograd.backward(attribute_loss(logits, torch.tensor([-1]), torch.ones(1), unknown="even"))
    assert logits.grad is not None
    chance = torch.softmax(logits.detach(), 1)
    assert torch.allclose(logits.grad, chance - 0.5)


def test_an_unsure_logo_counts_half() -> None:
    gradients = []
    for certainty in (1.0, 0.5):
        logits = torch.tensor([[0.3, 0.1, -0.4]], requires_grad=True)
        torch.autograd.backward(attribute_loss(logits, torch.tensor([1]), torch.tensor([certainty])))
        assert logits.grad is not None
        gradients.append(logits.grad)
    assert torch.allclose(gradients[1], 0.5 * gradients[0])


def test_no_known_label_is_no_loss() -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    loss = attribute_loss(logits, torch.tensor([-1, -1, -1]), torch.ones(3))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0
