"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["AveragedNetwork"]


class AveragedNetwork:
    """A copy of a network whose weights follow it slowly.

    Step t (from 1) keeps ``min(decay, (1 + t) / (10 + t))`` of the average, so that the first weights are soon forgotten.
    Running means and variances are averaged like weights; counters are copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Takes in the network as it is after a step (counted from 1)."""
        keep = min(self._decay, (1 + step) / (10 + step))
        new = network.state_dict()
        for name, average in self.network.state_dict().items():
            if average.dtype.is_floating_point:
                average.lerp_(new[name].to(average.dtype), 1.0 - keep)
            else:
                average.copy_(new[name])
