"""The standard scenario: twelve cameras of a town's middle for twenty minutes, with a jam in the middle third.

Seen from above, metres; north is up. An arterial of two lanes a direction with four crossings with lights (J1 to J4), a road of
one lane a direction in parallel, streets between them, and a roundabout R where the second one meets the parallel road.

            c08            c11 up       c09                  c10
    west-b ------ K1 ------------- R -------------- K3 -------------- K4 ------ east-b
                  |                |                | c12 down        |
    west -- c01 - J1 --- mill ---- J2 ------------- J3 ---- market -- J4 - c07 -- east
                 c02,c03          c04              c05               c06
                  |                |                |                 |
                south-1         south-2          south-3           south-4
"""

from __future__ import annotations

from typing import Final

import numpy as np

from simulation.city.cameras import CityCamera, Floats
from simulation.city.plans.plan import Plan
from simulation.city.plans.vehicles import Fleet, Population
from simulation.city.sumo.demand import Halt, Trip
from simulation.city.sumo.network import Edge, Junction, Network, arc, both_ways

__all__ = ["standard_plan"]

_SECONDS: Final = 1200.0
_LEAD: Final = 90.0
_SIZE: Final = (960, 540)
_BLOCK: Final = 450.0
"""Metres between crossings of the arterial."""
_NORTH: Final = 380.0
"""Metres from the arterial to the road in parallel."""
_RING: Final = 17.0
"""Radius of the roundabout."""
_FLEETS: Final = (
    Fleet("city-taxi", "saloon", "yellow", 0.04),
    Fleet("parcel-vans", "van", "white", 0.03),
    Fleet("bakery-vans", "van", "blue", 0.02),
    Fleet("town-buses", "bus", "red", 0.02),
    Fleet("brewery-trucks", "box-truck", "green", 0.015),
)
_RUSH: Final = (400.0, 800.0)
"""Seconds between which more people drive, and a lorry stands in the right lane of the arterial."""
_PARKED: Final = 0.04
"""Share of vehicles that park on the way."""


def standard_plan(seed: int) -> Plan:
    """Twenty minutes, with traffic on the streets from the beginning."""
    rng = np.random.default_rng(seed)
    return Plan("standard", _SECONDS, _network(), _cameras(), _trips(rng), step=0.2, every=2, lead=_LEAD)


def _network() -> Network:
    crossings = tuple(
        Junction(
            f"J{number}",
            (_BLOCK * (number - 1), 0.0),
            "traffic_light",
            ((34.0, (f"{before}-J{number}", f"{behind}-J{number}")), (18.0, (f"{north}-J{number}", f"south{number}-J{number}"))),
            offset=-20.0 * number,
        )
        for number, before, behind, north in (
            (1, "west", "mill", "K1"), (2, "mill", "J3", "R.south"), (3, "J2", "market", "K3"), (4, "market", "east", "K4"),
        )
    )  # fmt: skip
    last = _BLOCK * 3
    others = (
        Junction("west", (-420.0, 0.0)),
        Junction("east", (last + 420.0, 0.0)),
        Junction("mill", (_BLOCK / 2, 0.0)),
        Junction("mill-yard", (_BLOCK / 2, -90.0)),
        Junction("market", (_BLOCK * 2.5, 0.0)),
        Junction("market-yard", (_BLOCK * 2.5, -90.0)),
        *(Junction(f"south{number}", (_BLOCK * (number - 1), -180.0)) for number in (1, 2, 3, 4)),
        *(Junction(f"K{number}", (_BLOCK * (number - 1), _NORTH)) for number in (1, 3, 4)),
        Junction("west-b", (-300.0, _NORTH)),
        Junction("east-b", (last + 300.0, _NORTH)),
        Junction("R.west", (_BLOCK - _RING, _NORTH)),
        Junction("R.south", (_BLOCK, _NORTH - _RING)),
        Junction("R.east", (_BLOCK + _RING, _NORTH)),
    )
    arterial = ("west-J1", "J1-mill", "mill-J2", "J2-J3", "J3-market", "market-J4", "J4-east")
    parallel = (("west-b", "K1"), ("K1", "R.west"), ("R.east", "K3"), ("K3", "K4"), ("K4", "east-b"))
    streets = (
        ("J1", "K1"), ("J2", "R.south"), ("J3", "K3"), ("J4", "K4"), ("mill-yard", "mill"), ("market-yard", "market"),
        *((f"south{number}", f"J{number}") for number in (1, 2, 3, 4)),
    )  # fmt: skip
    roads = (
        *(Edge(name, name.split("-")[0], name.split("-")[1], 2, 13.9, priority=3) for name in arterial),
        *(Edge(f"{start}-{end}", start, end, 1, 12.5, priority=2) for start, end in parallel),
        *(Edge(f"{start}-{end}", start, end, 1, 11.1) for start, end in streets),
    )
    centre = (_BLOCK, _NORTH)
    ring = (
        Edge("ring-1", "R.west", "R.south", 1, 7.0, arc(centre, _RING, 270.0, 180.0)[1:-1], 4, 4.5),
        Edge("ring-2", "R.south", "R.east", 1, 7.0, arc(centre, _RING, 180.0, 90.0)[1:-1], 4, 4.5),
        Edge("ring-3", "R.east", "R.west", 1, 7.0, arc(centre, _RING, 90.0, -90.0)[1:-1], 4, 4.5),
    )
    edges = tuple(edge for road in roads for edge in both_ways(road, f"{road.end}-{road.start}"))
    return Network((*crossings, *others), (*edges, *ring), (tuple(edge.id for edge in ring),))


