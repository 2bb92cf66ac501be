"""Where houses, trees, lamps and signs of a city stand: beside its roads, and not in its cameras' way."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from simulation.city.cameras import CityCamera, Floats
from simulation.city.scenario import Road
from simulation.rendering.buildings import Building
from simulation.rendering.streets import PavedArea, edge_lines, paved_area

__all__ = ["Layout", "Tree", "plan_layout"]

_MARGIN = 70.0
_CELL = 0.5


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree: x and y, height in metres, and what it is drawn from."""

    place: tuple[float, float]
    height: float
    seed: int


@dataclass(slots=True)
class Layout:
    """What stands where.

    Attributes:
        area: Of the carriageways.
        buildings: Houses.
        trees: Trees.
        shrubs: x, y, size and seed of each.
        lines: Hedges and fences: name, start, end and seed.
        posts: Lamps, signs, signals and bins: name, x and y, heading, seed.
    """

    area: PavedArea
    buildings: list[Building] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    shrubs: list[tuple[float, float, float, int]] = field(default_factory=list)
    lines: list[tuple[str, Floats, Floats, int]] = field(default_factory=list)
    posts: list[tuple[str, Floats, float, int]] = field(default_factory=list)


class _Sight:
    """What of the roads each camera can see, so that scenery hides little of it."""

    def __init__(self, cameras: Sequence[CityCamera], roads: Sequence[Road]) -> None:
        spots = np.concatenate([_spots(road) for road in roads]) if roads else np.zeros((0, 2))
        self._lines = []
        for camera in cameras:
            targets = np.column_stack((spots, np.full(len(spots), 0.8)))
            seen = camera.to_camera(targets)
            near = (seen[:, 2] > 4) & (np.hypot(*(spots - np.array(camera.position[:2])).T) < camera.reach)
            pixels = camera.to_picture(np.where(near[:, None], seen, 1.0))
            inside = near & ((pixels > 0) & (pixels < np.array(camera.size))).all(1)
            self._lines.append((np.array(camera.position), targets[inside], np.zeros(int(inside.sum()), bool)))

    def allows(self, middle: Floats, half: Floats, heading: float, most: float, *, total: float = 1.0) -> bool:
        """Whether a box hides at most the share ``most`` of each camera's road; what it hides counts from then on."""
        found = []
        turn = np.radians(heading)
        axes = np.array(((np.cos(turn), -np.sin(turn), 0), (np.sin(turn), np.cos(turn), 0), (0, 0, 1)))
        for eye, targets, hidden in self._lines:
            start = axes @ (eye - middle)
            if (np.abs(start) < half + np.array((2.5, 2.5, 1.0))).all():
                return False
            if not len(targets):
                continue
            along = (targets - middle) @ axes.T - start
            along = np.where(np.abs(along) < 1e-9, 1e-9, along)
            first, second = (-half - start) / along, (half - start) / along
            enter, leave = np.minimum(first, second).max(1), np.maximum(first, second).min(1)
            blocked = (enter < leave) & (leave > 0) & (enter < 1)
            if blocked.mean() > most or (blocked | hidden).mean() > max(total, hidden.mean()):
                return False
            found.append((hidden, blocked))
        for hidden, blocked in found:
            hidden |= blocked
        return True


def _spots(road: Road) -> Floats:
    if road.kind == "junction":
        return np.asarray(road.centre.mean(0)[None])
    line = edge_lines(road, 2.0)
    return np.concatenate([(line[0][::-1] * (1 - share) + line[1] * share) for share in (0.25, 0.75)])


