from __future__ import annotations

import pytest
import torch

from inference.networks.multi_granularity import BRANCHES, MultiGranularityNetwork
from inference.networks.registry import build

SIZE = (96, 64)


def _network(**options: object) -> MultiGranularityNetwork:
    torch.manual_seed(0)
    network = build("mgn-resnet50", 6, backbone="resnet18", input_size=SIZE, **options)
    assert isinstance(network, MultiGranularityNetwork)
    return network


def _images(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def test_it_has_eleven_classifiers_and_four_whole_vectors() -> None:
    outputs = _network().train()(_images())
    assert [tuple(one.shape) for one in outputs["identity"]] == [(4, 6)] * 11
    assert [tuple(one.shape) for one in outputs["feature"]] == [(4, 256)] * 4


def test_the_embedding_is_three_whole_vectors_and_the_middle_third() -> None:
    network = _network().eval()
    images = _images()
    with torch.no_grad():
        shared = images
        for stage in network.shared:
            shared = stage(shared)
        maps = [branch(shared) for branch in network.branches]
        whole = [neck(one.mean((2, 3))).after for neck, one in zip(network.whole_necks, maps, strict=True)]
        thirds = maps[3].shape[2] // 3
        middle = maps[3][:, :, thirds : 2 * thirds].mean((2, 3))
        parts = [whole[0], whole[1], whole[3], network.part_necks[5](middle).after]  # 2 + 2 parts come before the thirds
        expected = torch.cat(parts, 1)
        embedding = network(images)["embedding"]
    torch.testing.assert_close(embedding, expected / expected.norm(dim=1, keepdim=True))
    assert network.embedding_size == embedding.shape[1] == 1024


def test_parts_see_twice_the_resolution_of_the_whole() -> None:
    network = _network()
    shared = network.shared[1](network.shared[0](_images(1)))
    assert [tuple(branch(shared).shape[2:]) for branch in network.branches] == [(3, 2), (6, 4), (6, 4), (6, 4)]


def test_branches_start_from_the_same_weights_and_share_none() -> None:
    first, *others = [list(branch.parameters()) for branch in _network().branches]
    for other in others:
        assert all(torch.equal(one, two) for one, two in zip(first, other, strict=True))
        assert not {id(one) for one in first} & {id(two) for two in other}


def test_left_and_right_train_and_are_not_compared() -> None:
    network = _network(left_right=False)
    outputs = network.train()(_images())
    assert len(outputs["identity"]) == 8
    assert network.embedding_size == 1024
    view = BRANCHES[2]
    assert (view.rows, view.columns, view.whole_tested, view.parts_tested) == (1, 2, False, ())


def test_left_and_right_see_different_halves() -> None:
    network = _network().eval()
    images = _images(1)
    with torch.no_grad():
        network.part_necks[3].load_state_dict(network.part_necks[2].state_dict())  # one classifier for both halves
        left, right = network(images)["identity"][6:8]
        top, bottom = network(images)["identity"][4:6]
    assert not torch.allclose(left, right)
    assert not torch.allclose(top, bottom)


def test_the_learning_rate_of_the_backbone_holds_for_all_branches() -> None:
    network = _network()
    backbone = {id(parameter) for parameter in network.backbone_parameters()}
    others = [name for name, parameter in network.named_parameters() if id(parameter) not in backbone]
    assert others
    assert all(name.startswith(("whole_necks", "part_necks")) for name in others)


def test_attributes_are_refused() -> None:
    with pytest.raises(ValueError, match="no classifiers but that of identities"):
        build("mgn-resnet50", {"type": 4}, backbone="resnet18")
