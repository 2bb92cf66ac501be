"""Triangles with materials: what vehicles and scenery are made of, before any renderer sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import Floats

__all__ = ["Material", "Model", "Part"]


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface takes light.

    Attributes:
        colour: Red, green and blue, 0..1, as a picture would show them (sRGB).
        metallic: 0 paint or plastic, 1 bare metal.
        roughness: 0 mirror, 1 chalk.
        opacity: 1 lets nothing through.
        emission: Share of its colour that it gives off by itself.
    """

    colour: tuple[float, float, float]
    metallic: float = 0.0
    roughness: float = 0.5
    opacity: float = 1.0
    emission: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """A surface of one material.

    Attributes:
        name: What it is: ``body``, ``glass``, ``tyre``, ``head-lamp`` ...
        points: (N, 3) metres.
        triangles: (M, 3) indices of points, anticlockwise seen from outside.
        material: See `Material`.
        smooth: Whether edges between its triangles are shaded round (up to an angle that the renderer chooses).
    """

    name: str
    points: Floats
    triangles: npt.NDArray[np.int64]
    material: Material
    smooth: bool = True


@dataclass(frozen=True, slots=True)
class Model:
    """A thing made of parts; of a vehicle x points to its right, y forward and z up, its middle on the road is the origin."""

    parts: tuple[Part, ...]
