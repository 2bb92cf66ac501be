"""Cars, vans and pickups, built from the measures of their bodies."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simulation.rendering.vehicles._car_shapes import SHAPES, CarShape
from simulation.rendering.vehicles._car_trim import add_doors, add_face, add_mirrors, add_tail, add_top
from simulation.rendering.vehicles._paint import Finish
from simulation.rendering.vehicles._shapes import Assembly, box, curve, sheet
from simulation.rendering.vehicles._shell import Arch, Shell
from simulation.rendering.vehicles._wheels import add_axle, add_wheel_house, rim_of

__all__ = ["add_car"]


def add_car(model: Assembly, name: str, finish: Finish, looks: np.random.Generator, panelled: bool) -> tuple[Shell, Shell]:
    """A whole car of the body ``name``; ``panelled`` vans have no windows behind the front doors.

    Returns:
        Its lower body and its upper one, for those who put something on them.
    """
    shape = SHAPES[name]
    hull, house = _hull(shape, looks), _house(shape, looks)
    half_width = shape.width / 2
    _add_hull(model, finish, shape, hull, pickup=name == "pickup")
    windows = shape.windows[:1] if panelled else shape.windows
    _add_house(model, finish, shape, house, windows)
    rim = rim_of(looks)
    wheel_width = 0.21 + 0.10 * (shape.wheel - 0.31)
    for y in shape.axles:
        add_axle(model, finish, rim, y, shape.width - 0.03, shape.wheel, wheel_width)
        add_wheel_house(model, finish, y, shape.wheel * 1.17, half_width - 0.02, 0.27)
    inner = half_width - 0.27
    model.add(
        "shade",
        finish.shade,
        box((-inner, -shape.length / 2 + 0.25, shape.sill - 0.03), (inner, shape.length / 2 - 0.25, 0.62), 0.05),
    )
    add_doors(model, finish, hull, shape.doors, shape.sill, name in ("suv", "van", "pickup") or looks.random() < 0.25)
    add_face(model, finish, hull, looks, shape.sill)
    add_tail(model, finish, hull, house, looks, shape.sill, high=name in ("van", "suv", "estate"), flat=name in ("van", "pickup"))
    add_mirrors(
        model,
        finish,
        (half_width * 0.97, shape.screen[0] - 0.34, shape.belt[1] + 0.04),
        1.25 if name in ("van", "pickup") else 1.0,
    )
    add_top(model, finish, house, shape.screen, shape.back, looks, name)
    return hull, house


def _hull(shape: CarShape, looks: np.random.Generator) -> Shell:
    """The body up to the windows' lower edge: bonnet, doors, boot."""
    front, rear = shape.length / 2, -shape.length / 2
    bonnet, foot, door, end = shape.belt
    nose = bonnet - 0.06 + float(looks.uniform(-0.02, 0.02))
    steep = (bonnet - shape.sill) * 0.55
    width = shape.width / 2
    top = curve(
        (rear, end - 0.05),
        (rear + 0.12, end),
        (min(shape.back[1] + 0.1, rear + 0.6), end - 0.005),
        (shape.screen[0] - 1.2, door),
        (shape.screen[0] - 0.2, foot),
        (front - 0.42, bonnet + 0.03),
        (front - 0.10, bonnet - 0.05),
        (front, nose - 0.04),
    )
    return Shell(
        front=curve(
            (shape.sill, front - 0.12),
            (shape.sill + 0.12, front - 0.02),
            (shape.sill + steep * 0.7, front),
            (shape.sill + steep, front - 0.03),
            (bonnet, front - 0.16),
            (foot, front - 0.4),
        ),
        rear=curve(
            (shape.sill, rear + 0.14),
            (shape.sill + 0.14, rear + 0.02),
            (shape.sill + steep * 0.95, rear),
            (shape.sill + steep * 1.15, rear + 0.05),
            (end, rear + 0.10),
        ),
        side=curve(
            (shape.sill, width - 0.075),
            (shape.sill + 0.12, width - 0.02),
            (shape.sill + 0.33, width),
            (door - 0.22, width - 0.012),
            (door - 0.16, width - 0.028),
            (door + 0.1, width - 0.065),
        ),
        low=shape.sill,
        top=top,
        corners=shape.corners,
        edge=0.06,
        crown=0.06,
        arches=tuple(Arch(y, shape.wheel, shape.wheel * 1.17) for y in shape.axles),
    )


def _house(shape: CarShape, looks: np.random.Generator) -> Shell:
    """Windows, pillars and roof."""
    foot = min(shape.belt[1:]) - 0.05
    roof = shape.height - 0.035
    shoulder, top_half = shape.width / 2 - 0.075, shape.width / 2 * shape.roof
    low_front, high_front = shape.screen[0] + 0.08, shape.screen[1]
    high_rear, low_rear = shape.back
    middle = (foot + roof) / 2
    front = curve((foot, low_front), (middle, low_front + (high_front - low_front) * 0.47), (roof, high_front))
    rear = curve((foot, low_rear - 0.02), (middle, low_rear + (high_rear - low_rear) * 0.42), (roof, high_rear))
    side = curve((foot, shoulder), (middle, shoulder + (top_half - shoulder) * 0.46), (roof, top_half))
    length = high_front - high_rear
    drop = 0.05 if length > 1.6 else 0.03
    ridge = curve(
        (high_rear, roof - drop - float(looks.uniform(0, 0.02))),
        (high_rear + length * 0.5, roof),
        (high_front - 0.1, roof - 0.025),
        (high_front, roof - 0.045),
    )
    return Shell(front, rear, side, foot, ridge, (5.0, 6.0 if shape.corners[1] < 8 else 14.0), 0.07, 0.035)


