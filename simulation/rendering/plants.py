"""Trees, shrubs and hedges of leaf clusters."""

from __future__ import annotations

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.mesh import Material, Part
from simulation.rendering.shapes import tube

__all__ = ["hedge_parts", "shrub_parts", "tree_parts"]

_GREENS = ((0.24, 0.34, 0.12), (0.30, 0.38, 0.14), (0.20, 0.29, 0.13), (0.36, 0.38, 0.15), (0.27, 0.33, 0.16))
_BARK = Material((0.34, 0.29, 0.24), roughness=0.95)


def _leaves(centres: Floats, sizes: Floats, generator: np.random.Generator, green: Material) -> Part:
    """A leaf of four corners at each of ``centres`` (N, 3), turned at random."""
    count = len(centres)
    first = generator.normal(size=(count, 3))
    first /= np.linalg.norm(first, axis=1)[:, None]
    second = np.cross(first, generator.normal(size=(count, 3)))
    second /= np.linalg.norm(second, axis=1)[:, None]
    long, broad = first * sizes[:, None], second * sizes[:, None] * 0.55
    corners = np.stack((centres - long, centres + broad, centres + long, centres - broad), 1)
    base = 4 * np.arange(count)[:, None]
    triangles = (base + np.array((0, 1, 2, 0, 2, 3))).reshape(-1, 3)
    return Part("leaf", corners.reshape(-1, 3), triangles, green, smooth=False)


def _ball(generator: np.random.Generator, count: int) -> Floats:
    """(count, 3): places in the unit ball, mostly near its skin."""
    direction = generator.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    result: Floats = direction * generator.beta(4.0, 1.3, count)[:, None]
    return result


def tree_parts(place: tuple[float, float], height: float, seed: int, leaves: int = 5200) -> list[Part]:
    """A tree of ``height`` metres: a trunk, boughs, and balls of leaves."""
    generator = np.random.default_rng((seed, 11))
    green = Material(tuple(generator.choice(np.array(_GREENS)) * generator.uniform(0.85, 1.15)), roughness=0.8)
    crown, middle = height * generator.uniform(0.27, 0.36), height * 0.64
    foot = np.array((*place, 0.0))
    lean = np.array((*generator.normal(0, 0.02 * height, 2), 0.0))
    trunk_top = foot + lean + (0.0, 0.0, height * 0.62)
    path = np.stack([foot, foot + lean * 0.3 + (0, 0, height * 0.2), foot + lean * 0.7 + (0, 0, height * 0.4), trunk_top])
    thick = height * 0.020
    parts = [tube("bark", path, (thick * 1.3, thick, thick * 0.8, thick * 0.35), _BARK)]
    balls, radii = [], []
    for bough in range(13):
        turn = 2 * np.pi * (bough * 0.382 + generator.uniform(0, 0.1))
        out, up = crown * generator.uniform(0.25, 0.85), generator.uniform(-0.55, 0.75) * crown * 1.1
        end = foot + lean + (np.cos(turn) * out, np.sin(turn) * out, middle + up)
        start = path[2] + (trunk_top - path[2]) * generator.uniform(0.0, 0.9)
        parts.append(
            tube(
                "bark",
                np.stack((start, (start + end) / 2 + (0, 0, 0.2), end)),
                (thick * 0.45, thick * 0.3, thick * 0.12),
                _BARK,
                5,
            )
        )
        balls.append(end)
        radii.append(crown * generator.uniform(0.34, 0.52))
    share = np.array(radii) ** 2
    for ball, radius, count in zip(balls, radii, generator.multinomial(leaves, share / share.sum()), strict=True):
        centres = ball + _ball(generator, count) * radius * (1.0, 1.0, 0.82)
        parts.append(_leaves(centres, generator.uniform(0.09, 0.19, count), generator, green))
    return parts


def shrub_parts(place: tuple[float, float], size: float, seed: int) -> list[Part]:
    """A shrub about ``size`` metres wide."""
    generator = np.random.default_rng((seed, 13))
    green = Material(tuple(generator.choice(np.array(_GREENS)) * generator.uniform(0.7, 1.1)), roughness=0.8)
    count = int(420 * size)
    centres = _ball(generator, count) * (size / 2, size / 2, size * 0.42) + (*place, size * 0.40)
    centres[:, 2] = np.maximum(centres[:, 2], 0.05)
    return [_leaves(centres, generator.uniform(0.05, 0.12, count), generator, green)]


def hedge_parts(start: Floats, end: Floats, height: float, seed: int) -> list[Part]:
    """A hedge from ``start`` to ``end`` (2,)."""
    generator = np.random.default_rng((seed, 17))
    green = Material(tuple(np.array(_GREENS[int(generator.integers(5))]) * generator.uniform(0.7, 1.0)), roughness=0.8)
    length = float(np.hypot(*(end - start)))
    count = int(length * height * 260)
    along, side = generator.uniform(0, 1, count), generator.uniform(-0.35, 0.35, count)
    direction = (end - start) / max(length, 1e-9)
    flat = start + along[:, None] * (end - start) + side[:, None] * np.array((direction[1], -direction[0]))
    up = np.where(generator.random(count) < 0.35, height, generator.uniform(0.05, height, count)) + generator.normal(
        0, 0.04, count
    )
    return [_leaves(np.column_stack((flat, np.maximum(up, 0.03))), generator.uniform(0.05, 0.11, count), generator, green)]
