"""Who drives where and when: vehicles that pass some of the cameras, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulation.drawn_road.looks import Look, random_look
from simulation.drawn_road.shapes import Shape, build
from simulation.drawn_road.view import RoadView

__all__ = ["LINKS", "Passage", "TravelTime", "Vehicle", "schedule"]


@dataclass(frozen=True, slots=True)
class TravelTime:
    """Seconds from leaving one view to entering the next: log-normal, cut at both ends."""

    typical: float
    spread: float
    least: float
    most: float


LINKS = (TravelTime(3.5, 0.25, 2.0, 7.0), TravelTime(5.0, 0.25, 3.0, 9.0))
"""From the first camera to the second, and on to the third."""

_LANE_SPEEDS = (12.0, 14.0, 16.5)
_HEADWAY = 1.7
_CONTINUE = 0.85
_ENTER_BETWEEN = 0.25
_LOOK_ALIKES = 0.2
_MARGIN = 1.0
"""Seconds at both ends of the footage in which no camera sees a vehicle."""
_PATIENCE = 40
_ABREAST = 0.35
"""Seconds that most vehicles let pass after the rear of another has entered the view on another lane."""
_BOLD = 6
"""Every so many-th vehicle does not care, and may hide behind another."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle; its number is its identity in the truth."""

    number: int
    look: Look
    shape: Shape


@dataclass(frozen=True, slots=True)
class Passage:
    """A vehicle's drive through one view.

    Attributes:
        vehicle: Who.
        camera: Index of the camera.
        lane: 0 is the slow one.
        start: Second at which its front enters the view.
        speed: Metres a second.
        front: World y of its front at ``start``.
        end: Second at which its rear has left.
    """

    vehicle: Vehicle
    camera: int
    lane: int
    start: float
    speed: float
    front: float
    end: float

    def middle(self, seconds: float, *, approaching: bool) -> float:
        """World y of its middle."""
        driven = self.speed * (seconds - self.start) - self.vehicle.shape.length / 2
        return self.front - driven if approaching else self.front + driven


class _Road:
    """Lanes of all cameras, with those who drive there already."""

    def __init__(self, views: Sequence[RoadView], size: tuple[int, int], seconds: float, generator: np.random.Generator) -> None:
        self._views = views
        self._size = size
        self._seconds = seconds
        self._generator = generator
        self.passages: list[Passage] = []

    def enter(self, vehicle: Vehicle, camera: int, start: float) -> Passage | None:
        """Lets a vehicle into a view at ``start``, or as soon after it as a lane is free; not, if it could not leave in time."""
        for attempt in range(_PATIENCE):
            for lane in self._generator.permutation(len(_LANE_SPEEDS)):
                passage = self._passage(vehicle, camera, int(lane), start + 0.25 * attempt)
                if passage.end <= self._seconds - _MARGIN and self._is_free(passage):
                    self.passages.append(passage)
                    return passage
        return None

    def _passage(self, vehicle: Vehicle, camera: int, lane: int, start: float) -> Passage:
        view = self._views[camera]
        near, far = view.lane_ends(lane, self._size)
        # The same driver is as brisk in every view.
        speed = _LANE_SPEEDS[lane] * (0.94 + 0.12 * ((vehicle.number * 0.618) % 1.0))
        # A high vehicle's top leaves the picture later than its foot on the road does.
        tail = vehicle.shape.length + vehicle.shape.height
        return Passage(
            vehicle, camera, lane, start, speed, far if view.approaching else near, start + (far - near + tail) / speed
        )

    def _is_free(self, passage: Passage) -> bool:
        for other in self.passages:
            if other.camera != passage.camera:
                continue
            first, second = (other, passage) if other.start <= passage.start else (passage, other)
            if other.lane == passage.lane:
                if not _apart(first, second):
                    return False
            elif (
                passage.vehicle.number % _BOLD
                and second.start - first.start < _ABREAST + first.vehicle.shape.length / first.speed
            ):
                return False
        return True


def _apart(ahead: Passage, behind: Passage) -> bool:
    """Whether the second keeps enough distance for both to stay apart in the picture: more, behind (or before) a high one."""
    needed = 9.0 + 6.0 * max(ahead.vehicle.shape.height, behind.vehicle.shape.height)
    if behind.start >= ahead.end:
        return True

    def gap(second: float) -> float:
        return ahead.speed * (second - ahead.start) - behind.speed * (second - behind.start) - ahead.vehicle.shape.length

    return min(gap(behind.start), gap(min(ahead.end, behind.end))) >= needed


def schedule(views: Sequence[RoadView], size: tuple[int, int], seconds: float, generator: np.random.Generator) -> list[Passage]:
    """All passages; nobody is on the road during the first and the last second, so that the footage can be looped."""
    road = _Road(views, size, seconds, generator)
    known: list[Look] = []

    def newcomer() -> Vehicle:
        if known and generator.random() < _LOOK_ALIKES:
            look = known[int(generator.integers(len(known)))]
        else:
            look = random_look(generator)
        known.append(look)
        return Vehicle(len(known), look, build(look))

    second = _MARGIN
    while second < seconds:
        _travel(road, newcomer(), 0, second, generator)
        for camera in range(1, len(views)):
            if generator.random() < _ENTER_BETWEEN:  # from a side road
                _travel(road, newcomer(), camera, second + generator.uniform(0, _HEADWAY), generator)
        second += 0.5 + generator.exponential(_HEADWAY - 0.5)
    return sorted(road.passages, key=lambda passage: (passage.start, passage.vehicle.number))


def _travel(road: _Road, vehicle: Vehicle, camera: int, start: float, generator: np.random.Generator) -> None:
    passage = road.enter(vehicle, camera, start)
    while passage is not None and camera < len(LINKS) and generator.random() < _CONTINUE:
        travel = LINKS[camera]
        drawn = travel.typical * float(np.exp(generator.normal(0.0, travel.spread)))
        camera += 1
        passage = road.enter(vehicle, camera, passage.end + min(max(drawn, travel.least), travel.most))
