"""What stands beside streets: lamps, traffic lights, signs, fences, bins, bollards."""

from __future__ import annotations

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material, Part
from simulation.rendering.shapes import box, boxes, disc, moved, tube

__all__ = ["bin_parts", "fence_parts", "lamp_parts", "sign_parts", "signal_parts"]

_STEEL = Material((0.45, 0.46, 0.47), metallic=0.4, roughness=0.55)
_DARK = Material((0.10, 0.11, 0.11), roughness=0.6)
_WOOD = Material((0.42, 0.33, 0.25), roughness=0.9)


def lamp_parts(place: Floats, heading: float) -> list[Part]:
    """A street lamp whose arm reaches towards ``heading``."""
    path = moved(
        np.array(((0, 0, 0), (0, 0, 4.0), (0, 0, 7.2), (0, 0.25, 7.8), (0, 0.9, 8.05), (0, 1.7, 8.1))), (*place, 0.0), heading
    )
    head = moved(np.array(((0.0, 1.9, 7.98),)), (*place, 0.0), heading)[0]
    return [
        tube("plain", path, (0.10, 0.08, 0.06, 0.05, 0.045, 0.04), _STEEL),
        tube("plain", path[:1] + np.array(((0, 0, 0), (0, 0, 1.1))), 0.13, _STEEL, closed=True),
        box("plain", head, (0.28, 0.75, 0.13), heading, _STEEL),
    ]


def signal_parts(place: Floats, heading: float, arm: float) -> list[Part]:
    """A traffic light that faces ``heading``, with a second head on an arm that reaches ``arm`` metres to its right-hand side."""
    parts = [tube("plain", np.array(((*place, 0.0), (*place, 6.2 if arm else 3.4))), 0.085, _STEEL, closed=True)]
    spots = [(0.0, 2.3)]
    if arm:
        across = moved(np.array(((0, 0, 5.9), (arm * 0.5, 0, 6.05), (arm, 0, 6.05))), (*place, 0.0), heading)
        parts.append(tube("plain", across, (0.07, 0.06, 0.05), _STEEL))
        spots.append((arm - 0.2, 5.5))
    for sideways, bottom in spots:
        middle = moved(np.array(((sideways, 0.14, bottom),)), (*place, 0.0), heading)[0]
        parts.append(box("plain", middle, (0.30, 0.22, 0.95), heading, _DARK))
        for lamp, colour in enumerate(((0.14, 0.20, 0.15), (0.30, 0.22, 0.08), (0.34, 0.09, 0.07))):
            lens = moved(np.array(((sideways, 0.26, bottom + 0.18 + 0.29 * lamp),)), (*place, 0.0), heading)[0]
            parts.append(disc("plain", lens, 0.10, heading, Material(colour, roughness=0.3)))
    return parts


def sign_parts(place: Floats, heading: float, seed: int) -> list[Part]:
    """A traffic sign that faces ``heading``."""
    generator = np.random.default_rng((seed, 19))
    parts = [tube("plain", np.array(((*place, 0.0), (*place, 2.9))), 0.035, _STEEL)]
    kind = int(generator.integers(4))
    outer, inner, sides = (
        ((0.75, 0.10, 0.10), (0.93, 0.93, 0.92), 20),
        ((0.12, 0.27, 0.62), (0.12, 0.27, 0.62), 20),
        ((0.12, 0.27, 0.62), (0.92, 0.92, 0.92), 4),
        ((0.92, 0.92, 0.90), (0.93, 0.76, 0.10), 4),
    )[kind]
    at = moved(np.array(((0, 0.05, 2.5), (0, 0.06, 2.5))), (*place, 0.0), heading)
    parts.append(disc("plain", at[0], 0.34, heading, Material(outer, roughness=0.5), sides))
    parts.append(disc("plain", at[1], 0.24, heading, Material(inner, roughness=0.5), sides))
    parts.append(disc("plain", moved(np.array(((0, 0.03, 2.5),)), (*place, 0.0), heading)[0], 0.34, heading + 180, _STEEL, sides))
    return parts


def fence_parts(start: Floats, end: Floats, seed: int) -> list[Part]:
    """A fence of posts, rails and pales from ``start`` to ``end`` (2,)."""
    generator = np.random.default_rng((seed, 23))
    material = _WOOD if generator.random() < 0.5 else Material((0.30, 0.32, 0.31), roughness=0.7)
    length = float(np.hypot(*(end - start)))
    heading = float(np.degrees(np.arctan2(end[0] - start[0], end[1] - start[1])))
    pales = np.linspace(0, 1, max(2, int(length / 0.14)))[:, None]
    flat = start + pales * (end - start)
    every = np.column_stack((flat, np.full(len(flat), 0.08)))
    sizes = np.tile((0.025, 0.07, 0.95), (len(flat), 1))
    middle = (start + end) / 2
    rails = [box("plain", (*middle, height), (0.04, length, 0.07), heading, material) for height in (0.25, 0.85)]
    posts = start + np.linspace(0, 1, max(2, int(length / 2.2)))[:, None] * (end - start)
    uprights = np.column_stack((posts, np.zeros(len(posts))))
    return [
        boxes("plain", every, sizes, np.full(len(flat), heading), material),
        boxes("plain", uprights, np.tile((0.09, 0.09, 1.12), (len(posts), 1)), np.full(len(posts), heading), material),
        *rails,
    ]


def bin_parts(place: Floats, seed: int) -> list[Part]:
    """A litter bin, or a cabinet of switches."""
    generator = np.random.default_rng((seed, 29))
    if generator.random() < 0.5:
        return [
            tube(
                "plain",
                np.array(((*place, 0.25), (*place, 1.0))),
                0.22,
                Material((0.16, 0.24, 0.18), roughness=0.6),
                12,
                closed=True,
            )
        ]
    return [
        box(
            "plain",
            (*place, 0.0),
            (0.75, 0.40, 1.25),
            float(generator.uniform(0, 180)),
            Material((0.50, 0.52, 0.50), roughness=0.7),
        )
    ]
