"""What a scenario is made from, before SUMO drives it."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.city.cameras import CityCamera
from simulation.city.sumo.demand import Trip
from simulation.city.sumo.network import Network

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A city to be driven in.

    Attributes:
        name: Of the scenario.
        seconds: Its length.
        network: Streets.
        cameras: In the order of their numbers.
        trips: Who drives where.
        step: Seconds between SUMO's instants.
        every: Of how many instants one is kept.
        everywhere: Ways are kept also where no camera is.
        drawn: Its roads are kept, so that it can be drawn.
        lateral: Vehicles move sideways smoothly.
        lead: Seconds of traffic before the scenario begins, so that its streets are not empty then.
    """

    name: str
    seconds: float
    network: Network
    cameras: tuple[CityCamera, ...]
    trips: tuple[Trip, ...]
    step: float = 0.1
    every: int = 1
    everywhere: bool = False
    drawn: bool = True
    lateral: bool = True
    lead: float = 0.0
