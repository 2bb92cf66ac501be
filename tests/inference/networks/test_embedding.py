from __future__ import annotations

import pytest
import torch

from inference.networks.embedding import EmbeddingNetwork
from inference.networks.neck import BnNeck
from inference.networks.network import Network
from inference.networks.registry import build

SIZE = (64, 96)


def _images(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def _build(name: str, **options: object) -> Network:
    torch.manual_seed(0)
    return build(name, 7, backbone="resnet18", input_size=SIZE, **options)


def _tensor(network: Network, name: str, images: torch.Tensor) -> torch.Tensor:
    output = network(images)[name]
    assert isinstance(output, torch.Tensor)
    return output


def test_the_neck_gives_the_vector_before_and_after_normalisation() -> None:
    torch.manual_seed(0)
    neck = BnNeck(16, 8, 3, dropout=0.0)
    pooled = torch.randn(32, 16)
    before, after, identity = neck(pooled)
    torch.testing.assert_close(before, pooled @ neck.reduction.get_parameter("weight").T)  # its bias starts at zero
    torch.testing.assert_close(after, (before - before.mean(0)) / (before.var(0, unbiased=False) + 1e-5).sqrt())
    assert neck.classifier is not None
    assert identity is not None
    torch.testing.assert_close(identity, after @ neck.classifier.weight.T)


def test_a_neck_without_reduction_keeps_the_pooled_vector() -> None:
    neck = BnNeck(16, None, 0, dropout=0.0)
    pooled = torch.randn(4, 16)
    output = neck(pooled)
    assert neck.size == 16
    assert output.identity is None
    torch.testing.assert_close(output.before, pooled)


@pytest.mark.parametrize("tap", ["before", "after"])
def test_the_embedding_is_taken_where_the_option_says(tap: str) -> None:
    network = _build("resnet101", embedding=tap).train()
    assert isinstance(network, EmbeddingNetwork)
    network.neck.dropout.p = 0.0
    outputs = network(_images())
    pooled = network.pooling(network.backbone(_images()))
    expected = getattr(network.neck(pooled), tap)
    torch.testing.assert_close(outputs["embedding"], expected, rtol=1e-4, atol=1e-5)


def test_vectors_have_unit_length_when_used_and_not_when_trained() -> None:
    network = _build("resnet101")
    trained = _tensor(network.train(), "embedding", _images()).norm(dim=1)
    used = _tensor(network.eval(), "embedding", _images()).norm(dim=1)
    assert not torch.allclose(trained, torch.ones(4), atol=1e-2)
    torch.testing.assert_close(used, torch.ones(4))


def test_the_map_is_18_by_24_and_every_attention_map_too() -> None:
    with torch.device("meta"):
        network = build("sac-resnet101", 333).train()
        outputs = network(torch.empty(2, 3, 288, 384))
    assert [tuple(one.shape) for one in outputs["attention"]] == [(2, 18 * 24)] * 3


def test_attention_is_given_in_training_only_and_reaches_the_backbone() -> None:
    network = _build("sac-resnet50")
    assert "attention" not in network.eval()(_images())
    shallow, middle, deep = network.train()(_images())["attention"]
    ((deep - shallow).norm() + (deep - middle).norm()).backward()
    gradients = [parameter.grad for parameter in network.backbone_parameters()]
    assert sum(gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients) > 20


def test_attention_asks_for_stages_that_there_are() -> None:
    with pytest.raises(ValueError, match="stages 1 to 4, not"):
        _build("resnet101", attention=(5,))


def test_a_type_head_learns_on_the_trunk_of_the_embedding() -> None:
    torch.manual_seed(0)
    network = build("efficientnet-lite0", {"identity": 5, "type": 4}, input_size=SIZE).train()
    outputs = network(_images())
    assert outputs["type"].shape == (4, 4)
    outputs["type"].square().sum().backward()
    assert any(parameter.grad is not None for parameter in network.backbone_parameters())


def test_without_identities_there_is_no_classifier() -> None:
    network = build("resnet101", backbone="resnet18", input_size=SIZE).eval()
    assert set(network(_images())) == {"embedding", "feature"}
