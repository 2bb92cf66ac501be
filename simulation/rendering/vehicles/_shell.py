"""The surface of a body: rounded outlines above each other, open below, closed by a crowned top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulation.city.cameras import Floats
from simulation.rendering.vehicles._shapes import Curve, Mesh, sheet

__all__ = ["Arch", "Shell", "patch"]

_FINEST = 0.09
"""Metres between rows of a patch, so that it follows a bent surface."""


@dataclass(frozen=True, slots=True)
class Arch:
    """A wheel's opening in the side: a circle round (y, z) of ``radius`` metres."""

    y: float
    z: float
    radius: float


@dataclass(frozen=True, slots=True)
class Shell:
    """A lofted surface. Its outline at a height z is a superellipse, with ends and sides that depend on z.

    Attributes:
        front: y of its foremost point by z.
        rear: y of its last point by z.
        side: Half its width by z.
        low: Lower edge, z.
        top: z of its upper edge by y.
        corners: Exponents of the superellipse of the front and of the rear half: 2 is an ellipse, 20 nearly a rectangle.
        edge: Radius of the upper edge, metres.
        crown: How much higher than its edges the middle of the top is.
        arches: Cut out of the sides.
    """

    front: Curve
    rear: Curve
    side: Curve
    low: float
    top: Curve
    corners: tuple[float, float] = (6.0, 6.0)
    edge: float = 0.08
    crown: float = 0.03
    arches: tuple[Arch, ...] = ()

    @property
    def middle(self) -> float:
        """The y between front and rear, halfway up."""
        ends = self._ends(np.array(self.reference))
        return float((ends[0] + ends[1]) / 2)

    @property
    def reference(self) -> float:
        """The height z at which places along the outline are named."""
        probe = np.array((float(self.front(np.array(self.low))) + float(self.rear(np.array(self.low)))) / 2)
        return (self.low + float(self.top(probe))) / 2

    def _ends(self, z: Floats) -> tuple[Floats, Floats]:
        return self.front(z), self.rear(z)

    def along_front(self, x: Sequence[float] | Floats) -> Floats:
        """Places (N, 2) on the outline at the front, x metres from the middle, right positive."""
        return self._across(x, self.corners[0], 1.0)

    def along_rear(self, x: Sequence[float] | Floats) -> Floats:
        """Places (N, 2) on the outline at the rear, x metres from the middle, right positive."""
        return self._across(x, self.corners[1], -1.0)

    def along_side(self, y: Sequence[float] | Floats) -> Floats:
        """Places (N, 2) on the outline of the right side at y."""
        places = np.asarray(y, np.float64)
        front, rear = self._ends(np.array(self.reference))
        middle = self.middle
        ahead = np.where(places >= middle, (places - middle) / (front - middle), -(places - middle) / (rear - middle))
        exponent = np.where(ahead >= 0, self.corners[0], self.corners[1])
        corner = 0.5 ** (1 / exponent)
        ahead = np.clip(ahead, -corner, corner)
        return np.stack(((1 - np.abs(ahead) ** exponent) ** (1 / exponent), ahead), -1)

    def _across(self, x: Sequence[float] | Floats, exponent: float, sign: float) -> Floats:
        share = np.clip(np.asarray(x, np.float64) / float(self.side(np.array(self.reference))), -1.0, 1.0)
        return np.stack((share, sign * (1 - np.abs(share) ** exponent) ** (1 / exponent)), -1)

    def at(self, places: Floats, z: Floats) -> Floats:
        """Points (N, M, 3) of the surface at places (N, 2) of the outline and heights z (N, M) or (M,)."""
        z = np.broadcast_to(z, (len(places), z.shape[-1]))
        middle = self.middle
        across, ahead = places[:, :1], places[:, 1:]
        front, rear = self._ends(z)
        reach = np.where(ahead >= 0, front - middle, middle - rear)
        top = self.top(middle + ahead * reach)
        inside = np.clip((z - (top - self.edge)) / self.edge, 0, 1) if self.edge > 0 else np.zeros_like(z)
        cut = self.edge * (1 - np.sqrt(1 - inside**2))
        return np.stack((across * (self.side(z) - cut), middle + ahead * (reach - cut), z), -1)

    def rim(self, places: Floats) -> tuple[Floats, Floats]:
        """Heights of the lower and of the upper edge at places (N, 2)."""
        middle = self.middle
        heights = np.full(len(places), self.reference)
        front, rear = self._ends(heights)
        y = middle + places[:, 1] * np.where(places[:, 1] >= 0, front - middle, middle - rear)
        low = np.full(len(places), self.low)
        for arch in self.arches:
            inside = arch.radius**2 - (y - arch.y) ** 2
            cut = arch.z + np.sqrt(np.maximum(inside, 0))
            beside = np.abs(places[:, 0]) > 0.8
            low = np.where((inside > 0) & beside, np.maximum(low, cut), low)
        upper = self.top(y)
        for _ in range(4):  # The front leans: its upper edge is where the outline at that very height is.
            front, rear = self._ends(upper)
            upper = self.top(middle + places[:, 1] * (np.where(places[:, 1] >= 0, front - middle, middle - rear)))
        return low, upper

    def half_outline(self, knots: Sequence[float] = (), across: Sequence[float] = (), step: float = 0.3) -> Floats:
        """Places (N, 2) from the middle of the front along the right side to the middle of the rear.

        Args:
            knots: y of places on the side that must be among them.
            across: x of places at front and rear that must be among them.
            step: At most so many metres lie between two on the straight parts.
        """
        front, rear = (float(end) for end in self._ends(np.array(self.reference)))
        half = float(self.side(np.array(self.reference)))
        middle = self.middle
        ends = []
        for exponent, end in ((self.corners[0], front), (self.corners[1], rear)):
            corner = 0.5 ** (1 / exponent)
            straight = 0.45 ** (1 / 2.2) if exponent < 4 else 0.6
            x = np.unique(
                np.concatenate((np.linspace(0, straight, 4), np.linspace(straight, corner, 6), np.array(across) / half))
            )
            y = np.linspace(corner, max(0.6, 1 - 0.55 / abs(end - middle)), 7)
            ends.append((x[x <= corner + 1e-9] * half, middle + y * (end - middle)))
        bends = []
        for arch in self.arches:
            angles = np.linspace(0, np.pi, 15)
            bends.append(arch.y + arch.radius * np.cos(angles) * 0.999)
            bends.append(np.array((arch.y - arch.radius * 1.001, arch.y + arch.radius * 1.001)))
        count = max(2, int((front - rear) / step))
        regular = np.linspace(ends[0][1][-1], ends[1][1][-1], count)
        if bends:
            near = np.min(np.abs(regular[:, None] - np.concatenate(bends)[None]), 1) < 0.04
            regular = regular[~near]
        side = np.concatenate((*bends, regular, ends[0][1], ends[1][1], np.array(knots, np.float64)))
        side = np.unique(np.round(side, 5))[::-1]
        limits = ends[0][1][0], ends[1][1][0]
        side = side[(side <= limits[0] + 1e-6) & (side >= limits[1] - 1e-6)]
        parts = (self.along_front(ends[0][0])[:-1], self.along_side(side), self.along_rear(ends[1][0])[:-1][::-1])
        return np.concatenate(parts)

    def outline(self, half: Floats) -> Floats:
        """The whole outline, clockwise seen from above, from the middle of the rear round to it, of one half."""
        left = half[::-1] * (-1.0, 1.0)
        return np.concatenate((left, half[1:]))

    def skin(self, outline: Floats, shares: Sequence[float] | Floats, off: float = 0.0) -> Floats:
        """Points (N, M, 3) of the surface at an outline and shares (M,) of the way from its lower to its upper edge."""
        low, high = self.rim(outline)
        z = low[:, None] + (high - low)[:, None] * np.asarray(shares, np.float64)
        grid = self.at(outline, z)
        return grid if off == 0 else grid + _outwards(grid) * off

    def cap(self, half: Floats, across: int = 9) -> Floats:
        """Points (N, M, 3) of the top between the upper edges of both sides."""
        _, high = self.rim(half)
        right = self.at(half, high[:, None])[:, 0]
        share = np.linspace(-1, 1, across)
        grid = np.empty((len(half), across, 3))
        grid[..., 0] = right[:, :1] * share
        grid[..., 1] = right[:, 1:2]
        width = right[:, 0].max()
        bulge = np.sqrt(np.clip(right[:, 0] / width, 0, 1))[:, None] * (1 - np.abs(share[None]) ** 2.5)
        grid[..., 2] = right[:, 2:] + self.crown * bulge
        return grid[::-1]


