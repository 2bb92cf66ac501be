"""From the fronts that SUMO tells to vehicles with a middle and a heading, near cameras, thinned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import CityCamera, Floats
from simulation.city.fleet import CityVehicle
from simulation.city.scenario import Trajectory

__all__ = ["NEAR_A_CAMERA", "follow", "near", "trajectories"]

NEAR_A_CAMERA = 12.0
"""Metres beyond a view up to which ways are kept."""


def trajectories(
    fronts: Mapping[int, Floats], vehicles: Mapping[int, CityVehicle], cameras: Iterable[CityCamera] | None, every: int
) -> tuple[Trajectory, ...]:
    """The ways of all vehicles, in the order of their first instants, as exact as files keep them.

    Args:
        fronts: For each vehicle (N, 4): time, x and y of its front, degrees.
        vehicles: For their lengths.
        cameras: Only ways near them are kept; none: all are.
        every: Of how many instants one is kept.
    """
    places = None if cameras is None else list(cameras)
    ways = []
    for number, rows in fronts.items():
        middles, headings = follow(rows[:, 1:3], math.radians(rows[0, 3]), vehicles[number].size[0])
        kept = np.zeros(len(rows), np.bool_)
        kept[::every] = True
        rows, middles, headings = rows[kept], middles[kept], headings[kept]
        there = np.ones(len(rows), np.bool_) if places is None else near(middles, places)
        for start, end in _runs(there):
            if end - start >= 2:
                part = slice(start, end)
                way = Trajectory(number, _kept(rows[part, 0], 1000), _kept(middles[part], 100), _kept(headings[part], 10))
                ways.append(way)
    return tuple(sorted(ways, key=lambda way: (way.times[0], way.vehicle)))


def follow(fronts: Floats, heading: float, length: float) -> tuple[Floats, Floats]:
    """Middles (N, 2) and headings (N,) in unwrapped degrees of a vehicle whose front goes through ``fronts`` (N, 2).

    Its rear is drawn behind, as a trailer is: it is always ``length`` away and moves only towards the front. So vehicles turn
    as if they had wheels, though lanes are polylines. The rear axle lies a sixth of the length before the tail.

    Args:
        fronts: Metres.
        heading: Of the first instant, radians clockwise from north.
        length: Of the vehicle, metres.
    """
    axle = length * 5 / 6
    points = fronts.tolist()
    x, y = points[0][0] - axle * math.sin(heading), points[0][1] - axle * math.cos(heading)
    directions = np.empty((len(points), 2))
    for index, (front_x, front_y) in enumerate(points):
        east, north = front_x - x, front_y - y
        distance = math.hypot(east, north)
        east, north = east / distance, north / distance
        directions[index] = east, north
        x, y = front_x - axle * east, front_y - axle * north
    headings = np.degrees(np.unwrap(np.arctan2(directions[:, 0], directions[:, 1])))
    return fronts - directions * (length / 2), headings


def near(places: Floats, cameras: Iterable[CityCamera]) -> npt.NDArray[np.bool_]:
    """Whether (N,) places (N, 2) lie in or closely beside the view of one of the cameras."""
    there = np.zeros(len(places), np.bool_)
    least, most = places.min(0), places.max(0)
    for camera in cameras:
        at = np.array(camera.position[:2])
        if (at + camera.reach + NEAR_A_CAMERA < least).any() or (at - camera.reach - NEAR_A_CAMERA > most).any():
            continue
        heading = math.radians(camera.heading)
        away = places - at
        ahead = away @ np.array((math.sin(heading), math.cos(heading)))
        aside = np.abs(away @ np.array((math.cos(heading), -math.sin(heading))))
        half = camera.size[0] / 2 / camera.focal
        close = np.hypot(ahead, aside) <= camera.reach + NEAR_A_CAMERA
        there |= close & (ahead > -NEAR_A_CAMERA) & (aside <= np.maximum(ahead, 0.0) * half * 1.15 + NEAR_A_CAMERA)
    return there


def _kept(values: Floats, scale: int) -> Floats:
    """Rounded as `simulation.city.storage` does, so that what is measured now can be measured again from the file."""
    rounded: Floats = np.rint(values * scale) / scale
    return rounded


def _runs(there: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], there, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
