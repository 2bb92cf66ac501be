"""Parameter groups, and what a step does to each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from training.loop.optimisers import build_optimiser, parameter_groups, set_rate
from training.settings import OptimiserSettings


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def groups(**settings: Any) -> dict[str, dict[str, Any]]:
    net = network()
    backbone = [*net[0].parameters(), *net[1].parameters()]
    found = parameter_groups(net, backbone, OptimiserSettings(rate=0.1, **settings))
    return {group["name"]: group for group in found}


def test_backbone_and_head_and_what_does_not_decay() -> None:
    found = groups(backbone_factor=0.1, weight_decay=0.01, decay_norms=False)
    assert {name: len(group["params"]) for name, group in found.items()} == {
        "backbone": 1,
        "backbone without decay": 3,
        "head": 1,
        "head without decay": 1,
    }
    assert found["backbone"]["factor"] == 0.1
    assert found["head"]["factor"] == 1.0
    assert found["head"]["weight_decay"] == 0.01
    assert found["head without decay"]["weight_decay"] == 0.0
    assert {name: len(group["params"]) for name, group in groups().items()} == {"backbone": 4, "head": 2}


def test_a_backbone_that_does_not_learn_is_left_out() -> None:
    net = network()
    backbone = list(net[0].parameters())
    found = parameter_groups(net, backbone, OptimiserSettings(rate=0.1, backbone_factor=0.0))
    assert [group["name"] for group in found] == ["head"]
    assert not any(parameter.requires_grad for parameter in backbone)


def test_the_backbone_moves_at_its_share_of_the_rate() -> None:
    net = network()
    settings = OptimiserSettings(kind="sgd", rate=0.5, backbone_factor=0.1, weight_decay=0.0, momentum=0.0)
    optimiser = build_optimiser(parameter_groups(net, list(net[0].parameters()), settings), settings)
    set_rate(optimiser, 0.5 * 0.2)
    before = [parameter.detach().clone() for parameter in net.parameters()]
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    moved = [float((old - new).detach().mean()) for old, new in zip(before, net.parameters(), strict=True)]
    assert moved == pytest.approx([0.01, 0.01, 0.1, 0.1, 0.1, 0.1])


@pytest.mark.parametrize(
    ("kind", "expected"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_kinds(kind: Any, expected: type) -> None:
    settings = OptimiserSettings(kind=kind, rate=0.1)
    optimiser = build_optimiser(parameter_groups(network(), [], settings), settings)
    assert type(optimiser) is expected
    if kind == "sgd":
        assert optimiser.param_groups[0]["nesterov"]
        assert optimiser.param_groups[0]["momentum"] == 0.9
