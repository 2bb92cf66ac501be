"""Wheels: tyres with shoulders, rims with spokes and depth, and the dark room that they turn in."""

from __future__ import annotations

import math

import numpy as np

from simulation.rendering.vehicles._paint import Finish
from simulation.rendering.vehicles._shapes import Assembly, Mesh, mirrored, sheet, turned

__all__ = ["Rim", "add_axle", "add_wheel", "add_wheel_house", "rim_of"]

Rim = tuple[int, float, bool]
"""Number of spokes (0: a plain disc), the share of the circle that they cover, and whether a cover hides the rim's bed."""


def rim_of(looks: np.random.Generator) -> Rim:
    """A car's rim by chance."""
    spokes = int(looks.choice((5, 5, 6, 7, 8, 10, 12)))
    return spokes, float(looks.uniform(0.42, 0.7)), bool(looks.random() < 0.25)


def add_axle(
    model: Assembly, finish: Finish, rim: Rim, y: float, track: float, radius: float, width: float, twin: bool = False
) -> None:
    """Two wheels at y, whose outer faces are ``track`` metres apart; ``twin``: with a second one inside each."""
    for side in (1.0, -1.0):
        add_wheel(model, finish, rim, (side * (track / 2 - width / 2), y, radius), radius, width, side)
        if twin:
            add_wheel(model, finish, rim, (side * (track / 2 - width * 1.6), y, radius), radius, width, side)


def add_wheel(
    model: Assembly, finish: Finish, rim: Rim, middle: tuple[float, float, float], radius: float, width: float, side: float
) -> None:
    """One wheel whose outer face looks to the right (``side`` 1) or left (-1); its middle is given."""
    seat = radius * 0.70
    half = width / 2
    tyre = np.array(
        (
            (half * 0.86, seat),
            (half, seat + (radius - seat) * 0.35),
            (half * 0.96, radius * 0.94),
            (half * 0.72, radius),
            (-half * 0.72, radius),
            (-half * 0.96, radius * 0.94),
            (-half, seat),
            (-half * 0.9, seat * 0.5),
            (-half * 0.9, 0.0),
        )
    )
    spokes, share, covered = rim
    bed = np.array(((half * 0.2, 0.0), (half * 0.2, seat * 0.9), (half * 0.86, seat)))
    ring = np.array(((half * 0.70, seat * 0.86), (half * 0.92, seat * 0.97), (half * 0.86, seat * 1.01)))
    hub = np.array(((half * 0.80, 0.0), (half * 0.78, seat * 0.2), (half * 0.2, seat * 0.26)))
    faces: list[tuple[str, Mesh]] = [("tyre", turned(tyre, (0, 0, 0), 24)), ("rim", turned(ring, (0, 0, 0), 24))]
    faces.append(("rim", turned(hub, (0, 0, 0), 12)))
    faces.append(("rim" if covered or spokes == 0 else "shade", turned(bed, (0, 0, 0), 20)))
    faces.extend(("rim", _spoke(2 * math.pi * number / spokes, share * math.pi / spokes, half, seat)) for number in range(spokes))
    materials = {"tyre": finish.tyre, "rim": finish.rim, "shade": finish.shade}
    for name, mesh in faces:
        points, triangles = mesh if side > 0 else mirrored(mesh)
        model.add(name, materials[name], (points + np.array(middle), triangles))


def _spoke(angle: float, spread: float, half: float, seat: float) -> Mesh:
    """A spoke from the hub to the ring, wider at its foot, bent inwards."""
    radii = np.array((0.16, 0.5, 0.90)) * seat
    places = np.array((0.76, 0.72, 0.76)) * half
    spreads = spread * np.array((1.5, 0.75, 0.85))
    grid = np.empty((2, 3, 3))
    for row, sign in enumerate((-1.0, 1.0)):
        turned_by = angle + sign * spreads
        grid[row] = np.stack((places, np.cos(turned_by) * radii, np.sin(turned_by) * radii), -1)
    return sheet(grid[::-1])


def add_wheel_house(model: Assembly, finish: Finish, y: float, radius: float, half_width: float, depth: float) -> None:
    """The dark room over both wheels at y: its vault, from the body's sides ``depth`` metres inwards."""
    angles = np.linspace(-0.25, math.pi + 0.25, 13)
    grid = np.empty((len(angles), 2, 3))
    for column, x in enumerate((half_width - depth, half_width - 0.012)):
        grid[:, column] = np.stack(
            (np.full(len(angles), x), y + np.cos(angles) * radius, radius * 0.9 + np.sin(angles) * radius), -1
        )
    model.add("shade", finish.shade, sheet(grid), both=True)
