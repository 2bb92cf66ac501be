"""Motorcycles with their riders."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulation.rendering.mesh import Material
from simulation.rendering.vehicles._paint import TINTS, Finish
from simulation.rendering.vehicles._shapes import Assembly, Mesh, box, ellipsoid, tube

__all__ = ["add_motorcycle"]

Point = Sequence[float]


def add_motorcycle(model: Assembly, finish: Finish, looks: np.random.Generator) -> None:
    """A motorcycle or scooter and its rider, 2.1 m long and 1.55 m high with the helmet."""
    scooter = bool(looks.random() < 0.4)
    radius = 0.26 if scooter else 0.31
    wheels = (1.05 - radius, -1.05 + radius)
    for y in wheels:
        _wheel(model, finish, y, radius, 0.06 if y > 0 else 0.075)
    _machine(model, finish, wheels, radius, scooter)
    _rider(model, looks, scooter)


def _wheel(model: Assembly, finish: Finish, y: float, radius: float, half: float) -> None:
    angles = np.linspace(0, 2 * math.pi, 25)
    ring = [(0.0, y + math.cos(a) * (radius - half), radius + math.sin(a) * (radius - half)) for a in angles]
    model.add("tyre", finish.tyre, tube(ring, half, 8))
    rim = [(0.0, y + math.cos(a) * (radius - 1.9 * half), radius + math.sin(a) * (radius - 1.9 * half)) for a in angles[::2]]
    model.add("rim", finish.rim, tube(rim, 0.022, 5), tube(((-0.08, y, radius), (0.08, y, radius)), 0.045, 8))
    for angle in np.linspace(0, 2 * math.pi, 6)[:-1]:
        end = (0.0, y + math.cos(angle) * (radius - 1.7 * half), radius + math.sin(angle) * (radius - 1.7 * half))
        model.add("rim", finish.rim, tube(((0.0, y, radius), end), 0.014, 5))
    model.add("chrome", finish.chrome, tube(((0.07, y, radius - 0.004), (0.075, y, radius + 0.004)), 0.12, 12))


def _machine(model: Assembly, finish: Finish, wheels: tuple[float, float], radius: float, scooter: bool) -> None:
    front, rear = wheels
    head: Point = (0.0, front - 0.33, 0.90)
    for x in (0.09, -0.09):
        model.add("chrome", finish.chrome, tube(((x, front, radius), (x, front - 0.30, 0.88)), 0.026, 6))
        model.add("frame", finish.shade, tube(((x, rear, radius), (x, rear + 0.45, 0.42)), 0.028, 6))
        model.add("frame", finish.shade, tube(((x, rear + 0.05, radius + 0.05), (x, rear + 0.2, 0.68)), 0.03, 6))
    model.add("frame", finish.shade, tube((head, (0.0, 0.15, 0.55), (0.0, -0.25, 0.45), (0.0, -0.45, 0.68)), 0.04, 6))
    model.add(
        "frame",
        finish.shade,
        tube(
            ((-0.36, front - 0.45, 1.03), (-0.16, front - 0.36, 1.0), (0.16, front - 0.36, 1.0), (0.36, front - 0.45, 1.03)),
            0.018,
            6,
        ),
    )
    model.add("body", finish.paint, ellipsoid((0.0, front, radius + 0.12), (0.075, 0.27, radius - 0.06), 2.2, 6))
    lamp = (0.0, front - 0.17, 0.86)
    model.add("body", finish.paint, ellipsoid((0.0, front - 0.25, 0.88), (0.17, 0.13, 0.16), 2.4, 8))
    model.add("head-lamp", finish.reflector, ellipsoid(lamp, (0.095, 0.07, 0.085), 2.2, 6))
    model.add("screen", finish.glass, ellipsoid((0.0, front - 0.27, 1.06), (0.14, 0.03, 0.11), 2.4, 6))
    for x in (0.22, -0.22):
        model.add("indicator", finish.amber, ellipsoid((x, front - 0.25, 0.85), (0.04, 0.04, 0.03), 2.0, 4))
        model.add(
            "mirror",
            finish.shade,
            ellipsoid((x * 1.5, front - 0.42, 1.20), (0.065, 0.02, 0.045), 2.2, 5),
            tube(((x * 1.3, front - 0.43, 1.02), (x * 1.5, front - 0.42, 1.18)), 0.009, 4),
        )
    if scooter:
        model.add("body", finish.paint, ellipsoid((0.0, front - 0.36, 0.58), (0.24, 0.07, 0.34), 2.8, 8))
        model.add("body", finish.paint, ellipsoid((0.0, -0.48, 0.52), (0.19, 0.42, 0.20), 2.6, 8))
        model.add("plastic", finish.plastic, box((-0.19, -0.15, 0.27), (0.19, front - 0.36, 0.34), 0.03))
    else:
        model.add("body", finish.paint, ellipsoid((0.0, 0.13, 0.80), (0.16, 0.30, 0.14), 2.5, 8))
        model.add("engine", finish.rim, ellipsoid((0.0, 0.05, 0.43), (0.20, 0.26, 0.18), 3.0, 8))
        model.add("plastic", finish.plastic, ellipsoid((0.0, 0.02, 0.58), (0.13, 0.20, 0.10), 3.0, 6))
        model.add(
            "chrome", finish.chrome, tube(((0.14, 0.25, 0.32), (0.17, -0.2, 0.26), (0.19, -0.75, 0.38)), (0.025, 0.03, 0.055), 8)
        )
    model.add("body", finish.paint, ellipsoid((0.0, -0.66, 0.76), (0.13, 0.30, 0.075), 2.4, 8))
    model.add("seat", finish.plastic, ellipsoid((0.0, -0.36, 0.80), (0.15, 0.40, 0.06), 3.0, 8))
    model.add("rear-lamp", finish.red, ellipsoid((0.0, -0.93, 0.74), (0.08, 0.035, 0.035), 2.5, 6))
    model.add("plastic", finish.plastic, box((-0.07, -0.99, 0.50), (0.07, -0.94, 0.72), 0.01))
    model.add("plate", finish.plate, box((-0.095, -1.0, 0.52), (0.095, -0.985, 0.64)))
    model.add("ink", finish.ink, box((-0.06, -1.006, 0.56), (0.06, -0.99, 0.60)))


def _rider(model: Assembly, looks: np.random.Generator, scooter: bool) -> None:
    """Torso, arms, legs and helmet; jacket, trousers and helmet in colours of their own."""
    names = ("black", "grey", "blue", "red", "green", "brown", "white", "beige")
    jacket = Material(TINTS[names[int(looks.integers(len(names)))]][0], 0.0, 0.85)
    trousers = Material(((0.07, 0.07, 0.08), (0.13, 0.16, 0.25), (0.25, 0.23, 0.20))[int(looks.integers(3))], 0.0, 0.9)
    helmet = Material(TINTS[("black", "white", "red", "silver", "blue")[int(looks.integers(5))]][0], 0.0, 0.2)
    skin = Material((0.62, 0.45, 0.36), 0.0, 0.7)
    lean = 0.06 if scooter else 0.16
    hips, neck = np.array((0.0, -0.34, 0.86)), np.array((0.0, -0.34 + lean + 0.06, 1.29))
    model.add("rider-jacket", jacket, ellipsoid((hips + neck) / 2 + np.array((0, 0.0, -0.01)), (0.20, 0.145, 0.27), 2.4, 8))
    model.add("rider-jacket", jacket, ellipsoid(neck + np.array((0, -0.02, -0.09)), (0.225, 0.12, 0.09), 2.4, 8))
    model.add("rider-trousers", trousers, ellipsoid(hips, (0.19, 0.17, 0.12), 2.4, 8))
    head = neck + np.array((0.0, 0.05, 0.135))
    model.add("helmet", helmet, ellipsoid(head, (0.125, 0.15, 0.145), 2.1, 8))
    model.add(
        "visor",
        Material((0.03, 0.03, 0.035), 0.0, 0.08),
        ellipsoid(head + np.array((0, 0.055, 0.01)), (0.108, 0.102, 0.062), 2.3, 6),
    )
    parts: list[tuple[str, Material, Mesh]] = []
    for side in (1.0, -1.0):
        shoulder = neck + np.array((side * 0.20, -0.01, -0.08))
        elbow = np.array((side * 0.33, -0.02 + lean * 0.5, 1.06))
        hand = np.array((side * 0.33, 0.34, 1.05))
        hip, knee = hips + np.array((side * 0.10, 0.03, -0.03)), np.array((side * 0.21, 0.10, 0.80 if not scooter else 0.74))
        foot = np.array((side * 0.20, -0.10 if not scooter else 0.22, 0.38))
        parts.append(("rider-jacket", jacket, tube((shoulder, elbow, hand), (0.072, 0.06, 0.045), 8)))
        parts.append(("rider-hands", skin, ellipsoid(hand, (0.05, 0.06, 0.045), 2.2, 5)))
        parts.append(("rider-trousers", trousers, tube((hip, knee, foot), (0.095, 0.078, 0.055), 8)))
        parts.append(
            (
                "rider-shoes",
                Material((0.06, 0.055, 0.05), 0.0, 0.8),
                ellipsoid(foot + np.array((0, 0.06, -0.06)), (0.05, 0.14, 0.05), 2.5, 6),
            )
        )
    for name, material, mesh in parts:
        model.add(name, material, mesh)
