"""What makes a fleet: taxi signs, stripes and marks like lettering, the same on all its vehicles."""

from __future__ import annotations

import numpy as np

from simulation.rendering.mesh import Material
from simulation.rendering.vehicles._paint import TINTS
from simulation.rendering.vehicles._shapes import Assembly, box
from simulation.rendering.vehicles._shell import Shell, patch

__all__ = ["add_livery", "is_taxi"]


def is_taxi(fleet: str) -> bool:
    """Whether the fleet's vehicles carry a taxi sign: its name says so."""
    return "taxi" in fleet.lower() or "cab" in fleet.lower()


def add_livery(model: Assembly, fleet: str, colour: str, firm: np.random.Generator, low: Shell, high: Shell | None) -> None:
    """A firm's marks.

    Args:
        model: Vehicle that gets them.
        fleet: Name of the firm.
        colour: Of the vehicle, which marks must not look like.
        firm: Draws its design.
        low: Body whose sides carry the marks.
        high: Roof that carries a sign; None: there is none.
    """
    names = [name for name in ("black", "white", "red", "blue", "green", "yellow", "orange") if name != colour]
    mark = Material(TINTS[names[int(firm.integers(len(names)))]][1], 0.0, 0.4)
    front, rear = float(low.front(np.array(low.reference))), float(low.rear(np.array(low.reference)))
    top = float(low.top(np.array(low.middle)))
    height = top - low.low
    if is_taxi(fleet):
        _checks(model, mark, low, front, rear, low.low + height * 0.55, height * 0.09)
        if high is not None:
            roof = float(high.top(np.array(high.middle))) + high.crown
            y = high.middle + 0.25
            sign = Material((0.97, 0.93, 0.72), 0.0, 0.4, emission=0.35)
            model.add("fleet-sign", sign, box((-0.30, y - 0.09, roof - 0.01), (0.30, y + 0.09, roof + 0.14), 0.03))
            for x in np.linspace(-0.18, 0.12, 4):
                letter = (x, y - 0.095, roof + 0.035), (x + 0.05, y + 0.095, roof + 0.095)
                model.add("fleet-letters", Material((0.06, 0.06, 0.07), 0.0, 0.6), box(*letter))
        return
    level = low.low + height * float(firm.uniform(0.38, 0.5))
    wide = height * float(firm.uniform(0.07, 0.13))
    ends = np.linspace(front - 0.55, rear + 0.25, 14)
    model.add("fleet-stripe", mark, patch(low, low.along_side(ends), (level, level + wide), 0.011), both=True)
    size = height * 0.12 if height > 1.5 else 0.11
    start = low.middle + (front - rear) * 0.22
    for y, width in _word(firm, start, size, (front - rear) * 0.5):
        place = low.along_side((y + width / 2, y - width / 2))
        base = level + wide + size * 0.45
        model.add("fleet-letters", mark, patch(low, place, np.linspace(base, base + size, 3), 0.011), both=True)


def _checks(model: Assembly, mark: Material, low: Shell, front: float, rear: float, z: float, size: float) -> None:
    for number, y in enumerate(np.arange(front - 0.7, rear + 0.5, -size)):
        place = low.along_side((y, y - size))
        base = z + size * (number % 2)
        model.add("fleet-stripe", mark, patch(low, place, (base, base + size), 0.011), both=True)


def _word(firm: np.random.Generator, start: float, size: float, longest: float) -> list[tuple[float, float]]:
    """Middles and widths of bars that look like a firm's name from afar."""
    bars = []
    y = start
    for _ in range(int(firm.integers(7, 13))):
        width = size * float(firm.uniform(0.35, 0.75))
        if start - (y - width) > longest:
            break
        bars.append((y - width / 2, width))
        y -= width + size * (0.25 if firm.random() < 0.8 else 0.8)
    return bars
