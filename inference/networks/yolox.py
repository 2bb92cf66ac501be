"""YOLOX-nano in torch, with the published weights taken out of its ONNX file, and its export.

Ge, Liu, Wang, Li, Sun: *YOLOX: Exceeding YOLO Series in 2021*, arXiv 2107.08430. The published file has batch normalisation
folded into the convolutions, and so has this network: fitting it further is fitting with frozen statistics, which suits
small data and is faster on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from inference.errors import ModelError

__all__ = ["STRIDES", "YoloxNano", "convolutions_in_order", "from_onnx", "on_pixels", "probabilities"]

STRIDES = (8, 16, 32)
_COCO_CLASSES = 80


class YoloxNano(nn.Module):
    """The network: pictures to the raw head.

    Args:
        classes: Names of the classes it tells apart, in the order of its output.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.stem = _Convolution(12, 16, 3)
        self.stages = nn.ModuleList(
            [
                nn.Sequential(_Separable(16, 32, stride=2), _CrossStage(32, 32, 1)),
                nn.Sequential(_Separable(32, 64, stride=2), _CrossStage(64, 64, 3)),
                nn.Sequential(_Separable(64, 128, stride=2), _CrossStage(128, 128, 3)),
                nn.Sequential(_Separable(128, 256, stride=2), _PyramidPooling(256), _CrossStage(256, 256, 1, shortcut=False)),
            ]
        )
        self.narrow_coarse = _Convolution(256, 128, 1)
        self.down_to_middle = _CrossStage(256, 128, 1, shortcut=False)
        self.narrow_middle = _Convolution(128, 64, 1)
        self.down_to_fine = _CrossStage(128, 64, 1, shortcut=False)
        self.shrink_fine = _Separable(64, 64, stride=2)
        self.up_to_middle = _CrossStage(128, 128, 1, shortcut=False)
        self.shrink_middle = _Separable(128, 128, stride=2)
        self.up_to_coarse = _CrossStage(256, 256, 1, shortcut=False)
        self.heads = nn.ModuleList(_Head(channels, len(self.classes)) for channels in (64, 128, 256))

    def forward(self, images: Tensor) -> Tensor:
        """The raw head before the sigmoid.

        Args:
            images: (B, 3, H, W) float, BGR in 0..255; H and W multiples of 32.

        Returns:
            (B, cells, 5 + classes): centre offset x, y in cells, log width, log height in cells, logits of objectness and of
            the classes; the cells of strides 8, 16, 32 row by row.
        """
        fine, middle, coarse = self._pyramid(images)
        levels = [head(feature).flatten(2) for head, feature in zip(self.heads, (fine, middle, coarse), strict=True)]
        return torch.cat(levels, dim=2).transpose(1, 2)

    def first(self, images: Tensor) -> Tensor:
        """The first feature map, (B, 16, H / 2, W / 2)."""
        feature: Tensor = self.stem(_focus(images))
        return feature

    def _pyramid(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        feature = self.first(images)
        features = []
        for stage in self.stages:
            feature = stage(feature)
            features.append(feature)
        _, fine, middle, coarse = features
        narrow_coarse = self.narrow_coarse(coarse)
        middle = self.down_to_middle(torch.cat([_doubled(narrow_coarse), middle], dim=1))
        narrow_middle = self.narrow_middle(middle)
        fine = self.down_to_fine(torch.cat([_doubled(narrow_middle), fine], dim=1))
        middle = self.up_to_middle(torch.cat([self.shrink_fine(fine), narrow_middle], dim=1))
        coarse = self.up_to_coarse(torch.cat([self.shrink_middle(middle), narrow_coarse], dim=1))
        return fine, middle, coarse


class _Convolution(nn.Module):
    """Convolution and SiLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups)

    def forward(self, feature: Tensor) -> Tensor:
        return functional.silu(self.convolution(feature))


class _Separable(nn.Sequential):
    """A 3x3 convolution of each channel by itself, then one across channels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(_Convolution(inputs, inputs, 3, stride, groups=inputs), _Convolution(inputs, outputs, 1))


class _Bottleneck(nn.Module):
    def __init__(self, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.narrow = _Convolution(channels, channels, 1)
        self.look = _Separable(channels, channels)
        self.shortcut = shortcut

    def forward(self, feature: Tensor) -> Tensor:
        found: Tensor = self.look(self.narrow(feature))
        return found + feature if self.shortcut else found


class _CrossStage(nn.Module):
    """Half of the channels goes through the bottlenecks, half around them (cross-stage partial network)."""

    def __init__(self, inputs: int, outputs: int, depth: int, *, shortcut: bool = True) -> None:
        super().__init__()
        hidden = outputs // 2
        self.through = _Convolution(inputs, hidden, 1)
        self.around = _Convolution(inputs, hidden, 1)
        self.blocks = nn.Sequential(*(_Bottleneck(hidden, shortcut=shortcut) for _ in range(depth)))
        self.join = _Convolution(2 * hidden, outputs, 1)

    def forward(self, feature: Tensor) -> Tensor:
        through, around = self.through(feature), self.around(feature)
        joined: Tensor = self.join(torch.cat([self.blocks(through), around], dim=1))
        return joined


class _PyramidPooling(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = _Convolution(channels, channels // 2, 1)
        self.pools = nn.ModuleList(nn.MaxPool2d(size, stride=1, padding=size // 2) for size in (5, 9, 13))
        self.join = _Convolution(channels * 2, channels, 1)

    def forward(self, feature: Tensor) -> Tensor:
        narrow = self.narrow(feature)
        joined: Tensor = self.join(torch.cat([narrow, *(pool(narrow) for pool in self.pools)], dim=1))
        return joined


class _Head(nn.Module):
    """Decoupled head of one grid: (B, 5 + classes, rows, columns)."""

    def __init__(self, inputs: int, classes: int, channels: int = 64) -> None:
        super().__init__()
        self.stem = _Convolution(inputs, channels, 1)
        self.class_features = nn.Sequential(_Separable(channels, channels), _Separable(channels, channels))
        self.box_features = nn.Sequential(_Separable(channels, channels), _Separable(channels, channels))
        self.class_logits = nn.Conv2d(channels, classes, 1)
        self.boxes = nn.Conv2d(channels, 4, 1)
        self.objectness = nn.Conv2d(channels, 1, 1)

    def forward(self, feature: Tensor) -> Tensor:
        feature = self.stem(feature)
        class_logits = self.class_logits(self.class_features(feature))
        box_features = self.box_features(feature)
        return torch.cat([self.boxes(box_features), self.objectness(box_features), class_logits], dim=1)


def probabilities(raw: Tensor) -> Tensor:
    """The raw head with objectness and classes as probabilities: what an exported file gives and the live path decodes."""
    return torch.cat([raw[..., :4], raw[..., 4:].sigmoid()], dim=-1)


def from_onnx(path: Path, classes: Sequence[str], rows: Sequence[int]) -> YoloxNano:
    """The network with the weights of a YOLOX-nano file.

    Convolutions are paired with the file's in the order in which they run, so names in the file do not matter.

    Args:
        path: ONNX file as published (80 classes of COCO, batch normalisation folded) or as exported from here.
        classes: Names of the classes to keep.
        rows: Which class of the file each of them is.

    Raises:
        ModelError: the file is no YOLOX-nano, or lacks a class.
    """
    network = YoloxNano(classes)
    published = _convolutions(path)
    ours = convolutions_in_order(network)
    if len(published) != len(ours):
        raise ModelError(f"{path}: has {len(published)} convolutions, YOLOX-nano has {len(ours)}")
    class_layers = [head.class_logits for head in network.heads]
    with torch.no_grad():
        for module, (weight, bias) in zip(ours, published, strict=True):
            if module is ours[0] and weight.shape[1:] == (3, 6, 6):
                weight = _on_blocks(weight)
            if any(module is layer for layer in class_layers):
                if max(rows) >= len(weight):
                    raise ModelError(f"{path}: has {len(weight)} classes, and class {max(rows)} was asked for")
                weight, bias = weight[list(rows)], bias[list(rows)]
            if module.weight.shape != weight.shape or module.bias is None:
                raise ModelError(
                    f"{path}: a convolution has shape {tuple(weight.shape)}, YOLOX-nano has {tuple(module.weight.shape)} there"
                )
            module.weight.copy_(weight)
            module.bias.copy_(bias)
    return network


def _convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution, in the order of the file; those kept in 16 bits go through a cast there."""
    graph = onnx.load(path).graph
    values = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()).float() for one in graph.initializer}
    values |= {node.output[0]: values[node.input[0]] for node in graph.node if node.op_type == "Cast" and node.input[0] in values}
    return [(values[node.input[1]], values[node.input[2]]) for node in graph.node if node.op_type == "Conv"]


def convolutions_in_order(network: YoloxNano) -> list[nn.Conv2d]:
    """Its convolutions in the order in which they run, which is that of an ONNX file's nodes."""
    order: list[nn.Conv2d] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, _: order.append(module))
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, 32, 32))
    for hook in hooks:
        hook.remove()
    return order


def _focus(images: Tensor) -> Tensor:
    """Each 2x2 block of pixels becomes one of four times the channels."""
    top, bottom = images[..., ::2, :], images[..., 1::2, :]
    return torch.cat([top[..., ::2], bottom[..., ::2], top[..., 1::2], bottom[..., 1::2]], dim=1)


def on_pixels(weight: Tensor) -> Tensor:
    """The first convolution's weights (O, 12, 3, 3) for pixels themselves: (O, 3, 6, 6), with stride 2 and padding 2.

    It computes the same, and the pixels need not be put into another order first.
    """
    outputs = len(weight)
    blocks = weight.reshape(outputs, 2, 2, 3, 3, 3)  # across and down within a block, channel, rows, columns
    return blocks.permute(0, 3, 4, 2, 5, 1).reshape(outputs, 3, 6, 6).contiguous()


def _on_blocks(weight: Tensor) -> Tensor:
    """The reverse of `on_pixels`."""
    outputs = len(weight)
    pixels = weight.reshape(outputs, 3, 3, 2, 3, 2)  # channel, rows, down within a block, columns, across
    return pixels.permute(0, 5, 3, 1, 2, 4).reshape(outputs, 12, 3, 3).contiguous()


def _doubled(feature: Tensor) -> Tensor:
    return functional.interpolate(feature, scale_factor=2.0, mode="nearest")
