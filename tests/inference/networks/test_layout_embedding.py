"""The small embedder that pools two depths in stripes."""

from __future__ import annotations

import pytest
import torch

from inference.networks.backbone import Backbone
from inference.networks.layout_embedding import LayoutEmbeddingNetwork
from inference.networks.registry import build

SIZE = (64, 64)


def _build(**options: object) -> LayoutEmbeddingNetwork:
    torch.manual_seed(0)
    network = build("vehicle-embedder", 5, backbone="test_efficientnet", input_size=SIZE, embedding_size=32, **options)
    assert isinstance(network, LayoutEmbeddingNetwork)
    return network


def _images(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def test_it_gives_identity_and_type_and_a_vector_of_unit_length() -> None:
    network = _build()
    given = network.train()(_images())
    assert {name: tuple(value.shape) for name, value in given.items() if isinstance(value, torch.Tensor)} == {
        "embedding": (6, 32),
        "feature": (6, 32),
        "identity": (6, 5),
        "type": (6, 4),
    }
    torch.testing.assert_close(given["embedding"], given["feature"])
    alone = network.eval()(_images())["embedding"]
    assert isinstance(alone, torch.Tensor)
    torch.testing.assert_close(alone.norm(dim=1), torch.ones(6))


@pytest.mark.parametrize("stripes", [1, 2, 4])
def test_what_is_pooled_are_the_means_of_stripes_of_the_last_and_the_middle_map(stripes: int) -> None:
    network = _build(stripes=stripes).eval()
    *_, middle, last = network.backbone.features(_images())
    parts = [part.mean((2, 3)) for features in (last, middle) for part in features.tensor_split(stripes, 2)]
    expected = network.heads(network.standardise(torch.cat(parts, 1)))["type"]
    if last.shape[2] % stripes == 0:
        torch.testing.assert_close(network(_images())["type"], expected)
    else:  # stripes overlap where they cannot be equal
        assert network(_images())["type"].shape == expected.shape


def test_it_tells_above_from_below_where_the_average_cannot() -> None:
    picture = _images(1)
    picture[:, :, : SIZE[0] // 2] += 3.0
    upside_down = picture.flip(2)

    def apart(stripes: int) -> float:
        network = _build(stripes=stripes).eval()
        for norm in (network.standardise, network.neck.normalisation):
            norm.reset_running_stats()
        for module in network.backbone.modules():  # what one pixel gives does not depend on its neighbours
            if isinstance(module, torch.nn.Conv2d) and module.kernel_size != (1, 1):
                middle = module.weight.data.mean((2, 3), keepdim=True)
                module.weight.data = middle.expand_as(module.weight).clone()
        with torch.no_grad():
            return float((network(picture)["embedding"] - network(upside_down)["embedding"]).norm())

    assert apart(2) > 2 * apart(1)


def test_the_expansion_before_the_classifier_is_left_out() -> None:
    network = _build()
    whole = Backbone("test_efficientnet", last_stride=2)
    assert network.backbone(_images()).shape[1] == network.backbone.channels[-1] < whole.channels[-1]
    assert len(list(network.backbone.stages[-1].children())) == len(list(whole.stages[-1].children())) - 2


def test_a_backbone_without_expansion_is_refused() -> None:
    with pytest.raises(ValueError, match="EfficientNet family"):
        LayoutEmbeddingNetwork({"identity": 2}, backbone="resnet18")


def test_on_efficientnet_lite0_it_stays_below_eight_megabytes_in_16_bits() -> None:
    with torch.device("meta"):
        network = build("vehicle-embedder", 0)
    values = sum(value.numel() for value in network.state_dict().values())
    assert 2.5e6 < values < 4e6
    assert network.input_size == (128, 128)
    assert network.embedding_size == 256
