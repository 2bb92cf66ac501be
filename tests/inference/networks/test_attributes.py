from __future__ import annotations

import pytest
import torch

from inference.networks.attributes import IdentityAndAttributesNetwork
from inference.networks.registry import build

SIZE = (64, 64)


def _images(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "classes"), [("orientation", 8), ("type", 4), ("colour", 10)])
def test_one_attribute_alone(name: str, classes: int) -> None:
    outputs = build(name, backbone="resnet18", input_size=SIZE).eval()(_images())
    assert {key: tuple(value.shape) for key, value in outputs.items() if isinstance(value, torch.Tensor)} == {name: (4, classes)}


def test_identities_do_not_belong_to_an_attribute_network() -> None:
    with pytest.raises(ValueError, match="tells attributes and no identities"):
        build("orientation", 12, backbone="resnet18")


def test_every_attribute_has_a_branch_of_its_own_beside_identity() -> None:
    counts = {"identity": 9, "type": 8, "colour": 10, "roof": 2, "window": 2, "logo": 5}
    network = build("attributes-and-identity", counts, backbone="resnet18", input_size=SIZE)
    assert isinstance(network, IdentityAndAttributesNetwork)
    outputs = network.train()(_images())
    assert {name: tuple(outputs[name].shape) for name in counts} == {name: (4, count) for name, count in counts.items()}
    assert len(network.branches) == 6
    outputs["roof"].sum().backward()
    reached = [any(parameter.grad is not None for parameter in branch.parameters()) for branch in network.branches]
    assert reached == [False, False, False, True, False, False]


def test_what_tells_the_type_is_part_of_the_embedding() -> None:
    torch.manual_seed(0)
    network = build("type-and-identity", 9, backbone="resnet18", input_size=SIZE).eval()
    assert isinstance(network, IdentityAndAttributesNetwork)
    with torch.no_grad():
        before = network(_images())
        network.branches[1].get_submodule("normalisation").get_parameter("weight").mul_(-1)
        after = network(_images())
    assert not torch.allclose(before["type"], after["type"])
    assert not torch.allclose(before["embedding"], after["embedding"], atol=1e-2)


def test_beside_identities_an_attribute_is_needed() -> None:
    with pytest.raises(ValueError, match="name no attribute"):
        build("type-and-identity", {"identity": 5, "type": 0}, backbone="resnet18")
