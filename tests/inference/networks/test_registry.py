from __future__ import annotations

import pytest
import torch

from inference.networks.key_point_pooled import KeyPointPooledNetwork
from inference.networks.network import Network
from inference.networks.registry import REGISTRY, build

IDENTITIES = 333
NECK = 2048 * 1024 + 1024 + 2 * 1024  # reduction with bias, batch normalisation
CLASSIFIER = 1024 * IDENTITIES
POINT = 2048 * 128 + 128 + 2 * 128 + 128 * IDENTITIES + IDENTITIES
PART = 2048 * 256 + 256 + 2 * 256 + 256 * IDENTITIES + IDENTITIES
RESNET50, RESNET101 = 23_508_032, 42_500_160  # published: 25 557 032 and 44 549 160 with the classifier of ImageNet
STAGES_3_AND_4 = {"resnet50": 7_098_368 + 14_964_736, "resnet101": 26_090_496 + 14_964_736}
DECONVOLUTIONS = 2048 * 256 * 16 + 2 * 256 * 256 * 16 + 3 * 2 * 256 + 256 * 20 + 20

PARAMETERS = {
    "resnet101": RESNET101 + NECK + CLASSIFIER + IDENTITIES,
    "se-resnext101": 48_955_416 - 2_049_000 + NECK + CLASSIFIER + IDENTITIES,
    "se-resnet152": 66_821_848 - 2_049_000 + NECK + CLASSIFIER + IDENTITIES,
    "sac-resnet50": RESNET50 + NECK + CLASSIFIER,
    "sac-resnet101": RESNET101 + NECK + CLASSIFIER,
    "hrnet-w32": 41_232_680 - 2_049_000 + NECK - 1024 + CLASSIFIER,
    "mgn-resnet50": RESNET50 + 3 * STAGES_3_AND_4["resnet50"] + 11 * PART,
    "mgn-resnet101": RESNET101 + 3 * STAGES_3_AND_4["resnet101"] + 11 * PART,
    "key-points": RESNET50 + DECONVOLUTIONS,
    "key-point-se-resnext101": 48_955_416 - 2_049_000 + 2 * 2048 + 20 * POINT + RESNET50 + DECONVOLUTIONS,
    "orientation": RESNET50 + NECK + 1024 * 8 + 8,
    "type": RESNET50 + NECK + 1024 * 4 + 4,
    "colour": RESNET50 + NECK + 1024 * 10 + 10,
}
EMBEDDING_SIZES = {
    "resnet101": 1024,
    "se-resnext101": 1024,
    "se-resnet152": 1024,
    "sac-resnet101": 1024,
    "hrnet-w32": 1024,
    "mgn-resnet101": 1024,
    "key-point-se-resnext101": 2560,
    "type-and-identity": 1024,
    "efficientnet-lite0": 256,
}


def _on_paper(name: str) -> Network:
    """The network's structure without values."""
    with torch.device("meta"):
        return build(name, IDENTITIES if "identity" in REGISTRY[name].classes else 0)


@pytest.mark.parametrize("name", list(REGISTRY))
def test_every_network_can_be_built_and_run(name: str) -> None:
    network = _on_paper(name)
    with torch.device("meta"):
        trained = network.train()(torch.empty(2, 3, *network.input_size))
        used = network.eval()(torch.empty(2, 3, *network.input_size))
    assert set(trained) - {"attention"} == set(used)
    assert network.specification is not None
    for output, count in network.specification.classes.items():
        logits = used[output] if isinstance(used[output], tuple) else (used[output],)
        assert all(tuple(one.shape) == (2, count) for one in logits)
    own = {id(parameter) for parameter in network.parameters()}
    backbone = {id(parameter) for parameter in network.backbone_parameters()}
    assert backbone
    assert backbone < own
    embedding = used.get("embedding")
    if network.embedding_size:
        assert isinstance(embedding, torch.Tensor)
        assert embedding.shape == (2, network.embedding_size)
        assert network.embedding_size == EMBEDDING_SIZES.get(name, network.embedding_size)
    else:
        assert embedding is None
    if name in PARAMETERS:
        assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[name]


def test_the_ensemble_has_8704_values_a_picture() -> None:
    members = ("resnet101", "se-resnext101", "se-resnet152", "sac-resnet101", "hrnet-w32", "mgn-resnet101")
    assert sum(EMBEDDING_SIZES[name] for name in (*members, "key-point-se-resnext101")) == 8704


def test_a_number_of_classes_means_identities() -> None:
    with torch.device("meta"):
        network = build("type-and-identity", 12)
    assert network.specification is not None
    assert network.specification.classes == {"identity": 12, "type": 8}


def test_classes_that_are_named_override_the_usual_ones() -> None:
    with torch.device("meta"):
        network = build("efficientnet-lite0", {"identity": 12, "type": 0})
    assert network.specification is not None
    assert network.specification.classes == {"identity": 12}


def test_lists_serve_for_tuples_as_recipes_write_them() -> None:
    with torch.device("meta"):
        network = build("resnet101", backbone="resnet18", input_size=[64, 96], attention=[3, 4])
    assert network.input_size == (64, 96)
    assert network.specification is not None
    assert network.specification.options == {"backbone": "resnet18", "input_size": (64, 96), "attention": (3, 4)}


def test_the_detector_inside_sees_pictures_normalised_as_its_own() -> None:
    with torch.device("meta"):
        network = build("key-point-se-resnext101", mean=[0.1, 0.2, 0.3])
    assert isinstance(network, KeyPointPooledNetwork)
    assert network.key_points.mean == network.mean == (0.1, 0.2, 0.3)


def test_unknown_names_and_options_are_answered_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no network is called 'resnet'; there are resnet101, "):
        build("resnet")
    with pytest.raises(ValueError, match="resnet101 has no option depth; it has backbone, pretrained"):
        build("resnet101", depth=3)