def _cameras() -> tuple[CityCamera, ...]:
    views: tuple[tuple[float, float, float], ...] = (
        (-190.0, -11.0, 279.0),
        (42.0, -10.5, 281.0),
        (10.0, 34.0, 196.0),
        (_BLOCK + 42.0, -10.5, 281.0),
        (_BLOCK * 2 + 42.0, -10.5, 281.0),
        (_BLOCK * 3 + 42.0, -10.5, 281.0),
        (_BLOCK * 3 + 190.0, 11.0, 99.0),
        (-60.0, _NORTH - 9.0, 278.0),
        (730.0, _NORTH - 9.0, 278.0),
        (1180.0, _NORTH - 9.0, 278.0),
        (_BLOCK + 8.0, 130.0, 351.0),
        (_BLOCK * 2 - 8.0, 250.0, 171.0),
    )
    return tuple(
        CityCamera(f"c{number:02}", number, (x, y, 8.0), heading, 15.0, 1000.0, _SIZE)
        for number, (x, y, heading) in enumerate(views, 1)
    )


_FLOWS: Final = (
    ("west-J1", "J4-east", 520), ("east-J4", "J1-west", 480),
    ("west-J1", "K4-east-b", 60), ("west-J1", "J2-south2", 50), ("west-J1", "K1-west-b", 30), ("west-J1", "J3-south3", 40),
    ("west-J1", "market-market-yard", 20), ("west-J1", "mill-mill-yard", 20),
    ("east-J4", "K1-west-b", 60), ("east-J4", "J3-south3", 40), ("east-J4", "J1-south1", 40), ("east-J4", "mill-mill-yard", 20),
    ("west-b-K1", "K4-east-b", 140), ("east-b-K4", "K1-west-b", 130), ("west-b-K1", "J2-south2", 40),
    ("east-b-K4", "J3-south3", 40), ("west-b-K1", "J4-east", 40), ("east-b-K4", "J1-west", 30),
    ("south1-J1", "K4-east-b", 30), ("south2-J2", "K1-west-b", 40), ("south3-J3", "K4-east-b", 40), ("south4-J4", "J1-west", 30),
    ("south3-J3", "J1-west", 40), ("south1-J1", "J4-east", 40), ("south2-J2", "J4-east", 40),
    ("mill-yard-mill", "J4-east", 30), ("mill-yard-mill", "J1-west", 20), ("market-yard-market", "J4-east", 25),
    ("market-yard-market", "J1-west", 20),
)  # fmt: skip
"""From, to, and vehicles an hour when there is no rush."""
_RUSH_FACTOR: Final = 1.6


def _trips(rng: np.random.Generator) -> tuple[Trip, ...]:
    departures = sorted(
        (float(time), start, end) for start, end, per_hour in _FLOWS for time in _arrivals(rng, per_hour / 3600.0)
    )
    people = Population(rng, _FLEETS)
    trips = []
    for depart, start, end in departures:
        pace = float(np.clip(rng.normal(1.0, 0.1), 0.75, 1.3))
        vehicle = people.someone()
        halts: tuple[Halt, ...] = ()
        if rng.random() < _PARKED and (places := _on_the_way(start, end)):
            edge, at = places[rng.integers(len(places))]
            halts = (Halt(edge, at + float(rng.uniform(0.0, 60.0)), float(rng.uniform(60.0, 240.0))),)
        trips.append(Trip(vehicle, depart, start, end, halts=halts, pace=pace))
    lorry = people.private("lorry", "grey")
    stands = Halt("J2-J3", 250.0, _RUSH[1] - _RUSH[0] - 60.0, parked=False)
    return (*trips, Trip(lorry, _LEAD + _RUSH[0] - 60.0, "west-J1", "J4-east", halts=(stands,)))


def _arrivals(rng: np.random.Generator, rate: float) -> Floats:
    """Seconds from the beginning of the traffic at which somebody sets out, at ``rate`` a second and more in the rush."""
    peak = rate * _RUSH_FACTOR
    times = np.cumsum(rng.exponential(1.0 / peak, size=int(peak * (_LEAD + _SECONDS) * 2) + 20))
    times = times[times < _LEAD + _SECONDS]
    rush = (times >= _LEAD + _RUSH[0]) & (times < _LEAD + _RUSH[1])
    return times[rush | (rng.random(len(times)) < 1.0 / _RUSH_FACTOR)]


def _on_the_way(start: str, end: str) -> list[tuple[str, float]]:
    """Where a vehicle of a flow may park: along the arterial or the parallel road, in its direction."""
    if (start, end) == ("west-J1", "J4-east"):
        return [("J1-mill", 90.0), ("mill-J2", 40.0), ("J2-J3", 90.0), ("J4-east", 80.0)]
    if (start, end) == ("east-J4", "J1-west"):
        return [("J3-J2", 120.0), ("J2-mill", 60.0), ("mill-J1", 40.0)]
    if (start, end) == ("west-b-K1", "K4-east-b"):
        return [("R.east-K3", 60.0), ("K1-R.west", 150.0)]
    if (start, end) == ("east-b-K4", "K1-west-b"):
        return [("K3-R.east", 40.0), ("R.west-K1", 150.0)]
    return []
