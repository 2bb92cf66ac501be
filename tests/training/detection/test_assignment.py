"""SimOTA against a plain implementation in loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.detection.assignment import Cells, assign, cells_of, decode, pairwise_iou

CLASSES = 4


def plain_iou(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


def plain_cost(
    box: list[float], kind: int, predicted: list[float], logits: list[float], centre: list[float], stride: float
) -> float:
    x, y = centre
    inside = box[0] < x < box[2] and box[1] < y < box[3]
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    near = max(abs(x - middle[0]), abs(y - middle[1])) < 2.5 * stride
    chances = [1 / (1 + math.exp(-value)) for value in logits]
    joint = [math.sqrt(chance * chances[0]) for chance in chances[1:]]
    if kind < CLASSES:
        classification = sum(-math.log(p if index == kind else 1 - p) for index, p in enumerate(joint))
    else:
        classification = -math.log(max(joint))
    cost = classification - 3 * math.log(plain_iou(box, predicted) + 1e-8)
    return cost if inside and near else cost + 1e5


def plain_assignment(boxes: Tensor, classes: Tensor, predicted: Tensor, logits: Tensor, cells: Cells) -> dict[int, int]:
    """Vehicle by cell."""
    vehicles = boxes.tolist()
    candidates = []
    for cell, (x, y) in enumerate(cells.centres.tolist()):
        reach = 2.5 * float(cells.strides[cell])
        for box in vehicles:
            inside = box[0] < x < box[2] and box[1] < y < box[3]
            near = abs(x - (box[0] + box[2]) / 2) < reach and abs(y - (box[1] + box[3]) / 2) < reach
            if inside or near:
                candidates.append(cell)
                break
    wanted: dict[int, list[tuple[float, int]]] = {}
    for vehicle, box in enumerate(vehicles):
        costs = {}
        for cell in candidates:
            centre = cells.centres[cell].tolist()
            cost = plain_cost(
                box, int(classes[vehicle]), predicted[cell].tolist(), logits[cell].tolist(), centre, float(cells.strides[cell])
            )
            costs[cell] = cost
        best = sorted((plain_iou(box, predicted[cell].tolist()) for cell in candidates), reverse=True)[:10]
        count = max(1, int(sum(best)))
        for cell in sorted(costs, key=lambda cell: costs[cell])[:count]:
            wanted.setdefault(cell, []).append((costs[cell], vehicle))
    # A cell that several want goes to the vehicle of least cost among all, also among those that did not choose it.
    result = {}
    for cell, wishes in wanted.items():
        if len(wishes) == 1:
            result[cell] = wishes[0][1]
            continue
        everyone = [
            plain_cost(
                box,
                int(classes[vehicle]),
                predicted[cell].tolist(),
                logits[cell].tolist(),
                cells.centres[cell].tolist(),
                float(cells.strides[cell]),
            )
            for vehicle, box in enumerate(vehicles)
        ]
        result[cell] = everyone.index(min(everyone))
    return result


def scene(seed: int, vehicles: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Cells]:
    generator = torch.Generator().manual_seed(seed)
    cells = cells_of(64, 96, (8, 16, 32))
    middles = torch.rand(vehicles, 2, generator=generator) * torch.tensor([96.0, 64.0])
    sides = 6 + 40 * torch.rand(vehicles, 2, generator=generator)
    boxes = torch.cat([middles - sides / 2, middles + sides / 2], dim=1)
    classes = torch.randint(0, CLASSES + 1, (vehicles,), generator=generator)
    raw = torch.randn(len(cells.strides), 5 + CLASSES, generator=generator)
    return boxes, classes, decode(raw[:, :4], cells), raw[:, 4:], cells


@pytest.mark.parametrize("seed", range(6))
def test_it_chooses_what_loops_choose(seed: int) -> None:
    boxes, classes, predicted, logits, cells = scene(seed, 1 + 2 * seed)
    found = assign(boxes, classes, predicted, logits, cells)
    pairs = dict(zip(found.cells.tolist(), found.vehicles.tolist(), strict=True))
    assert pairs == plain_assignment(boxes, classes, predicted, logits, cells)
    for cell, vehicle, overlap in zip(found.cells, found.vehicles, found.overlaps, strict=True):
        assert float(overlap) == pytest.approx(plain_iou(boxes[vehicle].tolist(), predicted[cell].tolist()), abs=1e-5)


def test_a_picture_without_vehicles_has_no_learners() -> None:
    _, _, predicted, logits, cells = scene(0, 1)
    found = assign(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), predicted, logits, cells)
    assert len(found.cells) == len(found.vehicles) == len(found.overlaps) == 0


def test_cells_lie_as_the_head_gives_them() -> None:
    cells = cells_of(64, 96, (8, 16, 32))
    assert len(cells.strides) == 8 * 12 + 4 * 6 + 2 * 3
    assert cells.corners[12].tolist() == [0, 1]
    assert cells.centres[8 * 12 + 1].tolist() == [24, 8]


def test_boxes_are_decoded_from_offsets_and_log_sizes() -> None:
    cells = cells_of(32, 32, (16,))
    raw = torch.tensor([[0.5, 0.5, 0.0, math.log(2)], [0.25, 0, 0, 0], [0, 0, 0, 0], [0, 0, 20, 0]])
    boxes = decode(raw, cells)
    assert boxes[0].tolist() == pytest.approx([0, -8, 16, 24])
    assert boxes[1].tolist() == pytest.approx([12, -8, 28, 8])
    assert torch.isfinite(boxes).all()


def test_overlaps_of_pairs() -> None:
    first = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    second = torch.tensor([[5.0, 0, 15, 10], [0, 0, 10, 10], [40, 40, 50, 50]])
    expected = [[plain_iou(one, other) for other in second.tolist()] for one in first.tolist()]
    torch.testing.assert_close(pairwise_iou(first, second), torch.tensor(expected))
