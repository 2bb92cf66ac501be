"""What cameras truly show: vehicles as solid boxes, projected, the nearer ones in front of the others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from simulation.city._rays import shares_visible
from simulation.city.cameras import NEAR, CityCamera, Floats
from simulation.city.scenario import Scenario, Trajectory
from simulation.city.sightings import Sightings
from throughline.types import ORIENTATIONS, IntArray

__all__ = ["LEAST_HEIGHT", "all_sightings", "orientations_seen", "projected_boxes", "side_degrees", "sightings"]

LEAST_HEIGHT: Final = 8.0
"""Pixels that a vehicle is high in the picture at least to be sighted."""

_CORNERS: Final[Floats] = np.array([(right, ahead, up) for up in (0, 1) for right in (-0.5, 0.5) for ahead in (-0.5, 0.5)])
"""Of a box of size 1 that stands on the road: to its right, forward and up."""
_EDGES: Final = np.array([(a, b) for a in range(8) for b in range(a + 1, 8) if np.count_nonzero(_CORNERS[a] != _CORNERS[b]) == 1])
_SIDES: Final = ("front", "right-front", "right", "right-rear", "rear", "left-rear", "left", "left-front")
"""The side of a vehicle that a camera sees which lies 0, 45, 90 ... degrees clockwise from straight ahead of it."""
_SIDE_NUMBERS: Final = np.array([ORIENTATIONS.index(side) for side in _SIDES], np.int64)
_LONGEST: Final = 8.0
"""Metres: more than half the diagonal of any vehicle."""


def sightings(scenario: Scenario, camera: CityCamera, fps: float) -> Sightings:
    """What a camera shows in each of its frames.

    Vehicles are the boxes of their length, width and height, a little larger than the vehicles are. A vehicle is shown if
    its middle is not beyond the camera's reach and its box in the picture is `LEAST_HEIGHT` high. Vehicles hide each other;
    scenery is not known here.

    Args:
        scenario: Who is where.
        camera: Of this scenario or another one.
        fps: Frames a second; frame f is at f / fps seconds, and all before the scenario's end are looked at.
    """
    return _sightings(scenario, _bounds(scenario.trajectories), camera, fps)


def all_sightings(scenario: Scenario, fps: float) -> Iterator[Sightings]:
    """The sightings of each camera of a scenario, in their order; quicker than one by one where there are many."""
    bounds = _bounds(scenario.trajectories)
    return (_sightings(scenario, bounds, camera, fps) for camera in scenario.cameras)


def projected_boxes(camera: CityCamera, places: Floats, headings: Floats, sizes: Floats) -> Floats:
    """Boxes (M, 4) in pixels around whole vehicles, not cut at the picture's border; NaN where nothing lies before the camera.

    Args:
        camera: That looks.
        places: (M, 2) x and y of the vehicles' middles on the road.
        headings: (M,) degrees clockwise from north.
        sizes: (M, 3) length, width and height.
    """
    radians = np.radians(headings)
    sine, cosine = np.sin(radians)[:, None], np.cos(radians)[:, None]
    right, ahead, up = (_CORNERS[None, :, axis] * sizes[:, None, which] for axis, which in ((0, 1), (1, 0), (2, 2)))
    east = places[:, :1] + right * cosine + ahead * sine
    north = places[:, 1:] - right * sine + ahead * cosine
    corners = camera.to_camera(np.stack((east, north, up), -1).reshape(-1, 3)).reshape(-1, 8, 3)
    beyond = corners[..., 2] >= NEAR
    # Where the plane of what is too near cuts an edge, the cut is a corner of what remains.
    first, second = corners[:, _EDGES[:, 0]], corners[:, _EDGES[:, 1]]
    cut = beyond[:, _EDGES[:, 0]] != beyond[:, _EDGES[:, 1]]
    depth = np.where(cut, second[..., 2] - first[..., 2], 1.0)
    cuts = first + (second - first) * ((NEAR - first[..., 2]) / depth)[..., None]
    points = np.concatenate((corners, cuts), 1)
    usable = np.concatenate((beyond, cut), 1)
    points[~usable] = (0.0, 0.0, 1.0)
    pixels = camera.to_picture(points.reshape(-1, 3)).reshape(*usable.shape, 2)
    least = np.where(usable[..., None], pixels, np.inf).min(1)
    most = np.where(usable[..., None], pixels, -np.inf).max(1)
    boxes: Floats = np.concatenate((least, most), 1)
    boxes[~usable.any(1)] = np.nan
    return boxes


def orientations_seen(camera: CityCamera, places: Floats, headings: Floats) -> IntArray:
    """Which side of vehicles at ``places`` (M, 2) the camera sees (M,), index into `throughline.types.ORIENTATIONS`."""
    away = np.array(camera.position[:2]) - places
    bearings = np.degrees(np.arctan2(away[:, 0], away[:, 1])) - headings
    seen: IntArray = _SIDE_NUMBERS[np.rint(bearings / 45.0).astype(np.int64) % 8]
    return seen


def side_degrees(orientations: IntArray) -> Floats:
    """Degrees clockwise from a vehicle's front of the sides (M,) that `orientations_seen` gave: 0, 45 ... 315."""
    places = np.argsort(_SIDE_NUMBERS)
    degrees: Floats = places[orientations].astype(np.float64) * 45.0
    return degrees


