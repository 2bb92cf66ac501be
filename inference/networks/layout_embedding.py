"""A small embedder that keeps what is above from what is below: two depths of a backbone, each pooled in stripes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from inference.networks.backbone import Backbone
from inference.networks.heads import AttributeHeads
from inference.networks.neck import BnNeck
from inference.networks.network import IMAGENET_MEAN, IMAGENET_STD, Network, Outputs
from inference.networks.pooling import pool_stripes

__all__ = ["LayoutEmbeddingNetwork"]


class LayoutEmbeddingNetwork(Network):
    """Averages over horizontal stripes of a middle and of the last map, each standardised, reduced, batch-normalised.

    A roof, windows and a bumper are not averaged with each other, and the middle map still tells colours and edges that the
    last one, made to tell kinds of things apart, does not. The backbone's expansion before its classifier (``conv_head``) is
    left out: it costs weights and tells vehicles apart no better.

    The embedding is taken after batch normalisation, and all losses see that same vector: what is compared is what is learned.

    Args:
        classes: Classes of each classifier: ``identity`` for the vehicles of the training set, any other name (``type``) for
            a classifier of its own on the standardised vector.
        backbone: Name in timm, of the EfficientNet family.
        pretrained: Start the backbone from ImageNet's weights.
        last_stride: Stride of the backbone's last stage.
        input_size: (height, width) in pixels.
        mean: Of each channel.
        std: Of each channel.
        stripes: Into how many each map is cut.
        embedding_size: Length of the embedding.
        dropout: Share of the pooled values that training drops.

    Raises:
        ValueError: the backbone does not end with an expansion.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        *,
        backbone: str,
        pretrained: bool = False,
        last_stride: int = 2,
        input_size: tuple[int, int] = (128, 128),
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        stripes: int = 2,
        embedding_size: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(input_size=input_size, mean=mean, std=std, embedding_size=embedding_size)
        self.backbone = Backbone(backbone, pretrained=pretrained, last_stride=last_stride)
        middle, last = self.backbone.channels[-2], _without_expansion(self.backbone, backbone)
        features = stripes * (middle + last)
        self.standardise = torch.nn.BatchNorm1d(features, affine=False)
        self.neck = BnNeck(features, embedding_size, classes.get("identity", 0), dropout=dropout, classifier_bias=False)
        self.heads = AttributeHeads(features, classes)
        self._stripes = stripes
        self.backbone.to(memory_format=torch.channels_last)  # depthwise convolutions run twice as fast on a CPU

    def forward(self, images: torch.Tensor) -> Outputs:
        """Runs the network; see `Network`."""
        *_, middle, last = self.backbone.features(images)
        pooled = torch.cat([*pool_stripes(last, self._stripes, 1), *pool_stripes(middle, self._stripes, 1)], 1)
        standard = self.standardise(pooled)
        neck = self.neck(standard)
        outputs: Outputs = {"embedding": neck.after if self.training else F.normalize(neck.after), "feature": neck.after}
        if neck.identity is not None:
            outputs["identity"] = neck.identity
        outputs.update(self.heads(standard))
        return outputs

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters."""
        return list(self.backbone.parameters())


def _without_expansion(backbone: Backbone, name: str) -> int:
    """Takes the last 1x1 convolution and its norm off, and tells the channels of the map that is left."""
    stage = backbone.stages[-1]
    if isinstance(stage, torch.nn.Sequential) and len(stage) > 2:
        expansion = stage[-2]
        if isinstance(expansion, torch.nn.Conv2d) and expansion.kernel_size == (1, 1):
            backbone.stages[-1] = stage[:-2]
            backbone.channels = (*backbone.channels[:-1], expansion.in_channels)
            return expansion.in_channels
    raise ValueError(f"{name} does not end with a 1x1 convolution and its norm; take a backbone of the EfficientNet family")
