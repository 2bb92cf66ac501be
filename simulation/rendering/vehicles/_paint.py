"""Paints and other materials of vehicles, in tints that differ from one to the next and keep their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material

__all__ = ["TINTS", "Finish", "finish"]

Colour = tuple[float, float, float]

TINTS: Final[Mapping[str, tuple[Colour, ...]]] = {
    "black": ((0.05, 0.05, 0.055), (0.075, 0.075, 0.08), (0.06, 0.065, 0.075)),
    "white": ((0.93, 0.93, 0.92), (0.90, 0.91, 0.92), (0.92, 0.91, 0.88)),
    "grey": ((0.36, 0.37, 0.38), (0.41, 0.42, 0.43), (0.45, 0.45, 0.45)),
    "silver": ((0.70, 0.71, 0.72), (0.74, 0.75, 0.76), (0.66, 0.68, 0.69)),
    "red": ((0.66, 0.06, 0.06), (0.55, 0.04, 0.07), (0.74, 0.10, 0.08)),
    "blue": ((0.08, 0.19, 0.50), (0.06, 0.12, 0.38), (0.14, 0.33, 0.68)),
    "green": ((0.08, 0.33, 0.17), (0.11, 0.42, 0.20), (0.16, 0.38, 0.14)),
    "yellow": ((0.92, 0.76, 0.08), (0.94, 0.81, 0.18), (0.88, 0.72, 0.06)),
    "orange": ((0.92, 0.42, 0.06), (0.87, 0.37, 0.08), (0.94, 0.48, 0.12)),
    "brown": ((0.31, 0.19, 0.11), (0.26, 0.16, 0.11), (0.37, 0.24, 0.15)),
    "beige": ((0.76, 0.66, 0.49), (0.71, 0.62, 0.47), (0.79, 0.70, 0.55)),
}
"""Paints by the colour's name, as a picture in plain daylight shows them (sRGB)."""

_METALLIC = frozenset({"grey", "silver", "black", "blue", "brown", "beige"})
_DUST: Final[Colour] = (0.42, 0.38, 0.32)


@dataclass(frozen=True, slots=True)
class Finish:
    """The materials of one vehicle.

    Attributes:
        paint: Of the body.
        dusty: The same near the road.
        second: Of the roof of two-tone vehicles, else the same as ``paint``.
        trim: Bars, frames and handles: chrome, black or paint.
        plastic: Unpainted bumpers and sills.
        shade: Where no light gets to.
        seam: Lines between doors.
        glass: Windows.
        tyre: Rubber.
        rim: Wheels.
        chrome: Bright metal.
        lamp: Clear lamps.
        reflector: Their inside.
        red: Rear lamps.
        amber: Indicators.
        plate: Number plates.
        ink: What is written.
    """

    paint: Material
    dusty: Material
    second: Material
    trim: Material
    plastic: Material
    shade: Material
    seam: Material
    glass: Material
    tyre: Material
    rim: Material
    chrome: Material
    lamp: Material
    reflector: Material
    red: Material
    amber: Material
    plate: Material
    ink: Material


def finish(colour: str, looks: np.random.Generator, wear: np.random.Generator) -> Finish:
    """Materials in a named colour.

    Args:
        colour: One of `throughline.types.VEHICLE_COLOURS`.
        looks: Draws what its maker and its firm chose.
        wear: Draws what the weather did.
    """
    tint = np.array(TINTS[colour][looks.integers(len(TINTS[colour]))])
    tint = np.clip(tint * looks.uniform(0.94, 1.05) + looks.normal(0, 0.006, 3), 0.02, 0.97)
    metallic = float(looks.uniform(0.15, 0.4)) if colour in _METALLIC else 0.0
    dust = float(wear.beta(1.4, 3.0)) * 0.55
    gloss = float(looks.uniform(0.22, 0.34)) + 0.25 * dust
    paint = Material(_mixed(tint, 0.12 * dust), metallic, gloss)
    dusty = Material(_mixed(tint, 0.12 + 0.5 * dust), metallic * 0.5, min(gloss + 0.25, 0.9))
    second = paint
    if looks.random() < 0.06:
        dark = bool(tint.mean() > 0.4)
        second = Material((0.05, 0.05, 0.055) if dark else (0.9, 0.9, 0.89), 0.0, gloss)
    chrome = Material((0.80, 0.81, 0.82), 0.9, 0.18)
    black = Material((0.05, 0.05, 0.052), 0.0, 0.45)
    tinted = float(looks.uniform(0.025, 0.085))
    bright = float(looks.uniform(0.45, 0.78))
    return Finish(
        paint=paint,
        dusty=dusty,
        second=second,
        trim=chrome if looks.random() < 0.4 else black,
        plastic=Material((0.11, 0.11, 0.115), 0.0, 0.75),
        shade=Material((0.012, 0.012, 0.013), 0.0, 1.0),
        seam=Material(_mixed(tint * 0.25, 0.0), 0.0, 0.9),
        glass=Material((tinted, tinted * 1.08, tinted * 1.12), 0.0, 0.06),
        tyre=Material(_mixed(np.array((0.055, 0.055, 0.057)), 0.25 * dust), 0.0, 0.92),
        rim=Material((bright, bright, bright * 1.01), 0.75, 0.32)
        if looks.random() < 0.85
        else Material((0.12, 0.12, 0.125), 0.4, 0.4),
        chrome=chrome,
        lamp=Material((0.72, 0.75, 0.78), 0.1, 0.05),
        reflector=Material((0.95, 0.96, 0.98), 0.5, 0.12, emission=0.25),
        red=Material((0.50, 0.02, 0.025), 0.0, 0.12, emission=0.12),
        amber=Material((0.85, 0.38, 0.04), 0.0, 0.15, emission=0.1),
        plate=Material(((0.88, 0.88, 0.86), (0.88, 0.88, 0.86), (0.86, 0.72, 0.14))[int(looks.integers(3))], 0.0, 0.5),
        ink=Material((0.06, 0.06, 0.08), 0.0, 0.6),
    )


def _mixed(tint: Floats, dust: float) -> Colour:
    red, green, blue = (np.asarray(tint) * (1 - dust) + np.array(_DUST) * dust).tolist()
    return red, green, blue
