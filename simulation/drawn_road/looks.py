"""How vehicles differ from one another: kind, paint and decoration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["KINDS", "Colour", "Look", "random_look"]

Colour = tuple[float, float, float]
"""Blue, green, red, 0..255."""

_PAINTS: tuple[Colour, ...] = (
    (238, 238, 236),  # white
    (190, 188, 184),  # silver
    (120, 118, 114),  # grey
    (38, 36, 36),  # black
    (40, 34, 170),  # red
    (38, 24, 96),  # wine
    (150, 78, 26),  # blue
    (84, 38, 20),  # navy
    (206, 160, 92),  # sky
    (60, 92, 34),  # green
    (44, 190, 230),  # yellow
    (30, 110, 225),  # orange
    (80, 104, 138),  # beige brown
    (140, 132, 40),  # teal
)
_PAINT_ODDS = np.array((5, 4, 4, 4, 3, 2, 3, 2, 1, 2, 2, 2, 2, 2), float)
_DECORATION = ("none", "stripe", "roof", "rack", "sunroof")

KINDS: dict[str, float] = {
    "saloon": 0.36,
    "hatchback": 0.26,
    "van": 0.16,
    "pickup": 0.09,
    "lorry": 0.06,
    "bus": 0.03,
    "motorcycle": 0.04,
}
"""Kinds of vehicles and their shares of the traffic."""


@dataclass(frozen=True, slots=True)
class Look:
    """What makes a vehicle recognisable.

    Attributes:
        kind: One of `KINDS`.
        paint: Colour of the body.
        second: Colour of the roof, the stripe, the load or the rider.
        decoration: ``none``, ``stripe``, ``roof``, ``rack`` or ``sunroof``.
        stretch: Factor of its size.
    """

    kind: str
    paint: Colour
    second: Colour
    decoration: str
    stretch: float


def random_look(generator: np.random.Generator) -> Look:
    """Draws a look; colours vary a little around common paints."""
    kind = str(generator.choice(list(KINDS), p=list(KINDS.values())))
    paint, second = generator.choice(len(_PAINTS), 2, replace=False, p=_PAINT_ODDS / _PAINT_ODDS.sum())
    decoration = str(generator.choice(_DECORATION, p=(0.5, 0.1, 0.15, 0.1, 0.15)))
    return Look(
        kind,
        _vary(_PAINTS[paint], generator),
        _vary(_PAINTS[second], generator),
        decoration,
        float(generator.uniform(0.94, 1.06)),
    )


def _vary(colour: Colour, generator: np.random.Generator) -> Colour:
    varied = np.clip(np.array(colour) * generator.uniform(0.88, 1.12) + generator.normal(0, 6, 3), 12, 245)
    return float(varied[0]), float(varied[1]), float(varied[2])
