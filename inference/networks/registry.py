"""Every network by name: ``build("resnet101", classes=333)``."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from inference.networks.attributes import AttributeNetwork, IdentityAndAttributesNetwork
from inference.networks.efficientnet_lite import EFFICIENTNET_LITE0
from inference.networks.embedding import EmbeddingNetwork
from inference.networks.key_point_pooled import KeyPointPooledNetwork
from inference.networks.key_points import KeyPointDetector
from inference.networks.layout_embedding import LayoutEmbeddingNetwork
from inference.networks.multi_granularity import MultiGranularityNetwork
from inference.networks.network import Network, NetworkSpecification

__all__ = ["REGISTRY", "RegisteredNetwork", "build"]


@dataclass(frozen=True, slots=True)
class RegisteredNetwork:
    """A definition with the options that make it the network of this name.

    Attributes:
        definition: Class of the network; its documentation tells all options.
        description: In one line.
        classes: What its classifiers tell apart, with the usual numbers; 0: depends on the training set.
        options: Options that differ from the definition's defaults.
    """

    definition: type[Network]
    description: str
    classes: Mapping[str, int]
    options: Mapping[str, Any]


_IDENTITY = {"identity": 0}
_SAC = {"attention": (2, 3, 4), "embedding": "after", "classifier_bias": False}

REGISTRY: Mapping[str, RegisteredNetwork] = MappingProxyType(
    {
        "resnet101": RegisteredNetwork(EmbeddingNetwork, "ResNet-101, BNNeck", _IDENTITY, {"backbone": "resnet101"}),
        "se-resnext101": RegisteredNetwork(
            EmbeddingNetwork, "SE-ResNeXt-101 (32x4d), BNNeck", _IDENTITY, {"backbone": "legacy_seresnext101_32x4d"}
        ),
        "se-resnet152": RegisteredNetwork(
            EmbeddingNetwork, "SE-ResNet-152, BNNeck", _IDENTITY, {"backbone": "legacy_seresnet152"}
        ),
        "sac-resnet50": RegisteredNetwork(
            EmbeddingNetwork, "ResNet-50 with the self-attention constraint", _IDENTITY, {"backbone": "resnet50", **_SAC}
        ),
        "sac-resnet101": RegisteredNetwork(
            EmbeddingNetwork, "ResNet-101 with the self-attention constraint", _IDENTITY, {"backbone": "resnet101", **_SAC}
        ),
        "hrnet-w32": RegisteredNetwork(
            EmbeddingNetwork,
            "HRNetV2-W32: all resolutions side by side",
            _IDENTITY,
            {
                "backbone": "hrnet_w32",
                "last_stride": 2,
                "embedding": "after",
                "reduction_bias": False,
                "classifier_bias": False,
            },
        ),
        "mgn-resnet50": RegisteredNetwork(
            MultiGranularityNetwork, "MGN on ResNet-50: the whole, stripes, left and right", _IDENTITY, {"backbone": "resnet50"}
        ),
        "mgn-resnet101": RegisteredNetwork(
            MultiGranularityNetwork, "MGN on ResNet-101: the whole, stripes, left and right", _IDENTITY, {"backbone": "resnet101"}
        ),
        "key-points": RegisteredNetwork(KeyPointDetector, "heat-maps of 20 key points, ResNet-50", {}, {}),
        "key-point-se-resnext101": RegisteredNetwork(
            KeyPointPooledNetwork, "SE-ResNeXt-101 pooled where the key points are", _IDENTITY, {}
        ),
        "type-and-identity": RegisteredNetwork(
            IdentityAndAttributesNetwork, "type beside identity, ResNet-50", {"identity": 0, "type": 8}, {}
        ),
        "attributes-and-identity": RegisteredNetwork(
            IdentityAndAttributesNetwork,
            "type, colour, roof, window and logo beside identity, ResNet-50",
            {"identity": 0, "type": 8, "colour": 10, "roof": 2, "window": 2, "logo": 0},
            {},
        ),
        "orientation": RegisteredNetwork(
            AttributeNetwork, "from which of 8 sides a vehicle is seen, ResNet-50", {"orientation": 8}, {}
        ),
        "type": RegisteredNetwork(AttributeNetwork, "type of a vehicle, ResNet-50", {"type": 4}, {}),
        "colour": RegisteredNetwork(AttributeNetwork, "colour of a vehicle, ResNet-50", {"colour": 10}, {}),
        "efficientnet-lite0": RegisteredNetwork(
            EmbeddingNetwork,
            "small embedder with a type head",
            {"identity": 0, "type": 4},
            {
                "backbone": EFFICIENTNET_LITE0,
                "input_size": (160, 160),
                "mean": (0.5, 0.5, 0.5),
                "std": (0.5, 0.5, 0.5),
                "pool": "gem",
                "embedding_size": 256,
                "embedding": "after",
                "dropout": 0.0,
                "classifier_bias": False,
            },
        ),
        "vehicle-embedder": RegisteredNetwork(
            LayoutEmbeddingNetwork,
            "the small embedder that ships: EfficientNet-Lite0 in stripes, with a type head",
            {"identity": 0, "type": 4},
            {"backbone": EFFICIENTNET_LITE0},
        ),
    }
)


def build(name: str, classes: int | Mapping[str, int] = 0, **options: Any) -> Network:
    """Builds a network, with random weights unless ``pretrained`` is among the options.

    Args:
        name: Name in `REGISTRY`.
        classes: Classes of each classifier by the name of its output, such as ``{"identity": 333, "type": 4}``; a single
            number: identities, beside the usual classes of the others. Names left out keep their usual number, 0 leaves
            a classifier out.
        options: Options of the network's definition that differ from those of this name.

    Raises:
        ValueError: no network has this name, or it has no such option or classifier.
    """
    if name not in REGISTRY:
        raise ValueError(f"no network is called {name!r}; there are {', '.join(REGISTRY)}")
    entry = REGISTRY[name]
    known = [one for one in inspect.signature(entry.definition).parameters if one != "classes"]
    unknown = [one for one in options if one not in known]
    if unknown:
        raise ValueError(f"the network {name} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    counts = {**entry.classes, **(classes if isinstance(classes, Mapping) else {"identity": classes})}
    counts = {output: count for output, count in counts.items() if count}
    # YAML and weights files give lists where definitions say tuples
    chosen = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    network = entry.definition(counts, **{**entry.options, **chosen})  # type: ignore[arg-type, call-arg]  # definitions take classes first
    network.specification = NetworkSpecification(name, counts, chosen)
    return network
