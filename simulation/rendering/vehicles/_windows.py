"""Bodies in one piece whose sides between two heights are windows: cabs and buses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulation.rendering.vehicles._paint import Finish
from simulation.rendering.vehicles._shapes import Assembly, sheet
from simulation.rendering.vehicles._shell import Shell

__all__ = ["windowed"]


def windowed(
    model: Assembly,
    finish: Finish,
    shell: Shell,
    low: float,
    high: float,
    windows: Sequence[tuple[float, float]],
    front_glass: bool,
    rear_glass: bool,
    front_low: float | None = None,
) -> None:
    """A shell in paint whose cells between two heights are windows, with dark frames."""
    corners = [0.5 ** (1 / exponent) for exponent in shell.corners]
    half_width = float(shell.side(np.array(shell.reference)))
    reach = [corner * 0.97 for corner in corners]
    knots = [y for pair in windows for y in pair] + [
        y + off for pair in windows for y, off in zip(pair, (0.03, -0.03), strict=True)
    ]
    half = shell.half_outline(knots, (half_width * reach[0], half_width * reach[1]), 0.6)
    outline = shell.outline(half)
    rim = float(shell.top(np.array(shell.middle)))
    lowest = low if front_low is None else min(low, front_low)
    levels = sorted(
        {
            shell.low,
            shell.low + 0.12,
            shell.low + 0.3,
            (shell.low + low) / 2,
            lowest,
            low - 0.03,
            low,
            (low + high) / 2,
            high,
            high + 0.03,
        }
    )
    levels += [rim - 0.16 + 0.16 * share for share in (0.0, 0.35, 0.6, 0.8, 0.93, 1.0) if rim - 0.16 + 0.16 * share > high + 0.05]
    lower, upper = (edge[:, None] for edge in shell.rim(outline))
    z = np.array(levels)
    grid = shell.at(outline, np.maximum(np.where(z > high + 0.05, upper - (rim - z), z), lower))
    middle = (outline[:-1] + outline[1:]) / 2
    ends = float(shell.front(np.array(shell.reference))), float(shell.rear(np.array(shell.reference)))
    y = shell.middle + middle[:, 1] * np.where(middle[:, 1] >= 0, ends[0] - shell.middle, shell.middle - ends[1])
    face = (middle[:, 1] > 0) & (np.abs(middle[:, 0]) < reach[0])
    tail = (middle[:, 1] < 0) & (np.abs(middle[:, 0]) < reach[1])
    beside, framed = np.zeros(len(y), bool), np.zeros(len(y), bool)
    for first, last in windows:
        beside |= (y < first) & (y > last)
        framed |= (y < first + 0.035) & (y > last - 0.035)
    beside &= ~face & ~tail
    framed &= ~face & ~tail
    heights = (np.array(levels)[:-1] + np.array(levels)[1:]) / 2
    rows = (heights > low) & (heights < high)
    front_rows = (heights > lowest) & (heights < high)
    near = (heights > low - 0.035) & (heights < high + 0.035)
    glass = (beside | (tail & rear_glass))[:, None] & rows | (face & front_glass)[:, None] & front_rows
    frames = (framed | (face & front_glass) | (tail & rear_glass))[:, None] & near & ~glass
    dusty = np.broadcast_to(heights < shell.low + 0.3, glass.shape) & ~glass
    model.add("glass", finish.glass, sheet(grid, glass))
    model.add("frames", finish.shade, sheet(grid, frames))
    model.add("dusty-body", finish.dusty, sheet(grid, dusty & ~frames))
    model.add("body", finish.paint, sheet(grid, ~glass & ~frames & ~dusty), sheet(shell.cap(half, 7)))
