"""The demo's stretch: an arterial with lights and a bend, a side street, and four cameras.

Seen from above, metres; north is up. Eastbound traffic passes c01 (its fronts), c02 at the lights (fronts), and c04 beyond the
bend (rears: it looks the other way). c03 looks down the side street over the same crossing as c02, so their views overlap.

    west --------- yard -------------- J --------- mews ----.
      <- c01               <- c02    (c03 looks south)       '-. c04 ->
                                       |                         '--- east
                                     side street
"""

from __future__ import annotations

import math

import numpy as np

from simulation.city.cameras import CityCamera
from simulation.city.plans.plan import Plan
from simulation.city.plans.vehicles import Fleet, Population
from simulation.city.sumo.demand import Halt, Trip
from simulation.city.sumo.network import Edge, Junction, Network, arc, both_ways

__all__ = ["demo_plan"]

_SIZE = (640, 360)
_FLEETS = (Fleet("city-taxi", "saloon", "yellow", 0.0), Fleet("parcel-vans", "van", "white", 0.0))
_LAST_DEPARTURE = 60.0
_SIDE = ("north-J", "south-J")


def demo_plan(seed: int) -> Plan:
    """120 seconds, empty at both ends."""
    rng = np.random.default_rng(seed)
    return Plan("demo", 120.0, _network(), _cameras(), _trips(rng), everywhere=True)


def _network() -> Network:
    east = Edge(
        "mews-east", "mews", "east", 2, via=arc((100.0, 110.0), 110.0, 180.0, 125.0), priority=3
    )  # leaves the bend towards north-east
    last = east.via[-1]
    end = (last[0] + 115.0 * math.sin(math.radians(35.0)), last[1] + 115.0 * math.cos(math.radians(35.0)))
    roads = (
        Edge("west-yard", "west", "yard", 2, via=arc((-190.0, -120.0), 120.0, -25.0, 0.0), priority=3),
        Edge("yard-J", "yard", "J", 2, priority=3),
        Edge("J-mews", "J", "mews", 2, priority=3),
        east,
        Edge("north-J", "north", "J", 1, 11.1, priority=2),
        Edge("J-south", "J", "south", 1, 11.1, priority=2),
        Edge("works-yard", "works", "yard", 1, 8.3),
        Edge("court-mews", "court", "mews", 1, 8.3),
    )
    edges = tuple(edge for road in roads for edge in both_ways(road, f"{road.end}-{road.start}"))
    arterial, side = ("yard-J", "mews-J"), ("north-J", "south-J")
    return Network(
        (
            Junction("west", (-295.1, -36.6)),
            Junction("yard", (-110.0, 0.0)),
            Junction("works", (-110.0, -70.0)),
            Junction("J", (0.0, 0.0), "traffic_light", ((24.0, arterial), (9.0, side)), offset=22.0),
            Junction("mews", (75.0, 0.0)),
            Junction("court", (75.0, -70.0)),
            Junction("east", end),
            Junction("north", (0.0, 190.0)),
            Junction("south", (0.0, -170.0)),
        ),
        edges,
    )


def _cameras() -> tuple[CityCamera, ...]:
    return (
        CityCamera("c01", 1, (-150.0, -11.0, 7.5), 285.0, 15.0, 667.0, _SIZE),
        CityCamera("c02", 2, (42.0, -10.5, 8.0), 286.0, 15.0, 667.0, _SIZE),
        CityCamera("c03", 3, (10.0, 34.0, 8.5), 196.0, 17.0, 600.0, _SIZE),
        CityCamera("c04", 4, (108.0, -14.0, 7.5), 52.0, 15.0, 667.0, _SIZE),
    )


def _trips(rng: np.random.Generator) -> tuple[Trip, ...]:
    people = Population(rng, _FLEETS)
    ways = [
        ("west-yard", "mews-east", 0.40),
        ("east-mews", "yard-west", 0.32),
        ("west-yard", "J-south", 0.05),
        ("north-J", "J-south", 0.04),
        ("north-J", "mews-east", 0.06),
        ("south-J", "yard-west", 0.05),
        ("south-J", "J-north", 0.03),
        ("east-mews", "J-north", 0.05),
    ]
    members = ["city-taxi"] * 6 + ["parcel-vans"] * 4 + ["white saloon"] * 5 + [""] * 37
    order = rng.permutation(len(members))
    shares = np.array([share for _, _, share in ways])
    trips = []
    for place, index in enumerate(order):
        kind = members[index]
        vehicle = (
            people.private("saloon", "white") if kind == "white saloon" else people.member(kind) if kind else people.private()
        )
        late = place > 0.6 * len(members)
        chances = np.where([start in _SIDE and late for start, _, _ in ways], 0.0, shares)  # they wait for longer at the lights
        start, end, _ = ways[rng.choice(len(ways), p=chances / chances.sum())]
        depart = 0.5 + (place + rng.uniform(0.0, 0.8)) * (_LAST_DEPARTURE - 0.5) / len(members)
        pace = float(np.clip(rng.normal(1.0, 0.1), 0.8, 1.25))
        trips.append(Trip(vehicle, depart, start, end, pace=pace))
    return (
        *trips,
        Trip(people.private("van", "blue"), 8.0, "west-yard", "mews-east", halts=(Halt("yard-J", 25.0, 10.0, parked=False),)),
        Trip(people.private("hatchback", "red"), 5.0, "works-yard", "mews-east"),
        Trip(people.private("suv", "black"), 9.0, "court-mews", "yard-west"),
        Trip(people.private("estate", "grey"), 18.0, "east-mews", "yard-works"),
        Trip(people.private("pickup", "white"), 30.0, "west-yard", "yard-works"),
    )
