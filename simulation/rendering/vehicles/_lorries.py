"""Lorries: a delivery lorry of two axles, and a long one of four or five."""

from __future__ import annotations

import numpy as np

from simulation.rendering.mesh import Material
from simulation.rendering.vehicles._cabs import add_cab
from simulation.rendering.vehicles._loads import add_box, add_chassis, add_tank
from simulation.rendering.vehicles._paint import TINTS, Finish
from simulation.rendering.vehicles._shapes import Assembly, curve, sheet
from simulation.rendering.vehicles._shell import Shell
from simulation.rendering.vehicles._wheels import add_axle

__all__ = ["add_box_truck", "add_lorry"]

_RIM = (10, 0.75, True)


def add_box_truck(model: Assembly, finish: Finish, looks: np.random.Generator) -> Shell:
    """A delivery lorry of two axles with a box; returns the box."""
    length, width, height = 7.2, 2.3, 3.1
    front = length / 2
    cab_back = front - 1.75
    add_cab(model, finish, looks, (front, cab_back), 2.12, (0.42, 2.28 + float(looks.uniform(-0.05, 0.1))), front - 0.95, 0.40)
    lower = 0.95
    load = add_box(model, finish, looks, (cab_back - 0.12, -front + 0.05), width, (lower, height), None)
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
    add_chassis(model, finish, (front - 0.3, -front + 0.12), width, lower, (front - 0.95, -front + 1.75))
    add_axle(model, finish, _RIM, front - 0.95, 2.06, 0.40, 0.24)
    add_axle(model, finish, _RIM, -front + 1.75, 2.16, 0.40, 0.24, twin=True)
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
        add_tank(model, finish, (start, -front + 0.15), height)
    else:
        curtain = TINTS["blue" if looks.random() < 0.5 else "green"][1] if kind == 2 else None
        load = add_box(model, finish, looks, (start, -front + 0.05), width, (lower, height), curtain)
    add_chassis(model, finish, (front - 0.4, -front + 0.12), width, lower, (front - 1.30, axle_drive, *rear_axles))
    add_axle(model, finish, _RIM, front - 1.30, 2.34, 0.50, 0.30)
    add_axle(model, finish, _RIM, axle_drive, 2.40, 0.50, 0.28, twin=True)
    for y in rear_axles:
        add_axle(model, finish, _RIM, y, 2.42, 0.49, 0.36)
    return load


def _plain(model: Assembly, material: Material, shell: Shell) -> None:
    half = shell.half_outline(step=0.8)
    model.add(
        "body",
        material,
        sheet(shell.skin(shell.outline(half), np.array((0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 1.0)))),
        sheet(shell.cap(half, 5)),
    )