def _add_hull(model: Assembly, finish: Finish, shape: CarShape, hull: Shell, pickup: bool) -> None:
    half = hull.half_outline()
    outline = hull.outline(half)
    shares = np.array((0.0, 0.07, 0.16, 0.28, 0.42, 0.56, 0.68, 0.76, 0.84, 0.90, 0.94, 0.97, 0.99, 1.0))
    grid = hull.skin(outline, shares)
    model.add("dusty-body", finish.dusty, sheet(grid[:, :4]))
    model.add("body", finish.paint, sheet(grid[:, 3:]))
    cap = hull.cap(half)
    if not pickup:
        model.add("body", finish.paint, sheet(cap))
        return
    inside = cap[:, :, 1][:, 0] < shape.back[1] + 0.02
    cells = ~(inside[:-1] & inside[1:])
    model.add("body", finish.paint, sheet(cap, np.repeat(cells[:, None], cap.shape[1] - 1, 1)))
    _add_bed(model, finish, shape)


def _add_bed(model: Assembly, finish: Finish, shape: CarShape) -> None:
    """The open bed of a pickup: floor, inner walls and the rim on top of them."""
    rear, front = -shape.length / 2 + 0.10, shape.back[1] + 0.03
    half, floor, rim = shape.width / 2 - 0.07, 0.72, shape.belt[3] - 0.01
    for low, high in (
        ((half - 0.09, rear, floor), (half, front, rim)),
        ((-half, rear, floor), (-half + 0.09, front, rim)),
        ((-half, rear, floor), (half, rear + 0.06, rim)),
        ((-half, front - 0.05, floor), (half, front, rim)),
    ):
        model.add("bed-walls", finish.paint, box(low, high, 0.015), smooth=False)
    model.add("bed", finish.plastic, box((-half, rear, floor - 0.05), (half, front, floor), 0.0), smooth=False)
    for place in np.linspace(-0.6, 0.6, 7):
        model.add("bed", finish.plastic, box((place - 0.02, rear + 0.06, floor), (place + 0.02, front - 0.05, floor + 0.02)))


def _add_house(model: Assembly, finish: Finish, shape: CarShape, house: Shell, windows: tuple[tuple[float, float], ...]) -> None:
    edges = sorted({y for pair in windows for y in pair}, reverse=True)
    corner_front, corner_rear = (0.5 ** (1 / exponent) for exponent in house.corners)
    half_width = float(house.side(np.array(house.reference)))
    across = half_width * corner_front * 0.985, half_width * corner_rear * 0.97
    half = house.half_outline(edges, (across[0], across[1]), 0.5)
    outline = house.outline(half)
    shares = np.array((0.0, 0.14, 0.165, 0.30, 0.48, 0.66, 0.80, 0.825, 0.88, 0.92, 0.96, 0.985, 1.0))
    grid = house.skin(outline, shares)
    middle = (outline[:-1] + outline[1:]) / 2
    front_face = (middle[:, 1] > 0) & (np.abs(middle[:, 0]) < corner_front * 0.985)
    rear_face = (middle[:, 1] < 0) & (np.abs(middle[:, 0]) < corner_rear * 0.97)
    reach = float(house.front(np.array(house.reference))), float(house.rear(np.array(house.reference)))
    y = house.middle + middle[:, 1] * np.where(middle[:, 1] >= 0, reach[0] - house.middle, house.middle - reach[1])
    beside = np.zeros(len(middle), bool)
    for first, last in windows:
        beside |= (y < first) & (y > last)
    beside &= ~front_face & ~rear_face
    columns = front_face | beside | (rear_face & shape.rear_glass)
    in_glass = columns[:, None] & ((np.arange(len(shares) - 1) >= 2) & (np.arange(len(shares) - 1) < 6))
    frame_rows = np.isin(np.arange(len(shares) - 1), (1, 6))
    span = (y < windows[0][0] + 0.02) & (y > windows[-1][1] - 0.02) & ~front_face & ~rear_face
    frames = (columns | span)[:, None] & frame_rows
    pillars = (span & ~columns)[:, None] & ((np.arange(len(shares) - 1) >= 2) & (np.arange(len(shares) - 1) < 6))
    narrow = np.zeros_like(pillars)
    for before, after in pairwise(windows):
        if before[1] - after[0] < 0.12:
            narrow |= pillars & ((y < before[1]) & (y > after[0]))[:, None]
    model.add("glass", finish.glass, sheet(grid, in_glass))
    model.add("frames", finish.seam, sheet(grid, frames | narrow))
    rest = ~(in_glass | frames | narrow)
    upper = np.arange(len(shares) - 1) >= 7
    model.add("body", finish.paint, sheet(grid, rest & ~upper))
    model.add("upper-body", finish.second, sheet(grid, rest & upper), sheet(house.cap(half)))
