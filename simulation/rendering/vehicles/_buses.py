"""City buses with rows of windows, doors and a display."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material
from simulation.rendering.vehicles._car_trim import add_plate
from simulation.rendering.vehicles._paint import Finish
from simulation.rendering.vehicles._shapes import Assembly, box, curve, ellipsoid, tube
from simulation.rendering.vehicles._shell import Arch, Shell, patch
from simulation.rendering.vehicles._wheels import add_axle, add_wheel_house
from simulation.rendering.vehicles._windows import windowed

__all__ = ["add_bus"]


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
    windowed(model, finish, shell, belt, head, windows, front_glass=True, rear_glass=True, front_low=0.95)
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
