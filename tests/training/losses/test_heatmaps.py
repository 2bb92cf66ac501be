"""The heat-maps' loss against a sum over all cells."""

from __future__ import annotations

import pytest
import torch

from training.losses import heatmap_loss


def test_it_is_the_plain_sum() -> None:
    torch.manual_seed(0)
    maps, targets = torch.randn(3, 4, 5, 6), torch.rand(3, 4, 5, 6)
    visible = torch.rand(3, 4) < 0.6
    total = 0.0
    for picture in range(3):
        for point in range(4):
            if visible[picture, point]:
                squares = [
                    (maps[picture, point, row, column] - targets[picture, point, row, column]).item() ** 2
                    for row in range(5)
                    for column in range(6)
                ]
                total += 0.5 * sum(squares) / 30
    assert heatmap_loss(maps, targets, visible).item() == pytest.approx(total / 12, rel=1e-5)


def test_points_that_are_not_visible_do_not_learn() -> None:
    maps = torch.randn(1, 2, 3, 3, requires_grad=True)
    torch.autograd.backward(heatmap_loss(maps, torch.zeros(1, 2, 3, 3), torch.tensor([[True, False]])))
    assert maps.grad is not None
    assert maps.grad[0, 0].abs().min() > 0
    assert maps.grad[0, 1].abs().max() == 0