def _outwards(grid: Floats) -> Floats:
    """Unit normals (N, M, 3) of a grid of points, to its outside."""
    first = np.gradient(grid, axis=0) if len(grid) > 1 else np.zeros_like(grid)
    second = np.gradient(grid, axis=1)
    normal = np.cross(second, first)
    size = np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.asarray(normal / np.where(size > 0, size, 1), np.float64)


def patch(shell: Shell, places: Floats, heights: Sequence[float] | Floats, off: float = 0.006) -> Mesh:
    """A piece that lies ``off`` metres on a shell's surface.

    Args:
        shell: What it lies on.
        places: (N, 2) places of the outline, clockwise seen from above.
        heights: z (M,), ascending, or (N, M) for each place.
        off: How far outside.
    """
    levels = np.asarray(heights, np.float64)
    spread = float(np.ptp(levels, axis=-1).max())
    rows = max(levels.shape[-1], int(np.ceil(spread / _FINEST)) + 1)
    if rows > levels.shape[-1]:
        share = np.linspace(0, levels.shape[-1] - 1, rows)
        before = np.minimum(share.astype(np.int64), levels.shape[-1] - 2)
        levels = levels[..., before] + (levels[..., before + 1] - levels[..., before]) * (share - before)
    grid = shell.at(places, levels)
    return sheet(grid + _outwards(grid) * off)
