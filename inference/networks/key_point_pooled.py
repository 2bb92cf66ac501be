"""An embedding made of vectors taken where a vehicle's key points are, each weighted by how well the point is seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from inference.networks.backbone import Backbone
from inference.networks.key_points import KEY_POINTS, KeyPointDetector
from inference.networks.neck import BnNeck
from inference.networks.network import IMAGENET_MEAN, IMAGENET_STD, Network, Outputs, unit
from inference.networks.pooling import pool_masks
from inference.networks.weights import load_state

__all__ = ["KeyPointPooledNetwork"]

_LEAST_VISIBILITY = 1e-3
"""Keeps the embedding finite where no point is seen at all."""


class KeyPointPooledNetwork(Network):
    """Pools the backbone's map under the heat-maps of a key-point detector: one vector, BNNeck and classifier for each point.

    The detector is part of the network and stays as it is: training does not change it. Each heat-map is divided by its mass,
    so its scale and size do not matter; the vectors, of unit length each, enter the embedding times their point's visibility,
    so the cosine of two embeddings is the mean of the points' cosines weighted by how well both pictures show them (up to
    the normalisation), and unseen points do not count.

    ``identity`` and ``feature`` have one entry for each point.

    Args:
        classes: ``identity`` only.
        backbone: Name in timm.
        pretrained: Start the backbone from ImageNet's weights.
        last_stride: Stride of the backbone's last stage.
        input_size: (height, width) in pixels.
        mean: Of each channel.
        std: Of each channel.
        part_size: Length of each point's vector.
        dropout: Share of the pooled values that training drops.
        points: Key points of the detector.
        key_point_backbone: Backbone of the detector.
        key_point_input_size: (height, width) to which pictures are resized for the detector.
        key_point_weights: File with the detector's trained weights, as `inference.networks.weights.save_network` writes
            it; None: random ones, to be loaded with the whole network's.

    Raises:
        ValueError: the classes name more than identities.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        *,
        backbone: str = "legacy_seresnext101_32x4d",
        pretrained: bool = False,
        last_stride: int = 1,
        input_size: tuple[int, int] = (288, 384),
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        part_size: int = 128,
        dropout: float = 0.5,
        points: int = len(KEY_POINTS),
        key_point_backbone: str = "resnet50",
        key_point_input_size: tuple[int, int] = (256, 256),
        key_point_weights: str | None = None,
    ) -> None:
        if set(classes) - {"identity"}:
            raise ValueError(f"this network has no classifiers but that of identities; its classes are {dict(classes)}")
        super().__init__(input_size=input_size, mean=mean, std=std, embedding_size=points * part_size)
        self.backbone = Backbone(backbone, pretrained=pretrained, last_stride=last_stride)
        self.normalisation = torch.nn.BatchNorm2d(self.backbone.channels[-1])
        self.necks = torch.nn.ModuleList(
            BnNeck(self.backbone.channels[-1], part_size, classes.get("identity", 0), dropout=dropout) for _ in range(points)
        )
        self.key_points = KeyPointDetector(
            {}, backbone=key_point_backbone, input_size=key_point_input_size, mean=mean, std=std, points=points
        )
        if key_point_weights is not None:
            self.key_points.load_state_dict(load_state(Path(key_point_weights)))
        self.key_points.requires_grad_(False)
        self.key_points.eval()

    def train(self, mode: bool = True) -> Self:
        """Training mode for all but the key-point detector, whose batch statistics must stay."""
        super().train(mode)
        self.key_points.eval()
        return self

    def forward(self, images: torch.Tensor) -> Outputs:
        """Runs the network; see `Network`."""
        features = self.normalisation(self.backbone(images))
        heatmaps, visibility = self._points(images)
        pooled = pool_masks(features, _shrunk(heatmaps, (features.shape[2], features.shape[3])))
        parts = [neck(vector) for neck, vector in zip(self.necks, pooled.unbind(1), strict=True)]
        outputs: Outputs = {
            "embedding": _weighted([part.after for part in parts], visibility, as_unit=not self.training),
            "feature": tuple(part.after for part in parts),
            "visibility": visibility,
        }
        logits = tuple(part.identity for part in parts if part.identity is not None)
        if logits:
            outputs["identity"] = logits
        return outputs

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters."""
        return list(self.backbone.parameters())

    def _points(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        resized = F.interpolate(images, self.key_points.input_size, mode="bilinear", align_corners=False)
        with torch.no_grad():
            found = self.key_points(resized)
        return found["heatmaps"], found["visibility"]


def _shrunk(heatmaps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Heat-maps in the size of the features; halved by averages first, as interpolation alone would step over peaks."""
    while heatmaps.shape[2] > 2 * size[0] or heatmaps.shape[3] > 2 * size[1]:
        heatmaps = F.avg_pool2d(heatmaps, 2)
    return F.interpolate(heatmaps, size, mode="bilinear", align_corners=False)


def _weighted(parts: list[torch.Tensor], visibility: torch.Tensor, *, as_unit: bool) -> torch.Tensor:
    vectors = F.normalize(torch.stack(parts, 1), dim=2) * visibility.clamp(min=_LEAST_VISIBILITY)[:, :, None]
    embedding = vectors.flatten(1)
    return unit(embedding) if as_unit else embedding
