from __future__ import annotations

import pytest
import timm
import torch

from inference.networks.backbone import Backbone

CHAINS = ("resnet18", "legacy_seresnet18", "tf_efficientnet_lite0")


@pytest.mark.parametrize("name", CHAINS)
def test_stages_compute_what_timm_computes(name: str) -> None:
    torch.manual_seed(0)
    whole = timm.create_model(name, pretrained=False, num_classes=0).eval()
    backbone = Backbone(name, last_stride=2).eval()
    backbone.load_state_dict(
        dict(zip(backbone.state_dict(), whole.state_dict().values(), strict=True))  # the same layers in the same order
    )
    images = torch.randn(2, 3, 96, 128)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images), whole.forward_features(images))  # type: ignore[operator]  # a method


@pytest.mark.parametrize("name", CHAINS)
def test_stages_end_at_strides_4_8_16_and_the_last_keeps_16(name: str) -> None:
    with torch.device("meta"):
        features = Backbone(name).features(torch.empty(1, 3, 288, 384))
    assert [tuple(one.shape[2:]) for one in features] == [(72, 96), (36, 48), (18, 24), (18, 24)]


@pytest.mark.parametrize("name", CHAINS)
def test_channels_are_those_of_the_maps(name: str) -> None:
    with torch.device("meta"):
        backbone = Backbone(name, last_stride=2)
        features = backbone.features(torch.empty(1, 3, 64, 64))
    assert backbone.channels == tuple(one.shape[1] for one in features)
    assert features[-1].shape[2:] == (2, 2)


def test_a_last_stride_of_1_changes_no_weight() -> None:
    shapes = [
        {name: value.shape for name, value in Backbone("resnet18", last_stride=stride).state_dict().items()} for stride in (1, 2)
    ]
    assert shapes[0] == shapes[1]


def test_hrnet_is_one_stage_with_its_own_head() -> None:
    with torch.device("meta"):
        backbone = Backbone("hrnet_w32", last_stride=2)
        features = backbone.features(torch.empty(1, 3, 288, 384))
    assert [tuple(one.shape) for one in features] == [(1, 2048, 9, 12)]
    with pytest.raises(ValueError, match="no last stage"), torch.device("meta"):
        Backbone("hrnet_w32")


def test_a_network_that_is_no_chain_is_refused() -> None:
    with pytest.raises(ValueError, match="do not form a chain"):
        Backbone("mobilenetv3_small_050")  # its last layers come behind the pooling


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(ValueError, match=r"no backbone 'resnet51'; near names: .*resnet50"):
        Backbone("resnet51")


def test_the_last_stride_is_1_or_2() -> None:
    with pytest.raises(ValueError, match="1 or 2, not 4"):
        Backbone("resnet18", last_stride=4)
