"""Lorries and buses: cabs, boxes, tanks, chassis, and rows of windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material
from simulation.rendering.vehicles._car_trim import add_plate
from simulation.rendering.vehicles._paint import TINTS, Finish
from simulation.rendering.vehicles._shapes import Assembly, box, curve, ellipsoid, sheet, tube, turned
from simulation.rendering.vehicles._shell import Arch, Shell, patch
from simulation.rendering.vehicles._wheels import add_axle, add_wheel_house

__all__ = ["add_box_truck", "add_bus", "add_lorry"]

_TRUCK_RIM = (10, 0.75, True)


def add_box_truck(model: Assembly, finish: Finish, looks: np.random.Generator) -> Shell:
    """A delivery lorry of two axles with a box; returns the box."""
    length, width, height = 7.2, 2.3, 3.1
    front = length / 2
    cab_back = front - 1.75
    add_cab(model, finish, looks, (front, cab_back), 2.12, (0.42, 2.28 + float(looks.uniform(-0.05, 0.1))), front - 0.95, 0.40)
    lower = 0.95
    load = _box_body(model, finish, looks, (cab_back - 0.12, -front + 0.05), width, (lower, height), None)
    if looks.random() < 0.6:
        deflector = Shell(
            front=curve((2.1, front - 0.55), (height - 0.12, cab_back + 0.15)),
            rear=curve((2.1, cab_back - 0.05), (height, cab_back - 0.06)),
            side=curve((2.1, 0.95), (height - 0.1, 0.82)),
            low=2.2,
            top=curve((cab_back, height - 0.12), (front, height - 0.18)),
            corners=(5.0, 12.0),
        )
        _plain(model, finish.paint, deflector)
    _chassis(model, finish, (front - 0.3, -front + 0.12), width, lower, (front - 0.95, -front + 1.75))
    add_axle(model, finish, _TRUCK_RIM, front - 0.95, 2.06, 0.40, 0.24)
    add_axle(model, finish, _TRUCK_RIM, -front + 1.75, 2.16, 0.40, 0.24, twin=True)
    return load


def add_lorry(model: Assembly, finish: Finish, looks: np.random.Generator) -> Shell | None:
    """A long lorry of four or five axles; returns its box, or None if it carries a tank."""
    length, width, height = 11.0, 2.5, 3.7
    front = length / 2
    cab_back = front - 2.05
    add_cab(model, finish, looks, (front, cab_back), 2.42, (0.40, 3.05 + float(looks.uniform(-0.1, 0.45))), front - 1.30, 0.50)
    start = cab_back - 0.50
    lower, axle_drive = 1.12, start - 0.35
    rear_axles = [-front + 1.2, -front + 2.4] + ([-front + 3.6] if looks.random() < 0.5 else [])
    kind = int(looks.choice((0, 0, 1, 2)))
    load = None
    if kind == 1:
        _tank(model, finish, (start, -front + 0.15), height)
    else:
        curtain = TINTS["blue" if looks.random() < 0.5 else "green"][1] if kind == 2 else None
        load = _box_body(model, finish, looks, (start, -front + 0.05), width, (lower, height), curtain)
    _chassis(model, finish, (front - 0.4, -front + 0.12), width, lower, (front - 1.30, axle_drive, *rear_axles))
    add_axle(model, finish, _TRUCK_RIM, front - 1.30, 2.34, 0.50, 0.30)
    add_axle(model, finish, _TRUCK_RIM, axle_drive, 2.40, 0.50, 0.28, twin=True)
    for y in rear_axles:
        add_axle(model, finish, _TRUCK_RIM, y, 2.42, 0.49, 0.36)
    return load


def add_cab(
    model: Assembly,
    finish: Finish,
    looks: np.random.Generator,
    reach: tuple[float, float],
    width: float,
    heights: tuple[float, float],
    axle: float,
    wheel: float,
) -> None:
    """A lorry's cab between two y, with windscreen, doors, grille, lamps, mirrors and steps."""
    front, back = reach
    low, high = heights
    half = width / 2
    tall = min(high, 2.75)
    belt = low + (tall - low) * 0.52
    shell = Shell(
        front=curve(
            (low, front - 0.05),
            (low + 0.15, front),
            (belt, front - 0.03),
            (tall, front - 0.22),
            (high + 0.01, front - 0.45 - 0.2 * (high - tall)),
        ),
        rear=curve((low, back), (high, back + 0.02)),
        side=curve((low, half - 0.03), (low + 0.4, half), (belt, half - 0.01), (high, half - 0.12)),
        low=low,
        top=curve((back, high - 0.05), ((front + back) / 2, high), (front - 0.4, high - 0.06)),
        corners=(9.0, 16.0),
        edge=0.10,
        crown=0.03,
        arches=(Arch(axle, wheel, wheel * 1.22),),
    )
    _windowed(
        model,
        finish,
        shell,
        belt,
        tall - 0.24,
        [(front - 0.28, back + (0.75 if front - back > 1.9 else 0.35))],
        front_glass=True,
        rear_glass=False,
    )
    add_wheel_house(model, finish, axle, wheel * 1.22, half - 0.03, 0.4)
    _lorry_face(model, finish, shell, looks, belt, half)
    for y in (front - 0.22, back + (0.68 if front - back > 1.9 else 0.28)):
        ends = shell.along_side((y + 0.01, y - 0.01))
        model.add("seam", finish.seam, patch(shell, ends, np.linspace(low + 0.15, tall - 0.22, 5), 0.006), both=True)
    handle = shell.along_side((back + 0.62, back + 0.45))
    model.add("handle", finish.plastic, patch(shell, handle, (belt - 0.16, belt - 0.12), 0.02), both=True)
    for z in (low + 0.02, low + 0.30):
        step = shell.along_side((front - 0.30, front - 0.62))
        model.add("plastic", finish.plastic, patch(shell, step, (z, z + 0.10), 0.012), both=True)
    for z, size in ((belt + 0.50, 0.22), (belt + 0.17, 0.11)):
        model.add("mirror", finish.plastic, ellipsoid((half + 0.17, front - 0.20, z), (0.10, 0.06, size), 4.0, 6), both=True)
    model.add(
        "mirror-foot",
        finish.plastic,
        tube(((half - 0.05, front - 0.25, belt + 0.74), (half + 0.15, front - 0.20, belt + 0.70)), 0.02, 6),
        both=True,
    )
    visor = [(x, front - 0.10, tall - 0.18) for x in np.linspace(-half * 0.85, half * 0.85, 5)]
    if looks.random() < 0.6:
        model.add("visor", finish.plastic, tube(visor, 0.06, 6))
    if looks.random() < 0.4:
        model.add(
            "beacon",
            Material((0.9, 0.5, 0.05), 0.0, 0.2, emission=0.2),
            tube(((-0.5, front - 0.8, high), (-0.5, front - 0.8, high + 0.15)), 0.07, 8),
        )


