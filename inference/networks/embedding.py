"""Networks that turn a picture of a vehicle into one vector: backbone, pooling, BNNeck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from inference.networks.attention import attention_maps
from inference.networks.backbone import Backbone
from inference.networks.heads import AttributeHeads
from inference.networks.neck import BnNeck, EmbeddingTap
from inference.networks.network import IMAGENET_MEAN, IMAGENET_STD, Network, Outputs, unit
from inference.networks.pooling import PoolingName, pooling

__all__ = ["EmbeddingNetwork"]


class EmbeddingNetwork(Network):
    """Backbone, pooling and BNNeck; with classifiers of attributes on the pooled vector and attention maps as options.

    Args:
        classes: Classes of each classifier: ``identity`` for the vehicles of the training set, any other name (``type``) for
            a classifier of its own on the pooled vector.
        backbone: Name in timm.
        pretrained: Start the backbone from ImageNet's weights.
        last_stride: Stride of the backbone's last stage.
        input_size: (height, width) in pixels.
        mean: Of each channel.
        std: Of each channel.
        pool: How the map becomes a vector.
        embedding_size: Length of the embedding; None: that of the pooled vector, without a reduction.
        embedding: Taken ``before`` or ``after`` batch normalisation.
        dropout: Share of the pooled values that training drops.
        reduction_bias: Whether the reduction adds a bias.
        classifier_bias: Whether the classifier of identities adds a bias.
        attention: Stages (1 to 4) whose attention maps are given in training, the deepest last; empty: none.

    Raises:
        ValueError: an option has no meaning for this backbone.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        *,
        backbone: str,
        pretrained: bool = False,
        last_stride: int = 1,
        input_size: tuple[int, int] = (288, 384),
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        pool: PoolingName = "average",
        embedding_size: int | None = 1024,
        embedding: EmbeddingTap = "before",
        dropout: float = 0.5,
        reduction_bias: bool = True,
        classifier_bias: bool = True,
        attention: Sequence[int] = (),
    ) -> None:
        body = Backbone(backbone, pretrained=pretrained, last_stride=last_stride)
        features = body.channels[-1]
        super().__init__(input_size=input_size, mean=mean, std=std, embedding_size=embedding_size or features)
        if embedding not in ("before", "after"):
            raise ValueError(f"embedding is taken before or after batch normalisation, not {embedding!r}")
        if not all(1 <= stage <= len(body.stages) for stage in attention):
            raise ValueError(f"attention: {backbone} has stages 1 to {len(body.stages)}, not {list(attention)}")
        self.backbone = body
        self.pooling = pooling(pool)
        self.neck = BnNeck(
            features,
            embedding_size,
            classes.get("identity", 0),
            dropout=dropout,
            reduction_bias=reduction_bias,
            classifier_bias=classifier_bias,
        )
        self.heads = AttributeHeads(features, classes)
        self._tap = embedding
        self._attention = tuple(sorted(attention))

    def forward(self, images: torch.Tensor) -> Outputs:
        """Runs the network; see `Network`."""
        stages = self.backbone.features(images)
        pooled = self.pooling(stages[-1])
        neck = self.neck(pooled)
        embedding = neck.before if self._tap == "before" else neck.after
        outputs: Outputs = {"embedding": embedding if self.training else unit(embedding), "feature": neck.before}
        if neck.identity is not None:
            outputs["identity"] = neck.identity
        outputs.update(self.heads(pooled))
        if self.training and self._attention:
            outputs["attention"] = attention_maps([stages[stage - 1] for stage in self._attention])
        return outputs

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters."""
        return list(self.backbone.parameters())
