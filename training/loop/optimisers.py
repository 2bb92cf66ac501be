"""Optimisers, with the backbone and the parameters without weight decay in groups of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from training.settings import OptimiserSettings

__all__ = ["build_optimiser", "parameter_groups", "set_rate"]


def parameter_groups(network: nn.Module, backbone: list[nn.Parameter], settings: OptimiserSettings) -> list[dict[str, Any]]:
    """Splits a network's parameters that learn into at most four groups, none of them empty.

    Each group holds ``params``, ``weight_decay``, ``factor`` (its share of the rate) and ``name``. A group with the factor 0
    does not learn: its parameters are left out and no longer ask for gradients. They are in the order of the network's own
    list, so that a checkpoint finds them again.
    """
    in_backbone = {id(parameter) for parameter in backbone}
    groups: dict[str, dict[str, Any]] = {}
    for parameter in network.parameters():
        if not parameter.requires_grad:
            continue
        part, factor = ("backbone", settings.backbone_factor) if id(parameter) in in_backbone else ("head", 1.0)
        if factor == 0.0:
            parameter.requires_grad = False
            continue
        decays = settings.decay_norms or parameter.ndim > 1  # biases and the scales of norms have one dimension
        name = part if decays else f"{part} without decay"
        decay = settings.weight_decay if decays else 0.0
        group = groups.setdefault(name, {"params": [], "weight_decay": decay, "factor": factor, "name": name})
        group["params"].append(parameter)
    return list(groups.values())


def build_optimiser(groups: list[dict[str, Any]], settings: OptimiserSettings) -> torch.optim.Optimizer:
    """The optimiser that the recipe asks for, over these groups."""
    if settings.kind == "sgd":
        return torch.optim.SGD(groups, lr=settings.rate, momentum=settings.momentum, nesterov=settings.momentum > 0)
    kind = torch.optim.Adam if settings.kind == "adam" else torch.optim.AdamW
    return kind(groups, lr=settings.rate)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Sets each group's rate to its share of this one."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