def _lorry_face(model: Assembly, finish: Finish, shell: Shell, looks: np.random.Generator, belt: float, half: float) -> None:
    low = shell.low
    across = shell.along_front(np.linspace(-half * 0.72, half * 0.72, 9))
    model.add("grille", finish.shade, patch(shell, across, np.linspace(low + 0.34, belt - 0.22, 4), 0.008))
    for z in np.linspace(low + 0.40, belt - 0.28, int(looks.integers(3, 6))):
        model.add("trim", finish.trim, patch(shell, across * (0.98, 1.0), (z - 0.02, z + 0.02), 0.02))
    model.add("badge", finish.chrome, patch(shell, shell.along_front((-0.12, 0.12)), (belt - 0.20, belt - 0.10), 0.015))
    whole = shell.along_front(np.linspace(-half * 0.94, half * 0.94, 11))
    name, material = ("plastic", finish.plastic) if looks.random() < 0.6 else ("body", finish.paint)
    model.add(name, material, patch(shell, whole, np.linspace(low + 0.005, low + 0.30, 3), 0.03))
    lamps = shell.along_front(np.linspace(half * 0.60, half * 0.93, 6))
    model.add("lamp-housing", finish.shade, patch(shell, lamps, (low + 0.07, low + 0.28), 0.04), both=True)
    model.add("head-lamp", finish.lamp, patch(shell, lamps * (0.99, 1.0), (low + 0.09, low + 0.26), 0.046), both=True)
    model.add("reflector", finish.reflector, patch(shell, lamps[1:4], (low + 0.11, low + 0.24), 0.052), both=True)
    model.add("indicator", finish.amber, patch(shell, lamps[4:], (low + 0.11, low + 0.24), 0.052), both=True)
    model.add(
        "wiper", finish.shade, patch(shell, shell.along_front(np.linspace(-0.7, 0.0, 4)), (belt + 0.05, belt + 0.075), 0.02)
    )
    model.add(
        "wiper", finish.shade, patch(shell, shell.along_front(np.linspace(0.05, 0.75, 4)), (belt + 0.05, belt + 0.075), 0.02)
    )
    add_plate(model, finish, shell, low + 0.14, front=True)


