"""What every network is: pictures in, named tensors out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "Network", "NetworkSpecification", "Outputs", "unit"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Outputs: TypeAlias = dict[str, torch.Tensor | tuple[torch.Tensor, ...]]
"""What a network gives, by name; which names there are depends on the network:

- ``embedding`` (B, D): what is compared; of unit length in eval mode, as it comes in training mode;
- ``feature`` (B, D), or one (B, D') for each part: what the triplet loss compares, not normalised;
- ``identity`` (B, identities), or one for each part: logits of the vehicles of the training set;
- ``type``, ``colour``, ``roof``, ``window``, ``logo``, ``orientation`` (B, classes): logits;
- ``attention``: one (B, H * W) of unit length for each constrained stage, the deepest last; in training mode only;
- ``heatmaps`` (B, points, H, W): one for each key point, its peak near 1 where the point is seen;
- ``visibility`` (B, points): 0 to 1, how sure it is that each key point is seen.
"""


@dataclass(frozen=True, slots=True)
class NetworkSpecification:
    """What `inference.networks.registry.build` made a network from.

    Attributes:
        name: Name in the registry.
        classes: How many classes each classifier tells apart, by the name of its output.
        options: What differs from the defaults of that name.
    """

    name: str
    classes: Mapping[str, int]
    options: Mapping[str, Any] = field(default_factory=dict)


class Network(torch.nn.Module):
    """A network over pictures of one size.

    ``network(images)`` takes (B, 3, height, width) float32, RGB, scaled to 0..1 and normalised by `mean` and `std`, and gives
    `Outputs`. Names are the same in training and in eval mode, ``attention`` excepted.

    Args:
        input_size: (height, width) in pixels.
        mean: Of each channel, R, G, B, for values in 0..1.
        std: Standard deviation of each channel.
        embedding_size: Length of ``embedding``; 0 where the network gives none.

    Attributes:
        specification: How the registry can build it again; None if it was built without the registry.
    """

    def __init__(
        self,
        *,
        input_size: tuple[int, int],
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        embedding_size: int = 0,
    ) -> None:
        super().__init__()
        self.input_size = (int(input_size[0]), int(input_size[1]))
        self.mean = mean
        self.std = std
        self.embedding_size = embedding_size
        self.specification: NetworkSpecification | None = None

    def forward(self, images: torch.Tensor) -> Outputs:
        """Runs the network; see the class."""
        raise NotImplementedError

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """Parameters that start from ImageNet's weights, for which a lower learning rate is usual."""
        raise NotImplementedError


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (B, D) of unit length, float32: squares of a thousand values overflow 16 bits."""
    return F.normalize(vectors.float(), dim=1)
