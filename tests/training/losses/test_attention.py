"""The self-attention constraint against a sum over all entries."""

from __future__ import annotations

import math

import pytest
import torch

from training.losses import attention_loss


def test_it_is_the_plain_sum_of_two_norms_over_the_batch() -> None:
    torch.manual_seed(0)
    second, third, fourth = (torch.nn.functional.normalize(torch.rand(5, 12), dim=1) for _ in range(3))
    expected = 0.0
    for shallow in (second, third):
        squares = 0.0
        for picture in range(5):
            for place in range(12):
                squares += (fourth[picture, place].item() - shallow[picture, place].item()) ** 2
        expected += math.sqrt(squares)
    assert attention_loss((second, third, fourth)).item() == pytest.approx(expected, rel=1e-6)


def test_gradients_flow_into_the_deep_and_the_shallow_maps_and_end_where_they_agree() -> None:
    maps = [torch.rand(2, 4, requires_grad=True) for _ in range(3)]
    torch.autograd.backward(attention_loss(maps))
    for one in maps:
        assert one.grad is not None
        assert one.grad.abs().max() > 0
    same = torch.rand(2, 4, requires_grad=True)
    loss = attention_loss((same, same))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert same.grad is not None
    assert same.grad.abs().max() == 0


def test_one_map_is_refused() -> None:
    with pytest.raises(ValueError, match="two at least"):
        attention_loss((torch.rand(2, 4),))