def _windowed(
    model: Assembly,
    finish: Finish,
    shell: Shell,
    low: float,
    high: float,
    windows: Sequence[tuple[float, float]],
    front_glass: bool,
    rear_glass: bool,
    front_low: float | None = None,
) -> None:
    """A shell in paint whose cells between two heights are windows, with dark frames."""
    corners = [0.5 ** (1 / exponent) for exponent in shell.corners]
    half_width = float(shell.side(np.array(shell.reference)))
    reach = [corner * 0.97 for corner in corners]
    knots = [y for pair in windows for y in pair] + [
        y + off for pair in windows for y, off in zip(pair, (0.03, -0.03), strict=True)
    ]
    half = shell.half_outline(knots, (half_width * reach[0], half_width * reach[1]), 0.6)
    outline = shell.outline(half)
    rim = float(shell.top(np.array(shell.middle)))
    lowest = low if front_low is None else min(low, front_low)
    levels = sorted(
        {
            shell.low,
            shell.low + 0.12,
            shell.low + 0.3,
            (shell.low + low) / 2,
            lowest,
            low - 0.03,
            low,
            (low + high) / 2,
            high,
            high + 0.03,
        }
    )
    levels += [rim - 0.16 + 0.16 * share for share in (0.0, 0.35, 0.6, 0.8, 0.93, 1.0) if rim - 0.16 + 0.16 * share > high + 0.05]
    lower, upper = (edge[:, None] for edge in shell.rim(outline))
    z = np.array(levels)
    grid = shell.at(outline, np.maximum(np.where(z > high + 0.05, upper - (rim - z), z), lower))
    middle = (outline[:-1] + outline[1:]) / 2
    ends = float(shell.front(np.array(shell.reference))), float(shell.rear(np.array(shell.reference)))
    y = shell.middle + middle[:, 1] * np.where(middle[:, 1] >= 0, ends[0] - shell.middle, shell.middle - ends[1])
    face = (middle[:, 1] > 0) & (np.abs(middle[:, 0]) < reach[0])
    tail = (middle[:, 1] < 0) & (np.abs(middle[:, 0]) < reach[1])
    beside, framed = np.zeros(len(y), bool), np.zeros(len(y), bool)
    for first, last in windows:
        beside |= (y < first) & (y > last)
        framed |= (y < first + 0.035) & (y > last - 0.035)
    beside &= ~face & ~tail
    framed &= ~face & ~tail
    heights = (np.array(levels)[:-1] + np.array(levels)[1:]) / 2
    rows = (heights > low) & (heights < high)
    front_rows = (heights > lowest) & (heights < high)
    near = (heights > low - 0.035) & (heights < high + 0.035)
    glass = (beside | (tail & rear_glass))[:, None] & rows | (face & front_glass)[:, None] & front_rows
    frames = (framed | (face & front_glass) | (tail & rear_glass))[:, None] & near & ~glass
    dusty = np.broadcast_to(heights < shell.low + 0.3, glass.shape) & ~glass
    model.add("glass", finish.glass, sheet(grid, glass))
    model.add("frames", finish.shade, sheet(grid, frames))
    model.add("dusty-body", finish.dusty, sheet(grid, dusty & ~frames))
    model.add("body", finish.paint, sheet(grid, ~glass & ~frames & ~dusty), sheet(shell.cap(half, 7)))


