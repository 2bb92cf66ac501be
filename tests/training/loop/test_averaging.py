"""The average of weights against a plain recurrence."""

from __future__ import annotations

import torch
from torch import nn

from training.loop.averaging import AveragedNetwork


def test_it_is_the_plain_recurrence_for_weights_and_statistics_and_a_copy_of_counters() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = AveragedNetwork(network, 0.5)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    for step in range(1, 9):
        network(torch.randn(6, 3))  # moves the statistics and their counter
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update(network, step)
        keep = min(0.5, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                expected[name] = keep * expected[name] + (1 - keep) * value
            else:
                expected[name] = value.clone()
        for name, value in average.network.state_dict().items():
            assert torch.allclose(value, expected[name], atol=1e-6)
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