def _bounds(trajectories: tuple[Trajectory, ...]) -> Floats:
    """(T, 4): least x and y, and greatest x and y of each."""
    return np.array([(*way.places.min(0), *way.places.max(0)) for way in trajectories]).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class _Rows:
    """One row for each vehicle near a camera in each frame."""

    frames: IntArray
    vehicles: IntArray
    places: Floats
    headings: Floats

    def where(self, chosen: npt.NDArray[np.bool_]) -> _Rows:
        return _Rows(self.frames[chosen], self.vehicles[chosen], self.places[chosen], self.headings[chosen])


def _sightings(scenario: Scenario, bounds: Floats, camera: CityCamera, fps: float) -> Sightings:
    rows = _near(scenario, bounds, camera, fps)
    largest = max(scenario.vehicles, default=0) + 1
    measures = np.zeros((largest, 3))
    for number, vehicle in scenario.vehicles.items():
        measures[number] = vehicle.size
    width, height = camera.size
    uncut = projected_boxes(camera, rows.places, rows.headings, measures[rows.vehicles])
    boxes = np.clip(uncut, 0.0, (width, height, width, height))
    shown = (boxes[:, 3] - boxes[:, 1] >= LEAST_HEIGHT) & (boxes[:, 2] - boxes[:, 0] > 1.0)  # false where a box is NaN
    rows, uncut, boxes = rows.where(shown), uncut[shown], boxes[shown]
    inside = _areas(boxes) / _areas(uncut)
    visible = shares_visible(camera, rows.frames, boxes, rows.places, rows.headings, measures[rows.vehicles])
    return Sightings(
        camera.id,
        fps,
        rows.frames,
        rows.vehicles,
        boxes.astype(np.float32),
        inside.astype(np.float32),
        visible.astype(np.float32),
        rows.places.astype(np.float32),
        (rows.headings % 360.0).astype(np.float32),
        orientations_seen(camera, rows.places, rows.headings),
    )


def _near(scenario: Scenario, bounds: Floats, camera: CityCamera, fps: float) -> _Rows:
    """Vehicles within the camera's reach and roughly before it, by frame and then by vehicle."""
    at, heading = np.array(camera.position[:2]), math.radians(camera.heading)
    ahead = np.array((math.sin(heading), math.cos(heading)))
    candidates = ((bounds[:, 2:] >= at - camera.reach) & (bounds[:, :2] <= at + camera.reach)).all(1)
    frame_count = math.ceil(scenario.seconds * fps)
    found = []
    for index in np.flatnonzero(candidates).tolist():
        way = scenario.trajectories[index]
        first = max(0, math.ceil(way.times[0] * fps - 1e-6))
        last = min(frame_count - 1, math.floor(way.times[-1] * fps + 1e-6))
        frames = np.arange(first, last + 1)
        _, places, headings = way.at(frames / fps)
        away = places - at
        near = (np.hypot(away[:, 0], away[:, 1]) <= camera.reach) & (away @ ahead > -_LONGEST)
        if near.any():
            vehicles = np.full(np.count_nonzero(near), way.vehicle, np.int64)
            found.append(_Rows(frames[near], vehicles, places[near], headings[near]))
    if not found:
        return _Rows(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0))
    frames, vehicles = (np.concatenate([getattr(rows, name) for rows in found]) for name in ("frames", "vehicles"))
    places = np.concatenate([rows.places for rows in found])
    headings = np.concatenate([rows.headings for rows in found])
    order = np.lexsort((vehicles, frames))
    return _Rows(frames[order], vehicles[order], places[order], headings[order])


def _areas(boxes: Floats) -> Floats:
    areas: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