class _Planner:
    def __init__(self, roads: Sequence[Road], cameras: Sequence[CityCamera], seed: int) -> None:
        points = np.concatenate([road.centre for road in roads])
        low, high = points.min(0) - _MARGIN, points.max(0) + _MARGIN
        self.roads, self.cameras = roads, cameras
        self.corner, self.extent = (float(low[0]), float(low[1])), (float(high[0] - low[0]), float(high[1] - low[1]))
        self.layout = Layout(paved_area(roads, self.corner, self.extent))
        self.taken = np.zeros((int(self.extent[1] / _CELL) + 2, int(self.extent[0] / _CELL) + 2), np.uint8)
        self.sight = _Sight(cameras, roads)
        self.generator = np.random.default_rng((seed, 3))
        self.seeds = 0

    def next_seed(self) -> int:
        self.seeds += 1
        return self.seeds

    def cells(self, outline: Floats) -> npt.NDArray[np.bool_]:
        mask = np.zeros_like(self.taken)
        cv2.fillPoly(mask, [np.round((outline - self.corner) / _CELL).astype(np.int32)], 1)
        return mask.astype(bool)

    def house(self, place: Floats, heading: float, gap: float, size: tuple[float, float, int], apart: float) -> bool:
        """Builds it where it fits."""
        building = Building((float(place[0]), float(place[1])), heading, size[0], size[1], size[2], self.next_seed())
        grid = np.stack(np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 6)), -1).reshape(-1, 2)
        a, b, _, d = building.corners(0.3)
        if self.layout.area.at(a + grid[:, :1] * (b - a) + grid[:, 1:] * (d - a)).min() < gap:
            return False
        for camera in self.cameras:
            seen = camera.to_camera(np.column_stack((building.corners(), np.full(4, 3.0))))
            if (np.hypot(*(building.corners() - np.array(camera.position[:2])).T) < 9).any() or (
                np.hypot(seen[:, 0], seen[:, 2]).min() < 30
                and (np.abs(seen[:, 0]) < 0.55 * seen[:, 2]).any()
                and seen[:, 2].max() > 0
            ):
                return False
        covered = self.cells(building.corners(apart))
        if self.taken[covered].any():
            return False
        middle = np.array((*building.place, building.height / 2 + 1))
        if not self.sight.allows(
            middle, np.array((size[0] / 2, size[1] / 2, building.height / 2 + 1)), heading, 0.004, total=0.03
        ):
            return False
        self.taken[self.cells(building.corners(0.6))] = 1
        self.layout.buildings.append(building)
        return True

    def tree(self, place: Floats, height: float, most: float = 0.035) -> None:
        if self.layout.area.at(place[None])[0] < 1.0 or self.is_taken(place):
            return
        for camera in self.cameras:
            if np.hypot(*(place - np.array(camera.position[:2]))) < 9:
                return
        radius = height * 0.30
        if self.sight.allows(np.array((*place, height * 0.64)), np.array((radius, radius, height * 0.33)), 0.0, most, total=0.13):
            self.layout.trees.append(Tree((float(place[0]), float(place[1])), height, self.next_seed()))

    def is_taken(self, place: Floats) -> bool:
        column, row = np.floor((place - self.corner) / _CELL).astype(int)
        rows, columns = self.taken.shape
        return not (0 <= row < rows and 0 <= column < columns) or bool(self.taken[row, column])

    def post(self, name: str, place: Floats, heading: float) -> None:
        for camera in self.cameras:
            right, _, ahead = camera.to_camera(np.array(((*place, 1.0),)))[0]
            if np.hypot(right, ahead) < (24 if abs(right) < 0.5 * ahead else 6):
                return
        if self.layout.area.at(place[None])[0] > 0.25 and not self.is_taken(place):
            self.layout.posts.append((name, place, heading, self.next_seed()))


def plan_layout(roads: Sequence[Road], cameras: Sequence[CityCamera], seed: int = 0) -> Layout:
    """Scenery beside ``roads``, the same for all cameras of a city.

    Args:
        roads: Streets and junctions.
        cameras: Stay free, and nothing hides much of the road from them.
        seed: Decides everything that roads do not.
    """
    planner = _Planner(roads, cameras, seed)
    for road in roads:
        if road.kind == "junction":
            continue
        for side, line in enumerate(edge_lines(road)):
            _street_side(planner, road, side, line)
    _signals(planner)
    _surroundings(planner)
    return planner.layout


def _street_side(planner: _Planner, road: Road, side: int, line: Floats) -> None:
    generator = np.random.default_rng((zlib.crc32(road.id.encode()), side))
    along = np.gradient(line, axis=0)
    along /= np.hypot(*along.T)[:, None]
    right = np.stack((along[:, 1], -along[:, 0]), 1)
    free = planner.layout.area.at(line + 1.0 * right) > 0.5
    houses, steps = _houses(planner, generator, line, right, free), len(line)
    for step in range(int(generator.integers(6, 16)), steps - 3, 27):
        if free[step]:
            planner.post("lamp", line[step] + 0.55 * right[step], float(np.degrees(np.arctan2(*-right[step]))))
    step = int(generator.integers(3, 9))
    while step < steps - 3:
        if free[step]:
            planner.tree(line[step] + generator.uniform(1.5, 2.1) * right[step], float(generator.uniform(5.5, 8.5)))
            if generator.random() < 0.3:
                planner.post("bin", line[step] + 1.9 * right[step] + 2.5 * along[step], 0.0)
        step += int(generator.integers(10, 19))
    for step in range(int(generator.integers(10, 20)), steps - 3, 38):
        if free[step]:
            planner.post(
                "sign", line[step] + 0.5 * right[step], float(np.degrees(np.arctan2(*(-along[step] if side else along[step]))))
            )
    for step in range(2, steps - 6, 5):
        if free[step : step + 5].all() and not houses[step : step + 5].any():
            _plot(planner, generator, line[step : step + 6], right[step : step + 6])


