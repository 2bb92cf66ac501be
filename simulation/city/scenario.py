"""A stretch of the city's life: who was where at which time, and who could see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from simulation.city.cameras import CityCamera, Floats
from simulation.city.fleet import CityVehicle

__all__ = ["Road", "Scenario", "Trajectory"]


@dataclass(frozen=True, slots=True)
class Road:
    """A carriageway of one direction, as it has to be drawn.

    Attributes:
        id: Of the network.
        centre: (K, 2) x and y along its middle, in the direction of travel.
        lanes: Number of lanes beside each other.
        lane_width: Metres.
        kind: ``street`` or ``junction`` (then ``centre`` is the outline of a paved area, and there are no lanes).
    """

    id: str
    centre: Floats
    lanes: int
    lane_width: float
    kind: str = "street"


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One vehicle's way, as long as it is near some camera; a vehicle that comes back later has several.

    Attributes:
        vehicle: Its number.
        times: (N,) ascending seconds from the beginning of the scenario.
        places: (N, 2) x and y of its middle on the road, metres.
        headings: (N,) degrees clockwise from north, unwrapped: neighbours differ by less than 180.
    """

    vehicle: int
    times: Floats
    places: Floats
    headings: Floats

    def at(self, seconds: Floats) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
        """Whether it is there (M,), its places (M, 2) and headings (M,) at ``seconds`` (M,), interpolated."""
        there = (seconds >= self.times[0]) & (seconds <= self.times[-1])
        columns = [np.interp(seconds, self.times, self.places[:, axis]) for axis in (0, 1)]
        return there, np.stack(columns, 1), np.interp(seconds, self.times, self.headings)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A city and a stretch of its life.

    Attributes:
        name: ``demo``, ``standard``, ``load`` or the user's.
        seconds: Length.
        cameras: In the order of their numbers.
        roads: Carriageways and junctions near cameras; empty where nothing is to be drawn.
        vehicles: By number.
        trajectories: In the order of their first instants.
        links: (from, to) camera ids between which a road leads without passing another camera's view, with the true travel
            times that were driven: seconds from the end of one view to the start of the next, negative where views overlap.
        seed: What it was made from.
    """

    name: str
    seconds: float
    cameras: tuple[CityCamera, ...]
    roads: tuple[Road, ...]
    vehicles: Mapping[int, CityVehicle]
    trajectories: tuple[Trajectory, ...]
    links: Mapping[tuple[str, str], Floats] = field(default_factory=dict)
    seed: int = 0

    def until(self, seconds: float) -> Scenario:
        """The same, cut off after ``seconds``; links keep the travel times of the whole."""
        return replace(
            self,
            seconds=min(seconds, self.seconds),
            trajectories=tuple(way for way in self.trajectories if way.times[0] < seconds),
        )
