"""The load scenario: a city of blocks with a camera in the middle of almost each, for ten minutes."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from simulation.city.cameras import CityCamera, Floats
from simulation.city.plans.plan import Plan
from simulation.city.plans.vehicles import Fleet, Population
from simulation.city.sumo.demand import Trip
from simulation.city.sumo.network import Edge, Junction, Network, both_ways

__all__ = ["load_plan"]

_SECONDS: Final = 600.0
_LEAD: Final = 240.0
_COLUMNS: Final = 17
_ROWS: Final = 16
_BLOCK: Final = 220.0
"""Metres from crossing to crossing."""
_CAMERAS: Final = 500
_SIZE: Final = (960, 540)
_A_SECOND: Final = 14.0
"""Vehicles that set out."""
_FARTHEST: Final = 11
"""Blocks that they go at most in each direction."""
_FLEETS: Final = (
    Fleet("city-taxi", "saloon", "yellow", 0.03),
    Fleet("night-taxi", "saloon", "black", 0.02),
    Fleet("parcel-vans", "van", "white", 0.02),
    Fleet("post-vans", "van", "yellow", 0.015),
    Fleet("bakery-vans", "van", "blue", 0.01),
    Fleet("town-buses", "bus", "red", 0.02),
    Fleet("brewery-trucks", "box-truck", "green", 0.01),
)


def load_plan(seed: int) -> Plan:
    """Ten minutes; SUMO's instants are a second apart, which is all that one camera in a block needs."""
    rng = np.random.default_rng(seed)
    network = _network(rng)
    return Plan(
        "load", _SECONDS, network, _cameras(rng, network), _trips(rng, network), 1.0, drawn=False, lateral=False, lead=_LEAD
    )


def _network(rng: np.random.Generator) -> Network:
    spots = [(column, row) for row in range(_ROWS) for column in range(_COLUMNS)]
    shift = rng.uniform(-25.0, 25.0, (_ROWS, _COLUMNS, 2))
    edges: list[Edge] = []
    for column, row in spots:
        for other in ((column + 1, row), (column, row + 1)):
            if other in spots:
                start, end = _name(column, row), _name(*other)
                edges += both_ways(Edge(f"{start}to{end}", start, end, 2, 13.9), f"{end}to{start}")
    junctions = tuple(
        Junction(
            _name(column, row),
            (column * _BLOCK + float(shift[row, column, 0]), row * _BLOCK + float(shift[row, column, 1])),
            "traffic_light",
            _greens(_name(column, row), edges),
            float(rng.uniform(0.0, 60.0)),
        )
        for column, row in spots
    )
    return Network(junctions, tuple(edges))


def _name(column: int, row: int) -> str:
    return f"{column}.{row}"


def _greens(junction: str, edges: list[Edge]) -> tuple[tuple[float, tuple[str, ...]], ...]:
    """Green for those who come along the row, then for those of the column."""
    row = junction.split(".")[1]
    coming = [edge for edge in edges if edge.end == junction]
    along = tuple(edge.id for edge in coming if edge.start.split(".")[1] == row)
    across = tuple(edge.id for edge in coming if edge.id not in along)
    return ((25.0, along), (25.0, across))


def _cameras(rng: np.random.Generator, network: Network) -> tuple[CityCamera, ...]:
    """A camera beside the middle of a block, for all blocks but a few; it looks along the one or the other direction."""
    blocks = [edge for edge in network.edges if _forward(edge)]
    chosen = sorted(rng.choice(len(blocks), _CAMERAS, replace=False).tolist())
    places = {junction.id: np.array(junction.at) for junction in network.junctions}
    cameras = []
    for number, index in enumerate(chosen, 1):
        start, end = places[blocks[index].start], places[blocks[index].end]
        if rng.random() < 0.5:
            start, end = end, start
        along = (end - start) / np.hypot(*(end - start))
        right: Floats = np.array((along[1], -along[0]))
        x, y = (start + end) / 2 - along * 30.0 + right * 9.0
        heading = math.degrees(math.atan2(along[0], along[1])) - 9.0
        cameras.append(
            CityCamera(
                f"c{number:03}", number, (round(float(x), 2), round(float(y), 2), 8.0), round(heading % 360.0, 1), 15.0, 1000.0,
                _SIZE, reach=70.0,
            )
        )  # fmt: skip
    return tuple(cameras)


def _forward(edge: Edge) -> bool:
    """Whether it is the first one of the two directions of a block."""
    first, second = ([int(part) for part in name.split(".")] for name in (edge.start, edge.end))
    return first < second


def _trips(rng: np.random.Generator, network: Network) -> tuple[Trip, ...]:
    people = Population(rng, _FLEETS)
    starts = [tuple(int(part) for part in edge.start.split(".")) for edge in network.edges]
    at = np.array(starts)
    trips = []
    departures = np.cumsum(rng.exponential(1.0 / _A_SECOND, int(_A_SECOND * (_LEAD + _SECONDS))))
    for depart in departures[departures < _LEAD + _SECONDS].tolist():
        first = int(rng.integers(len(at)))
        far = np.abs(at - at[first])
        reachable = np.flatnonzero((far.max(1) <= _FARTHEST) & (far.sum(1) >= 3))
        last = int(rng.choice(reachable))
        pace = float(np.clip(rng.normal(1.0, 0.1), 0.75, 1.3))
        trips.append(Trip(people.someone(), depart, network.edges[first].id, network.edges[last].id, pace=pace))
    return tuple(trips)
