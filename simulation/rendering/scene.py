"""A city's scenery as surfaces, cut to what lies around one camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import CityCamera, Floats
from simulation.city.scenario import Road
from simulation.rendering.buildings import building_parts
from simulation.rendering.furniture import bin_parts, fence_parts, lamp_parts, sign_parts, signal_parts
from simulation.rendering.layout import Layout
from simulation.rendering.mesh import Material, Part
from simulation.rendering.plants import hedge_parts, shrub_parts, tree_parts
from simulation.rendering.shapes import quads
from simulation.rendering.streets import KERB_HEIGHT, kerbs, markings, wear

__all__ = ["Scene", "scene_before"]

_BEHIND, _BEFORE, _FINE = 45.0, 190.0, 45.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands still.

    Attributes:
        standing: Surfaces that throw shadows.
        lying: Surfaces on the ground, which do not.
        edge: (H, W) metres from the carriageways' edge, negative on them; rows go north.
        edge_area: x and y of the first cell's corner, and 1 / metres of the whole width and height.
    """

    standing: tuple[Part, ...]
    lying: tuple[Part, ...]
    edge: npt.NDArray[np.float32]
    edge_area: tuple[float, float, float, float]


def scene_before(layout: Layout, roads: tuple[Road, ...], camera: CityCamera) -> Scene:
    """The scenery that ``camera`` may see, or whose shadow or reflection."""
    forward = camera.axes()[2][:2]
    forward = forward / np.hypot(*forward)
    foot = np.array(camera.position[:2])

    def near(place: Floats) -> bool:
        apart = np.asarray(place) - foot
        return bool(-_BEHIND < apart @ forward < _BEFORE and np.hypot(*apart) < _BEFORE)

    area = layout.area
    close = [road for road in roads if np.hypot(*(road.centre - foot).T).min() < _BEFORE or len(road.centre) < 6]
    standing = [*_standing(layout, near, foot), *kerbs(close, area)]
    rows, columns = area.distance.shape
    low = np.array(area.corner) - 400
    high = np.array(area.corner) + np.array((columns, rows)) * area.cell + 400
    corners = [
        [(low[0], low[1], z), (high[0], low[1], z), (high[0], high[1], z), (low[0], high[1], z)] for z in (0.0, KERB_HEIGHT)
    ]
    ground = quads("ground", np.array(corners), Material((0.4, 0.4, 0.4), roughness=0.9))
    edge_area = (area.corner[0], area.corner[1], 1 / (columns * area.cell), 1 / (rows * area.cell))
    return Scene(tuple(standing), (ground, *wear(close), *markings(close, area)), area.distance, edge_area)


def _standing(layout: Layout, near: Callable[[Floats], bool], foot: Floats) -> Iterator[Part]:
    for building in layout.buildings:
        if near(np.array(building.place)):
            yield from building_parts(building)
    yield from _plants(layout, near, foot)
    for name, start, end, seed in layout.lines:
        if near((start + end) / 2):
            hedge = name == "hedge"
            yield from hedge_parts(start, end, 1.1 + 0.1 * (seed % 5), seed) if hedge else fence_parts(start, end, seed)
    for name, place, heading, seed in layout.posts:
        if near(place):
            yield from _post(name, place, heading, seed)


def _plants(layout: Layout, near: Callable[[Floats], bool], foot: Floats) -> Iterator[Part]:
    for tree in layout.trees:
        place = np.array(tree.place)
        if near(place):
            apart = float(np.hypot(*(place - foot)))
            leaves = int(np.clip(5200 * (_FINE / max(apart, 1.0)) ** 1.2, 1400, 7500))
            yield from tree_parts(tree.place, tree.height, tree.seed, leaves)
    for x, y, size, seed in layout.shrubs:
        if near(np.array((x, y))):
            yield from shrub_parts((x, y), size, seed)


def _post(name: str, place: Floats, heading: float, seed: int) -> list[Part]:
    if name == "lamp":
        return lamp_parts(place, heading)
    if name == "sign":
        return sign_parts(place, heading, seed)
    if name == "bin":
        return bin_parts(place, seed)
    return signal_parts(place, heading, 3.2 if name == "signal-arm" else 0.0)
