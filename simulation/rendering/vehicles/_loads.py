"""What lorries carry: boxes, tanks, and the chassis under them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simulation.rendering.mesh import Material
from simulation.rendering.vehicles._paint import Finish
from simulation.rendering.vehicles._shapes import Assembly, box, curve, sheet, tube, turned
from simulation.rendering.vehicles._shell import Shell, patch

__all__ = ["add_box", "add_chassis", "add_tank"]


def add_box(
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


def add_tank(model: Assembly, finish: Finish, reach: tuple[float, float], height: float) -> None:
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


def add_chassis(
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
