"""The loss of a YOLOX-type detector, with vehicles of unknown class and regions to ignore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.detection.assignment import Cells, assign, decode, pairwise_iou

__all__ = ["DetectionLoss", "Target", "detection_loss"]

_BOX_WEIGHT = 5.0
_IGNORED_OVERLAP = 0.4


@dataclass(frozen=True, slots=True)
class Target:
    """What one picture should give.

    Attributes:
        boxes: (G, 4) vehicles in pixels.
        classes: (G,) their types; a number beyond the network's classes means unknown.
        ignored: (M, 4) regions of which nothing is known.
    """

    boxes: Tensor
    classes: Tensor
    ignored: Tensor


@dataclass(frozen=True, slots=True)
class DetectionLoss:
    """The terms of a batch's loss, to be added.

    Attributes:
        box: 5 x (1 - IoU squared).
        objectness: Binary cross-entropy.
        classes: Binary cross-entropy against the class, softened by the overlap.
    """

    box: Tensor
    objectness: Tensor
    classes: Tensor


def detection_loss(output: Tensor, targets: Sequence[Target], cells: Cells) -> DetectionLoss:
    """Loss of a batch, each part divided by the number of cells that learn a vehicle (at least one).

    Cells that learn no vehicle are pushed towards no object, unless their centre lies in an ignore region or the box that
    they predict now overlaps one by 0.4 or more.

    Args:
        output: (B, A, 5 + C) raw head.
        targets: What each picture should give.
        cells: The cells.
    """
    output = output.float()
    count = output.shape[2] - 5
    predicted = decode(output[..., :4], cells)
    parts = [
        _of_picture(predicted[index], output[index, :, 4], output[index, :, 5:], target, cells, count)
        for index, target in enumerate(targets)
    ]
    learners = max(1, sum(part[3] for part in parts))
    box = torch.stack([part[0] for part in parts]).sum() / learners
    objectness = torch.stack([part[1] for part in parts]).sum() / learners
    classes = torch.stack([part[2] for part in parts]).sum() / learners
    return DetectionLoss(_BOX_WEIGHT * box, objectness, classes)


def _of_picture(
    predicted: Tensor, objectness: Tensor, classes: Tensor, target: Target, cells: Cells, count: int
) -> tuple[Tensor, Tensor, Tensor, int]:
    logits = torch.cat([objectness[:, None], classes], dim=1).detach()
    found = assign(target.boxes, target.classes, predicted.detach(), logits, cells)
    wanted = torch.zeros_like(objectness)
    wanted[found.cells] = 1
    weight = torch.ones_like(objectness)
    weight[_ignored(predicted.detach(), target.ignored, cells)] = 0
    weight[found.cells] = 1
    object_loss = (functional.binary_cross_entropy_with_logits(objectness, wanted, reduction="none") * weight).sum()
    box_loss = (1 - _iou(predicted[found.cells], target.boxes[found.vehicles]).square()).sum()
    types = target.classes[found.vehicles]
    known = types < count
    soft = functional.one_hot(types[known], count) * found.overlaps[known, None]
    class_loss = functional.binary_cross_entropy_with_logits(classes[found.cells[known]], soft, reduction="sum")
    return box_loss, object_loss, class_loss, len(found.cells)


def _ignored(predicted: Tensor, regions: Tensor, cells: Cells) -> Tensor:
    """(A,) cells of which nothing is known."""
    if len(regions) == 0:
        return torch.zeros(len(predicted), dtype=torch.bool, device=predicted.device)
    centres = cells.centres[:, None]
    inside = ((centres > regions[None, :, :2]) & (centres < regions[None, :, 2:])).all(dim=2)
    return (inside | (pairwise_iou(predicted, regions) >= _IGNORED_OVERLAP)).any(dim=1)


def _iou(first: Tensor, second: Tensor) -> Tensor:
    """(N,) overlap of each pair of boxes."""
    low, high = torch.maximum(first[:, :2], second[:, :2]), torch.minimum(first[:, 2:], second[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    areas = (first[:, 2:] - first[:, :2]).prod(dim=1) + (second[:, 2:] - second[:, :2]).prod(dim=1)
    return shared / (areas - shared).clamp(min=1e-9)
