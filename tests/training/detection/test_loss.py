"""The detector's loss against a plain implementation in loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.detection.assignment import Cells, assign, cells_of, decode, pairwise_iou
from training.detection.loss import Target, detection_loss

CLASSES = 4
NOTHING = torch.zeros(0, 4)


def target(boxes: list[list[float]], classes: list[int], ignored: list[list[float]] | None = None) -> Target:
    return Target(
        torch.tensor(boxes).reshape(-1, 4), torch.tensor(classes, dtype=torch.long), torch.tensor(ignored or []).reshape(-1, 4)
    )


def entropy(logit: float, wanted: float) -> float:
    chance = 1 / (1 + math.exp(-logit))
    return -wanted * math.log(chance) - (1 - wanted) * math.log(1 - chance)


def plain_loss(output: Tensor, targets: list[Target], cells: Cells) -> tuple[float, float, float]:
    box = objectness = classes = 0.0
    learners = 0
    for raw, wanted in zip(output, targets, strict=True):
        predicted = decode(raw[:, :4], cells)
        found = assign(wanted.boxes, wanted.classes, predicted, raw[:, 4:], cells)
        pairs = dict(zip(found.cells.tolist(), found.vehicles.tolist(), strict=True))
        learners += len(pairs)
        for cell in range(len(raw)):
            x, y = cells.centres[cell].tolist()
            if cell in pairs:
                vehicle = pairs[cell]
                overlap = float(pairwise_iou(predicted[cell : cell + 1], wanted.boxes[vehicle : vehicle + 1]))
                box += 5 * (1 - overlap**2)
                objectness += entropy(float(raw[cell, 4]), 1.0)
                kind = int(wanted.classes[vehicle])
                if kind < CLASSES:
                    for one in range(CLASSES):
                        classes += entropy(float(raw[cell, 5 + one]), overlap if one == kind else 0.0)
                continue
            unknown = any(
                (left < x < right and top < y < bottom)
                or float(pairwise_iou(predicted[cell : cell + 1], torch.tensor([[left, top, right, bottom]]))) >= 0.4
                for left, top, right, bottom in wanted.ignored.tolist()
            )
            if not unknown:
                objectness += entropy(float(raw[cell, 4]), 0.0)
    return box / max(1, learners), objectness / max(1, learners), classes / max(1, learners)


@pytest.fixture
def cells() -> Cells:
    return cells_of(64, 96, (8, 16, 32))


@pytest.fixture
def output(cells: Cells) -> Tensor:
    return torch.randn(3, len(cells.strides), 5 + CLASSES, generator=torch.Generator().manual_seed(2))


TARGETS = [
    target([[10, 10, 40, 35], [50, 20, 62, 30]], [0, 3], [[70, 5, 95, 40]]),
    target([[20, 5, 80, 60]], [4]),
    target([], [], [[0, 0, 30, 30]]),
]


def test_it_is_what_loops_compute(output: Tensor, cells: Cells) -> None:
    found = detection_loss(output, TARGETS, cells)
    expected = plain_loss(output, TARGETS, cells)
    assert (float(found.box), float(found.objectness), float(found.classes)) == pytest.approx(expected, rel=1e-4)


def test_vehicles_of_unknown_class_teach_box_and_objectness_only(output: Tensor, cells: Cells) -> None:
    output = output[:1].clone().requires_grad_()
    found = detection_loss(output, [target([[20, 5, 80, 60]], [4])], cells)
    assert found.classes.item() == 0
    torch.autograd.backward(found.box + found.objectness + found.classes)
    assert output.grad is not None
    assert output.grad[0, :, :5].abs().sum() > 0
    assert output.grad[0, :, 5:].abs().sum() == 0


def test_ignored_regions_push_nothing_down(output: Tensor, cells: Cells) -> None:
    output = output[:1].clone().requires_grad_()
    found = detection_loss(output, [target([], [], [[0, 0, 96, 64]])], cells)
    assert found.objectness.item() == 0
    torch.autograd.backward(detection_loss(output, [target([], [])], cells).objectness)
    assert output.grad is not None
    assert (output.grad[0, :, 4] > 0).all()


def test_a_labelled_vehicle_inside_an_ignored_region_is_still_learned(output: Tensor, cells: Cells) -> None:
    output = output[:1].clone().requires_grad_()
    torch.autograd.backward(detection_loss(output, [target([[20, 5, 80, 60]], [0], [[0, 0, 96, 64]])], cells).objectness)
    assert output.grad is not None
    assert (output.grad[0, :, 4] < 0).any()
    assert not (output.grad[0, :, 4] > 0).any()


def test_the_right_boxes_and_classes_cost_next_to_nothing(cells: Cells) -> None:
    output = torch.full((1, len(cells.strides), 5 + CLASSES), -12.0)
    output[..., :4] = -1.0
    cell = 12 * 2 + 3  # third row, fourth column of the finest grid: its box is the vehicle's
    output[0, cell, :4] = torch.tensor([0.5, 0.5, math.log(3), math.log(2)])
    output[0, cell, 4:6] = 12.0
    boxes = decode(output[0, cell : cell + 1, :4], Cells(cells.corners[cell : cell + 1], cells.strides[cell : cell + 1]))
    found = detection_loss(output, [Target(boxes, torch.tensor([0]), NOTHING)], cells)
    assert float(found.box + found.objectness + found.classes) < 0.01