def _plain(model: Assembly, material: Material, shell: Shell) -> None:
    half = shell.half_outline(step=0.8)
    model.add(
        "body",
        material,
        sheet(shell.skin(shell.outline(half), np.array((0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 1.0)))),
        sheet(shell.cap(half, 5)),
    )


def _box_body(
    model: Assembly,
    finish: Finish,
    looks: np.random.Generator,
    reach: tuple[float, float],
    width: float,
    heights: tuple[float, float],
    curtain: tuple[float, float, float] | None,
) -> Shell:
    """A cargo box between two y with edges of aluminium, doors at the rear and lamps; ``curtain``: sides of cloth."""
    start, end = reach
    low, high = heights
    half = width / 2
    painted = looks.random() < 0.45
    shade = float(looks.uniform(0.80, 0.92))
    material = finish.paint if painted else Material((shade, shade, shade * 0.99), 0.0, 0.55)
    sides = Material(curtain, 0.0, 0.7) if curtain else material
    shell = Shell(
        front=curve((low, start), (high, start)),
        rear=curve((low, end), (high, end)),
        side=curve((low, half), (high, half)),
        low=low,
        top=curve((end, high), (start, high)),
        corners=(60.0, 60.0),
        edge=0.03,
        crown=0.005,
    )
    half_outline = shell.half_outline(step=0.8)
    outline = shell.outline(half_outline)
    grid = shell.skin(outline, np.array((0.0, 0.03, 0.25, 0.5, 0.75, 0.97, 0.985, 1.0)))
    middle = (outline[:-1] + outline[1:]) / 2
    beside = np.abs(middle[:, 0]) > 0.985
    cells = np.repeat(beside[:, None], grid.shape[1] - 1, 1)
    model.add(
        "box",
        material,
        sheet(grid, ~cells),
        sheet(shell.cap(half_outline, 5)),
        box((-half + 0.01, end + 0.01, low - 0.005), (half - 0.01, start - 0.01, low + 0.02)),
    )
    model.add("box-sides", sides, sheet(grid, cells))
    metal = Material((0.62, 0.63, 0.64), 0.6, 0.4)
    for z in ((low, low + 0.09), (high - 0.09, high - 0.03)):
        lengthwise = shell.along_side(np.linspace(start - 0.06, end + 0.06, 5))
        model.add("edges", metal, patch(shell, lengthwise, z, 0.01), both=True)
        model.add("edges", metal, patch(shell, shell.along_rear(np.linspace(half * 0.97, -half * 0.97, 5)), z, 0.01))
    for y in (start - 0.03, end + 0.03):
        model.add(
            "edges",
            metal,
            patch(shell, shell.along_side((y + 0.035, y - 0.035)), np.linspace(low, high - 0.03, 3), 0.01),
            both=True,
        )
    if curtain or looks.random() < 0.5:
        for y in np.arange(start - 0.5, end + 0.2, -0.62 if curtain else -0.9):
            model.add(
                "ribs",
                Material(_darker(sides.colour, 0.72), 0.0, 0.7),
                patch(shell, shell.along_side((y + 0.018, y - 0.018)), (low + 0.1, high - 0.1), 0.008),
                both=True,
            )
    for x in (-half * 0.62, -half * 0.25, half * 0.25, half * 0.62):
        model.add("edges", metal, tube(((x, end - 0.03, low + 0.08), (x, end - 0.03, high - 0.10)), 0.018, 6))
    model.add("seam", finish.seam, patch(shell, shell.along_rear((0.012, -0.012)), (low + 0.05, high - 0.08), 0.006))
    for x in (half * 0.9, half * 0.7):
        model.add(
            "red-reflector",
            finish.red,
            patch(shell, shell.along_rear((x + 0.05, x - 0.05)), (high - 0.075, high - 0.04), 0.014),
            both=True,
        )
    return shell


