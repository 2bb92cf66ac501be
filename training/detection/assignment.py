"""Which cells learn which vehicle: SimOTA, the simplified optimal transport of YOLOX.

Ge et al., arXiv 2107.08430, section 2.2; Ge, Liu, Li, Yoshie, Sun: *OTA: Optimal Transport Assignment for Object Detection*,
arXiv 2103.14259.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Assignment", "Cells", "assign", "cells_of", "decode", "pairwise_iou"]

_CENTRE_RADIUS = 2.5
_CANDIDATES = 10
_BOX_WEIGHT = 3.0
_OUTSIDE = 1e5
_LARGEST_LOG_SIZE = 8.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Geometry of the cells of all grids.

    Attributes:
        corners: (A, 2) column and row of each cell.
        strides: (A,) pixels from a cell to the next.
    """

    corners: Tensor
    strides: Tensor

    @property
    def centres(self) -> Tensor:
        """(A, 2) x, y in pixels."""
        return (self.corners + 0.5) * self.strides[:, None]

    def to(self, device: torch.device) -> Cells:
        """The same cells on a device."""
        return Cells(self.corners.to(device), self.strides.to(device))


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which cells learn a vehicle.

    Attributes:
        cells: (P,) indices of the cells that do.
        vehicles: (P,) the vehicle of each.
        overlaps: (P,) IoU of the cell's box, as predicted now, with the vehicle.
    """

    cells: Tensor
    vehicles: Tensor
    overlaps: Tensor


def cells_of(height: int, width: int, strides: tuple[int, ...]) -> Cells:
    """The cells for an input of this size, in the order of the network's output."""
    corners, sizes = [], []
    for stride in strides:
        rows, columns = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        corners.append(torch.stack([columns.flatten(), rows.flatten()], dim=1))
        sizes.append(torch.full((rows.numel(),), stride))
    return Cells(torch.cat(corners).float(), torch.cat(sizes).float())


def decode(raw: Tensor, cells: Cells) -> Tensor:
    """Boxes in pixels.

    Args:
        raw: (..., A, 4): centre offset and log size in cells.
        cells: The cells.

    Returns:
        (..., A, 4): left, top, right, bottom.
    """
    strides = cells.strides[:, None]
    centres = (raw[..., :2] + cells.corners) * strides
    halves = raw[..., 2:4].clamp(max=_LARGEST_LOG_SIZE).exp() * strides / 2
    return torch.cat([centres - halves, centres + halves], dim=-1)


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """(N, M) overlaps of (N, 4) and (M, 4) boxes."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1) for boxes in (first, second)]
    return shared / (areas[0][:, None] + areas[1][None, :] - shared).clamp(min=1e-9)


@torch.no_grad()
def assign(boxes: Tensor, classes: Tensor, predicted: Tensor, logits: Tensor, cells: Cells) -> Assignment:
    """Cells for the vehicles of one picture.

    A cell may learn a vehicle if its centre lies in the vehicle's box or within 2.5 cells of its middle. A vehicle gets as many
    cells as the sum of its ten best overlaps says (at least one): those of least cost, which is the classification loss plus
    three times -log IoU, and much more for cells that are not both in the box and near the middle. A cell that several
    vehicles want goes to the one of least cost. For a vehicle of unknown class the best class counts.

    Args:
        boxes: (G, 4) labelled vehicles.
        classes: (G,) their types; a number beyond the classes of `logits` means unknown.
        predicted: (A, 4) boxes as predicted now.
        logits: (A, 1 + C) objectness and classes as predicted now.
        cells: The cells.
    """
    centres = cells.centres
    inside = _inside(centres, boxes[:, None, :].unbind(-1))
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    distance = (centres[None] - middles[:, None]).abs().amax(dim=2)
    near = distance < _CENTRE_RADIUS * cells.strides[None]
    candidates = (inside | near).any(dim=0).nonzero().flatten()
    if len(boxes) == 0 or len(candidates) == 0:
        nothing = torch.zeros(0, dtype=torch.long, device=boxes.device)
        return Assignment(nothing, nothing, torch.zeros(0, device=boxes.device))
    overlaps = pairwise_iou(boxes, predicted[candidates])
    cost = (
        _class_cost(classes, logits[candidates])
        - _BOX_WEIGHT * (overlaps + 1e-8).log()
        + _OUTSIDE * ~(inside & near)[:, candidates]
    )
    chosen = _cheapest(cost, overlaps)
    contested = chosen.sum(dim=0) > 1
    if contested.any():
        winner = cost[:, contested].argmin(dim=0)
        chosen[:, contested] = functional.one_hot(winner, len(boxes)).bool().T
    picked = chosen.any(dim=0)
    vehicles = chosen[:, picked].int().argmax(dim=0)
    return Assignment(candidates[picked], vehicles, overlaps[:, picked].gather(0, vehicles[None])[0])


def _inside(centres: Tensor, sides: tuple[Tensor, ...]) -> Tensor:
    left, top, right, bottom = sides
    x, y = centres[None, :, 0], centres[None, :, 1]
    return (x > left) & (x < right) & (y > top) & (y < bottom)


def _class_cost(classes: Tensor, logits: Tensor) -> Tensor:
    """(G, K) binary cross-entropy of sqrt(class x objectness) against the vehicle's class."""
    probability = (logits[:, 1:].sigmoid() * logits[:, :1].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
    absent = -(1 - probability).log()
    present = -probability.log()
    total = absent.sum(dim=1)
    count = probability.shape[1]
    known = torch.where(classes < count, classes, 0)
    cost = total[None] - absent[:, known].T + present[:, known].T
    return torch.where((classes < count)[:, None], cost, present.amin(dim=1)[None])


def _cheapest(cost: Tensor, overlaps: Tensor) -> Tensor:
    """(G, K) whether a vehicle takes a candidate."""
    best = overlaps.topk(min(_CANDIDATES, overlaps.shape[1]), dim=1).values
    counts = best.sum(dim=1).int().clamp(min=1)
    ranks = cost.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
    return ranks < counts[:, None]
