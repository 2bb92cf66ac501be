"""Networks that tell attributes of a vehicle: alone, or beside its identity."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from inference.networks.backbone import Backbone
from inference.networks.heads import AttributeHeads, classifier
from inference.networks.neck import BnNeck
from inference.networks.network import IMAGENET_MEAN, IMAGENET_STD, Network, Outputs, unit
from inference.networks.pooling import PoolingName, pooling

__all__ = ["AttributeNetwork", "IdentityAndAttributesNetwork"]


class AttributeNetwork(Network):
    """Tells attributes such as orientation, colour or type: backbone, pooling, reduction, batch normalisation, classifiers.

    Args:
        classes: Classes by attribute.
        backbone: Name in timm.
        pretrained: Start the backbone from ImageNet's weights.
        last_stride: Stride of the backbone's last stage.
        input_size: (height, width) in pixels.
        mean: Of each channel.
        std: Of each channel.
        pool: How the map becomes a vector.
        features: Length of the vector that the classifiers see.
        dropout: Share of the pooled values that training drops.

    Raises:
        ValueError: no attribute, or an identity, is among the classes.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        *,
        backbone: str = "resnet50",
        pretrained: bool = False,
        last_stride: int = 1,
        input_size: tuple[int, int] = (288, 384),
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        pool: PoolingName = "average",
        features: int = 1024,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(input_size=input_size, mean=mean, std=std)
        if not classes or "identity" in classes:
            raise ValueError(f"this network tells attributes and no identities; its classes are {dict(classes)}")
        self.backbone = Backbone(backbone, pretrained=pretrained, last_stride=last_stride)
        self.pooling = pooling(pool)
        self.neck = BnNeck(self.backbone.channels[-1], features, 0, dropout=dropout)
        self.heads = AttributeHeads(features, classes)

    def forward(self, images: torch.Tensor) -> Outputs:
        """Logits of each attribute."""
        return {**self.heads(self.neck(self.pooling(self.backbone(images))).after)}

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters."""
        return list(self.backbone.parameters())


class IdentityAndAttributesNetwork(Network):
    """Identity and attributes together: a shared reduction, then a branch for each task; their union is the embedding.

    What tells a type or a colour apart thereby becomes part of the embedding, and the identities, of which there are many
    more pictures, shape what the attributes are told from.

    Args:
        classes: ``identity`` and the attributes (``type``, ``colour``, ``roof``, ``window``, ``logo``).
        backbone: Name in timm.
        pretrained: Start the backbone from ImageNet's weights.
        last_stride: Stride of the backbone's last stage.
        input_size: (height, width) in pixels.
        mean: Of each channel.
        std: Of each channel.
        pool: How the map becomes a vector.
        shared_size: Length of the vector that all branches start from.
        branch_size: Length of the vector of each branch.
        embedding_size: Length of the embedding, taken before its batch normalisation.
        dropout: Share of the pooled values that training drops.

    Raises:
        ValueError: no attribute is among the classes.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        *,
        backbone: str = "resnet50",
        pretrained: bool = False,
        last_stride: int = 1,
        input_size: tuple[int, int] = (288, 384),
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        pool: PoolingName = "average",
        shared_size: int = 1024,
        branch_size: int = 512,
        embedding_size: int = 1024,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(input_size=input_size, mean=mean, std=std, embedding_size=embedding_size)
        self.attributes = tuple(name for name in classes if name != "identity")
        if not self.attributes:
            raise ValueError("this network tells attributes beside identities; its classes name no attribute")
        self.backbone = Backbone(backbone, pretrained=pretrained, last_stride=last_stride)
        self.pooling = pooling(pool)
        self.shared = BnNeck(self.backbone.channels[-1], shared_size, 0, dropout=dropout)
        self.branches = torch.nn.ModuleList(
            BnNeck(shared_size, branch_size, 0, dropout=0.0) for _ in range(1 + len(self.attributes))
        )
        self.neck = BnNeck(branch_size * len(self.branches), embedding_size, classes.get("identity", 0), dropout=0.0)
        self.classifiers = torch.nn.ModuleList(classifier(branch_size, classes[name]) for name in self.attributes)

    def forward(self, images: torch.Tensor) -> Outputs:
        """Runs the network; see `Network`."""
        shared = F.relu(self.shared(self.pooling(self.backbone(images))).after)
        vectors = [branch(shared).after for branch in self.branches]
        neck = self.neck(torch.cat(vectors, 1))
        outputs: Outputs = {
            "embedding": neck.before if self.training else unit(neck.before),
            "feature": neck.before,
        }
        if neck.identity is not None:
            outputs["identity"] = neck.identity
        for name, head, vector in zip(self.attributes, self.classifiers, vectors[1:], strict=True):
            outputs[name] = head(vector)
        return outputs

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters."""
        return list(self.backbone.parameters())
