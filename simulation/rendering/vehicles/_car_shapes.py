"""Measures of the bodies of cars, vans and pickups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["SHAPES", "CarShape"]


@dataclass(frozen=True, slots=True)
class CarShape:
    """Measures of a body in metres; y from its middle forwards, z from the road.

    Attributes:
        length: Over bumpers.
        width: Without mirrors.
        height: Of the roof.
        axles: y of the front and rear axle.
        wheel: Radius of the tyres.
        sill: Lower edge of the body.
        belt: z of the edge between body and windows at the bonnet's front, the windscreen's foot, the doors, the rear.
        screen: y of the windscreen's foot and of its head.
        back: y of the rear window's head and of its foot.
        roof: Half the roof's width as a share of half the body's.
        doors: y of the lines between doors, front to rear.
        windows: y of the side windows' ends, pairs, front to rear, at half their height.
        corners: Exponents of the outline, front and rear.
        rear_glass: Whether the rear has a window.
    """

    length: float
    width: float
    height: float
    axles: tuple[float, float]
    wheel: float
    sill: float
    belt: tuple[float, float, float, float]
    screen: tuple[float, float]
    back: tuple[float, float]
    roof: float
    doors: tuple[float, ...]
    windows: tuple[tuple[float, float], ...]
    corners: tuple[float, float] = (7.0, 6.5)
    rear_glass: bool = True


SHAPES: Final[Mapping[str, CarShape]] = {
    "hatchback": CarShape(
        4.05,
        1.76,
        1.48,
        (1.24, -1.28),
        0.31,
        0.19,
        (0.74, 0.97, 0.97, 1.03),
        (1.12, 0.38),
        (-1.50, -1.93),
        0.74,
        (0.92, -0.12, -1.02),
        ((0.78, -0.07), (-0.16, -1.0), (-1.08, -1.42)),
    ),
    "saloon": CarShape(
        4.70,
        1.82,
        1.44,
        (1.40, -1.35),
        0.325,
        0.19,
        (0.70, 0.95, 0.95, 1.03),
        (1.18, 0.36),
        (-1.05, -1.82),
        0.72,
        (1.00, -0.10, -1.05),
        ((0.82, -0.05), (-0.14, -0.98), (-1.05, -1.26)),
        (7.0, 6.0),
    ),
    "estate": CarShape(
        4.65,
        1.82,
        1.50,
        (1.40, -1.32),
        0.325,
        0.19,
        (0.71, 0.96, 0.96, 1.02),
        (1.18, 0.36),
        (-1.85, -2.20),
        0.74,
        (1.00, -0.10, -1.02),
        ((0.82, -0.05), (-0.14, -0.98), (-1.06, -1.75)),
    ),
    "suv": CarShape(
        4.55,
        1.88,
        1.68,
        (1.38, -1.30),
        0.37,
        0.27,
        (0.90, 1.10, 1.09, 1.14),
        (1.16, 0.48),
        (-1.72, -2.12),
        0.76,
        (1.00, -0.06, -0.98),
        ((0.86, -0.01), (-0.10, -0.94), (-1.02, -1.66)),
        (8.0, 7.5),
    ),
    "van": CarShape(
        5.10,
        1.95,
        2.05,
        (1.62, -1.42),
        0.34,
        0.22,
        (0.92, 1.16, 1.12, 1.12),
        (1.92, 1.12),
        (-2.40, -2.49),
        0.84,
        (1.42, 0.48, -0.80),
        ((1.36, 0.54), (0.40, -0.74), (-0.88, -2.24)),
        (8.0, 12.0),
    ),
    "pickup": CarShape(
        5.30,
        1.90,
        1.80,
        (1.65, -1.55),
        0.385,
        0.34,
        (0.96, 1.16, 1.13, 1.13),
        (1.36, 0.72),
        (-0.72, -0.92),
        0.78,
        (1.22, 0.24, -0.72),
        ((1.10, 0.29), (0.19, -0.62)),
        (8.0, 12.0),
    ),
}
