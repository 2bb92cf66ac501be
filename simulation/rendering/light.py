"""The light of a day: where the sun stands, how bright sun and sky are, and clouds that pass before the sun."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulation.city.cameras import Floats

__all__ = ["DEMO_LIGHT", "Light", "light_of_day"]


@dataclass(frozen=True, slots=True)
class Light:
    """Sun and sky; brightness is relative, a white sheet in the sun is about 2.

    Attributes:
        azimuth: Degrees clockwise from north to the sun.
        elevation: Degrees of the sun above the horizon.
        sun: Red, green and blue of its light on a surface that faces it.
        zenith: Red, green and blue of the sky overhead.
        horizon: Red, green and blue of the sky at the horizon.
        overcast: 0 clear sky, 1 closed clouds.
        seed: Decides when clouds pass.
    """

    azimuth: float = 215.0
    elevation: float = 46.0
    sun: tuple[float, float, float] = (1.9, 1.76, 1.52)
    zenith: tuple[float, float, float] = (0.16, 0.27, 0.48)
    horizon: tuple[float, float, float] = (0.46, 0.53, 0.62)
    overcast: float = 0.35
    seed: int = 0

    def direction(self) -> Floats:
        """(3,): unit vector to the sun."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        level = math.cos(elevation)
        return np.array((math.sin(azimuth) * level, math.cos(azimuth) * level, math.sin(elevation)))

    def sun_share(self, seconds: Floats, place: tuple[float, float] = (0.0, 0.0), wind: float = 9.0) -> Floats:
        """(N,): share of the sun's light that clouds let through at ``seconds`` (N,), 0.12..1; they drift east over ``place``."""
        generator = np.random.default_rng(self.seed)
        depths = generator.uniform(0.25, 1.0, 5)
        lengths = generator.uniform(170.0, 650.0, 5)
        phases = generator.uniform(0.0, 2 * np.pi, 5)
        along = (np.asarray(seconds, float) * wind - place[0] - 0.35 * place[1])[:, None]
        cover = (depths * np.sin(2 * np.pi * along / lengths + phases)).sum(1) / depths.sum()
        threshold = 0.55 - 1.1 * self.overcast
        shade = 1 / (1 + np.exp(-(cover - threshold) * 9.0))
        share: Floats = 1.0 - 0.88 * shade
        return share


DEMO_LIGHT = Light(azimuth=215.0, elevation=44.0, overcast=0.42, seed=6)
"""An afternoon with clouds that pass."""


def light_of_day(seed: int) -> Light:
    """A light drawn from ``seed``: high or low sun, clear or grey sky."""
    generator = np.random.default_rng((seed, 41))
    elevation = float(generator.uniform(22, 62))
    warm = float(np.clip((46 - elevation) / 40, 0, 1))
    overcast = float(generator.choice((0.1, 0.35, 0.7, 1.0), p=(0.3, 0.35, 0.2, 0.15)))
    bright = 1.0 - 0.9 * max(0.0, overcast - 0.7) / 0.3
    sun = (1.9 * bright, (1.76 - 0.25 * warm) * bright, (1.52 - 0.55 * warm) * bright)
    grey = min(1.0, overcast * 1.1)
    zenith = tuple(float(a + grey * (b - a)) for a, b in zip((0.16, 0.27, 0.48), (0.42, 0.45, 0.49), strict=True))
    horizon = tuple(float(a + grey * (b - a)) for a, b in zip((0.46, 0.53, 0.62), (0.50, 0.52, 0.54), strict=True))
    return Light(
        float(generator.uniform(0, 360)),
        elevation,
        sun,
        (zenith[0], zenith[1], zenith[2]),
        (horizon[0], horizon[1], horizon[2]),
        overcast,
        seed,
    )
