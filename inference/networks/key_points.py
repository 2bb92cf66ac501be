"""Where the 20 key points of a vehicle are: heat-maps.

Xiao, Wu, Wei: *Simple Baselines for Human Pose Estimation and Tracking*, ECCV 2018 (arXiv 1804.06208): a backbone, three
transposed convolutions, one map for each point. The points are those of the VeRi annotation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from inference.networks.backbone import Backbone
from inference.networks.network import IMAGENET_MEAN, IMAGENET_STD, Network, Outputs

__all__ = ["KEY_POINTS", "MIRRORED_KEY_POINTS", "KeyPointDetector"]

KEY_POINTS = (
    "left front wheel",
    "left back wheel",
    "right front wheel",
    "right back wheel",
    "right fog lamp",
    "left fog lamp",
    "right headlight",
    "left headlight",
    "front logo",
    "front plate",
    "left mirror",
    "right mirror",
    "right front corner of the roof",
    "left front corner of the roof",
    "left back corner of the roof",
    "right back corner of the roof",
    "left rear lamp",
    "right rear lamp",
    "rear logo",
    "rear plate",
)
"""In the order of the VeRi annotation."""


def _mirrored(name: str) -> str:
    if name.startswith("left"):
        return "right" + name.removeprefix("left")
    return "left" + name.removeprefix("right") if name.startswith("right") else name


MIRRORED_KEY_POINTS = tuple(KEY_POINTS.index(_mirrored(name)) for name in KEY_POINTS)
"""For each point the one that it becomes when the picture is flipped from left to right."""


class KeyPointDetector(Network):
    """Heat-maps of a quarter of the picture's size; a peak near 1 where a point is seen, near 0 where it is not.

    Args:
        classes: None: this network classifies nothing.
        backbone: Name in timm.
        pretrained: Start the backbone from ImageNet's weights.
        input_size: (height, width) in pixels.
        mean: Of each channel.
        std: Of each channel.
        points: Key points.
        filters: Channels of the transposed convolutions.

    Raises:
        ValueError: classes are given.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        *,
        backbone: str = "resnet50",
        pretrained: bool = False,
        input_size: tuple[int, int] = (256, 256),
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        points: int = len(KEY_POINTS),
        filters: int = 256,
    ) -> None:
        if classes:
            raise ValueError(f"the key-point detector classifies nothing; its classes are {dict(classes)}")
        super().__init__(input_size=input_size, mean=mean, std=std)
        self.backbone = Backbone(backbone, pretrained=pretrained, last_stride=2)
        layers: list[torch.nn.Module] = []
        channels = self.backbone.channels[-1]
        for _ in range(3):
            layers += [
                torch.nn.ConvTranspose2d(channels, filters, 4, stride=2, padding=1, bias=False),
                torch.nn.BatchNorm2d(filters),
                torch.nn.ReLU(inplace=True),
            ]
            channels = filters
        layers.append(torch.nn.Conv2d(filters, points, 1))
        self.upsampling = torch.nn.Sequential(*layers)
        for module in self.upsampling:
            if isinstance(module, torch.nn.ConvTranspose2d | torch.nn.Conv2d):
                torch.nn.init.normal_(module.weight, std=0.001)
                if module.bias is not None:
                    torch.nn.init.zeros_(module.bias)

    def forward(self, images: torch.Tensor) -> Outputs:
        """``heatmaps`` and ``visibility``."""
        heatmaps = self.upsampling(self.backbone(images))
        return {"heatmaps": heatmaps, "visibility": heatmaps.amax((2, 3)).clamp(0, 1)}

    def backbone_parameters(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters."""
        return list(self.backbone.parameters())
