"""Cabs of lorries: windscreen, doors, grille, lamps, mirrors and steps."""

from __future__ import annotations

import numpy as np

from simulation.rendering.mesh import Material
from simulation.rendering.vehicles._car_trim import add_plate
from simulation.rendering.vehicles._paint import Finish
from simulation.rendering.vehicles._shapes import Assembly, curve, ellipsoid, tube
from simulation.rendering.vehicles._shell import Arch, Shell, patch
from simulation.rendering.vehicles._wheels import add_wheel_house
from simulation.rendering.vehicles._windows import windowed

__all__ = ["add_cab"]


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
    windowed(
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