def _houses(
    planner: _Planner, generator: np.random.Generator, line: Floats, right: Floats, free: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Rows of houses; returns before which steps of the line they stand right behind the pavement."""
    close = np.zeros(len(line), bool)
    step, tall = 2, int(generator.integers(2, 5))
    while step < len(line) - 5:
        width, depth = float(generator.uniform(9, 18)), float(generator.uniform(9, 12))
        gap = float(generator.choice((2.7, 4.5, 6.5), p=(0.4, 0.35, 0.25)))
        middle = min(len(line) - 1, step + int(width / 2))
        floors = int(np.clip(tall + generator.integers(-1, 2), 1, 6))
        place = line[middle] + right[middle] * (gap + depth / 2)
        heading = float(np.degrees(np.arctan2(*-right[middle])))
        if free[middle] and planner.house(place, heading, gap - 0.5, (width, depth, floors), 0.0):
            if gap < 3:
                close[step : step + int(width)] = True
            step += int(width + generator.choice((0.0, 1.5, 5.0), p=(0.35, 0.3, 0.35)))
        else:
            step += 4
    return close


def _plot(planner: _Planner, generator: np.random.Generator, line: Floats, right: Floats) -> None:
    """What stands at a plot's border, behind the pavement."""
    start, end = line[0] + 2.9 * right[0], line[-1] + 2.9 * right[-1]
    if planner.layout.area.at(np.stack((start, end))).min() < 2.4 or planner.is_taken(start) or planner.is_taken(end):
        return
    for camera in planner.cameras:
        if np.hypot(*((start + end) / 2 - np.array(camera.position[:2]))) < 9:
            return
    kind = str(generator.choice(("hedge", "fence", "shrubs", "nothing"), p=(0.3, 0.25, 0.2, 0.25)))
    if kind == "shrubs":
        for _ in range(3):
            place = start + generator.random() * (end - start) + generator.uniform(0.3, 1.5) * right[0]
            planner.layout.shrubs.append(
                (float(place[0]), float(place[1]), float(generator.uniform(0.8, 1.9)), planner.next_seed())
            )
    elif kind != "nothing":
        planner.layout.lines.append((kind, start, end, planner.next_seed()))


def _signals(planner: _Planner) -> None:
    """Traffic lights where streets end at junctions, at their right-hand side, facing those who come."""
    junctions = [road for road in planner.roads if road.kind == "junction"]
    for road in planner.roads:
        if road.kind == "junction" or len(road.centre) < 2:
            continue
        forward = road.centre[-1] - road.centre[-2]
        forward = forward / np.hypot(*forward)
        end = road.centre[-1]
        if not any(
            cv2.pointPolygonTest(j.centre.astype(np.float32).reshape(-1, 1, 2), tuple(map(float, end + 1.5 * forward)), True) > -1
            for j in junctions
        ):
            continue
        side = np.array((forward[1], -forward[0]))
        half = road.lanes * road.lane_width / 2
        name = "signal-arm" if road.lanes > 1 else "signal"
        planner.post(name, end + side * (half + 0.7) + forward * 0.2, float(np.degrees(np.arctan2(*-forward))))


def _surroundings(planner: _Planner) -> None:
    """Houses and trees further back, so that no view ends in nothing."""
    generator = planner.generator
    width, height = planner.extent
    for x in np.arange(8.0, width - 8, 19.0):
        for y in np.arange(8.0, height - 8, 19.0):
            place = np.array((planner.corner[0] + x, planner.corner[1] + y)) + generator.uniform(-5, 5, 2)
            apart = float(planner.layout.area.at(place[None])[0])
            if apart < 8 or planner.is_taken(place):
                continue
            heading = float(generator.integers(4) * 90 + generator.normal(0, 6))
            size = (float(generator.uniform(10, 17)), float(generator.uniform(9, 12)), int(generator.integers(1, 5)))
            if generator.random() < 0.55 and apart > 12:
                planner.house(place, heading, 9.0, size, 2.0)
            else:
                planner.tree(place, float(generator.uniform(6, 11)), 0.02)