def _darker(colour: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _tank(model: Assembly, finish: Finish, reach: tuple[float, float], height: float) -> None:
    """A tank of polished metal or paint, with rings, a walkway and a ladder."""
    start, end = reach
    radius = (height - 1.25) / 2
    middle = 1.22 + radius
    metal = Material((0.78, 0.79, 0.80), 0.75, 0.25)
    length = start - end
    profile = np.array(
        (
            (-length / 2, 0.0),
            (-length / 2 + 0.04, radius * 0.6),
            (-length / 2 + 0.22, radius * 0.94),
            (-length / 2 + 0.4, radius),
            (length / 2 - 0.4, radius),
            (length / 2 - 0.22, radius * 0.94),
            (length / 2 - 0.04, radius * 0.6),
            (length / 2, 0.0),
        )
    )[::-1]
    points, triangles = turned(profile, (0, 0, 0), 32)
    points = np.stack((points[:, 1], points[:, 0], points[:, 2]), -1) * (1.19 / radius, 1.0, 1.0)
    model.add("tank", metal, (points + np.array((0.0, (start + end) / 2, middle)), triangles[:, ::-1]))
    for y in np.linspace(end + 0.5, start - 0.5, 6):
        angles = np.linspace(0, 2 * np.pi, 25)
        ring = [(np.cos(a) * 1.20, y, middle + np.sin(a) * (radius + 0.01)) for a in angles]
        model.add("tank-rings", finish.paint, tube(ring, 0.035, 4))
    model.add("plastic", finish.plastic, box((-0.3, end + 0.6, height - 0.05), (0.3, start - 0.6, height)))
    model.add(
        "chrome",
        finish.chrome,
        tube(((0.5, end + 0.05, 1.2), (0.5, end + 0.05, height - 0.2)), 0.03, 6),
        tube(((0.85, end + 0.05, 1.2), (0.85, end + 0.05, height - 0.3)), 0.03, 6),
    )
    stripe = [(1.2, y, middle) for y in (end + 0.45, start - 0.45)]
    model.add("tank-rings", finish.paint, tube(stripe, 0.09, 6), both=True)


def _chassis(
    model: Assembly, finish: Finish, reach: tuple[float, float], width: float, top: float, axles: Sequence[float]
) -> None:
    """Frame, tanks, side guards between axles, mudguards, underrun bar, lamps and plate."""
    front, rear = reach
    half = width / 2
    model.add("frame", finish.shade, box((-0.45, rear, 0.62), (0.45, front, top - 0.01), 0.02))
    model.add("frame", finish.shade, box((-half + 0.35, rear + 0.3, 0.5), (half - 0.35, front - 0.4, 0.62)))
    ordered = sorted(axles, reverse=True)
    gaps = [(first, second) for first, second in pairwise(ordered) if first - second > 2.0]
    for first, second in gaps[-1:]:
        for z in (0.50, 0.78):
            model.add(
                "guards",
                finish.plastic,
                box((half - 0.10, second + 0.7, z), (half - 0.05, first - 0.9, z + 0.14), 0.01),
                both=True,
            )
        model.add(
            "fuel-tank", finish.chrome, tube(((half - 0.38, first - 1.15, 0.72), (half - 0.38, first - 1.85, 0.72)), 0.24, 14)
        )
        model.add("tool-box", finish.plastic, box((-half + 0.12, first - 1.7, 0.48), (-half + 0.55, first - 1.0, 0.92), 0.03))
    for y in ordered[1:]:
        model.add("mud-flap", finish.plastic, box((half - 0.62, y - 0.62, 0.25), (half - 0.06, y - 0.59, 0.85)), both=True)
    model.add("underrun", finish.plastic, box((-half + 0.08, rear, 0.46), (half - 0.08, rear + 0.08, 0.60), 0.015))
    model.add(
        "tail-board", finish.shade, box((-half + 0.05, rear - 0.02, top - 0.26), (half - 0.05, rear + 0.03, top - 0.03), 0.01)
    )
    for x in (half - 0.42, half - 0.24):
        material, name = (finish.red, "rear-lamp") if x > half - 0.3 else (finish.amber, "rear-indicator")
        model.add(name, material, box((x - 0.08, rear - 0.05, top - 0.22), (x + 0.08, rear, top - 0.07), 0.015), both=True)
    model.add("plate", finish.plate, box((-0.26, rear - 0.045, top - 0.20), (0.26, rear - 0.01, top - 0.09)))
    for x in (-0.19, -0.12, -0.03, 0.05, 0.13, 0.2):
        model.add("ink", finish.ink, box((x - 0.02, rear - 0.052, top - 0.175), (x + 0.02, rear - 0.04, top - 0.115)))


def add_bus(model: Assembly, finish: Finish, looks: np.random.Generator) -> Shell:
    """A city bus with rows of windows, two or three doors and a display; returns its body."""
    length, width, height = 12.0, 2.55, 3.05
    front, half = length / 2, width / 2
    low, belt, head = 0.30, 1.18 + float(looks.uniform(-0.08, 0.05)), 2.42
    top = height - 0.13
    axles = front - 2.7, -front + 3.3
    shell = Shell(
        front=curve((low, front - 0.06), (low + 0.25, front), (belt, front - 0.02), (top, front - 0.16)),
        rear=curve((low, -front + 0.06), (low + 0.25, -front), (top, -front + 0.10)),
        side=curve((low, half - 0.02), (low + 0.4, half), (belt, half), (top, half - 0.09)),
        low=low,
        top=curve((-front, top), (front, top)),
        corners=(16.0, 24.0),
        edge=0.12,
        crown=0.04,
        arches=tuple(Arch(y, 0.48, 0.57) for y in axles),
    )
    panes = int(looks.integers(5, 8))
    edges = np.linspace(front - 1.5, -front + 0.55, panes + 1)
    windows = [(float(a) - 0.035, float(b) + 0.035) for a, b in pairwise(edges)]
    windows.insert(0, (front - 0.35, front - 1.46))
    _windowed(model, finish, shell, belt, head, windows, front_glass=True, rear_glass=True, front_low=0.95)
    for y in axles:
        add_axle(model, finish, (10, 0.7, True), y, width - 0.06, 0.48, 0.30, twin=y < 0)
        add_wheel_house(model, finish, y, 0.57, half - 0.02, 0.45)
    model.add("shade", finish.shade, box((-half + 0.5, -front + 0.3, 0.25), (half - 0.5, front - 0.3, 0.9)))
    doors = [front - 0.92, 0.2] + ([-front + 1.6] if looks.random() < 0.4 else [])
    for y in doors:
        _bus_door(model, finish, shell, y, head)
    display = Material((0.95, 0.55, 0.08), 0.0, 0.5, emission=0.6)
    across = shell.along_front(np.linspace(-0.95, 0.95, 5))
    model.add("display", finish.shade, patch(shell, across, (head + 0.04, head + 0.32), 0.01))
    for start, width_of in ((-0.75, 0.28), (-0.38, 0.5), (0.2, 0.22), (0.5, 0.25)):
        model.add("signs", display, patch(shell, shell.along_front((start, start + width_of)), (head + 0.12, head + 0.24), 0.018))
    model.add(
        "display", finish.shade, patch(shell, shell.along_side((front - 1.6, front - 2.9)), (head - 0.3, head - 0.06), 0.01)
    )
    for z, name, material in ((0.55, "head-lamp", finish.lamp), (0.55, "reflector", finish.reflector)):
        spread = (0.80, 1.16) if name == "head-lamp" else (0.86, 1.0)
        lamp = shell.along_front(np.linspace(half * spread[0] / 1.275, half * spread[1] / 1.275, 4))
        off = 0.012 if name == "head-lamp" else 0.02
        model.add(
            name, material, patch(shell, lamp, (z, z + 0.17) if name == "head-lamp" else (z + 0.03, z + 0.14), off), both=True
        )
    model.add(
        "plastic", finish.plastic, patch(shell, shell.along_front(np.linspace(-1.1, 1.1, 7)), (low + 0.01, low + 0.14), 0.012)
    )
    model.add("grille", finish.shade, patch(shell, shell.along_front(np.linspace(-0.55, 0.55, 5)), (0.60, 0.72), 0.01))
    for x in (-0.85, 0.05):
        model.add("wiper", finish.shade, patch(shell, shell.along_front(np.linspace(x, x + 0.75, 4)), (1.0, 1.03), 0.02))
    add_plate(model, finish, shell, 0.47, front=True)
    add_plate(model, finish, shell, 0.72, front=False)
    for z, material, name in (
        (0.75, finish.red, "rear-lamp"),
        (1.0, finish.amber, "rear-indicator"),
        (1.2, finish.red, "rear-lamp"),
    ):
        model.add(name, material, patch(shell, shell.along_rear((half * 0.95, half * 0.83)), (z, z + 0.16), 0.012), both=True)
    model.add(
        "grille", finish.shade, patch(shell, shell.along_rear(np.linspace(half * 0.72, -half * 0.72, 5)), (0.55, 0.62), 0.008)
    )
    for z in np.linspace(0.86, 1.06, 4):
        model.add(
            "seam", finish.seam, patch(shell, shell.along_rear(np.linspace(half * 0.6, -half * 0.6, 5)), (z, z + 0.02), 0.006)
        )
    model.add(
        "seam",
        finish.seam,
        patch(shell, shell.along_side(np.linspace(front - 0.4, -front + 0.4, 12)), (low + 0.36, low + 0.375), 0.005),
        both=True,
    )
    for first, last in ((2.4, 0.6), (-1.2, -3.6)):
        model.add(
            "roof-units", Material((0.85, 0.85, 0.84), 0.0, 0.6), box((-0.75, last, top + 0.0), (0.75, first, height), 0.06)
        )
    for side, y in ((1.0, front - 0.05), (-1.0, front - 0.05)):
        x = side * (half + 0.16)
        model.add("mirror", finish.plastic, ellipsoid((x, y + 0.06, 2.05), (0.10, 0.07, 0.20), 4.0, 6))
        model.add("mirror-foot", finish.plastic, tube(((side * (half - 0.1), y, 2.45), (x, y + 0.06, 2.25)), 0.025, 6))
    return shell


def _bus_door(model: Assembly, finish: Finish, shell: Shell, y: float, head: float) -> None:
    """A door of two leaves on the right side, glass nearly to the floor."""
    model.add(
        "frames",
        finish.shade,
        patch(shell, shell.along_side(np.linspace(y + 0.64, y - 0.64, 5)), np.linspace(0.36, head + 0.02, 4), 0.008),
    )
    for centre in (y + 0.31, y - 0.31):
        leaf: Floats = shell.along_side((centre + 0.25, centre - 0.25))
        model.add("glass", finish.glass, patch(shell, leaf, np.linspace(0.50, head - 0.05, 4), 0.015))
