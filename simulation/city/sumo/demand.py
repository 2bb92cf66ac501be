"""Who drives: trips, and how SUMO's drivers of each body drive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from simulation.city.fleet import BODIES, CityVehicle

__all__ = ["Halt", "Trip", "write_demand"]


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop on the way.

    Attributes:
        edge: Where, on its right lane.
        at: Metres from the edge's beginning.
        seconds: How long.
        parked: Beside the road, so that others pass; else on it.
    """

    edge: str
    at: float
    seconds: float
    parked: bool = True


@dataclass(frozen=True, slots=True)
class Trip:
    """One vehicle's way.

    Attributes:
        vehicle: Who drives.
        depart: Seconds.
        start: First edge.
        end: Last edge.
        via: Edges on the way.
        halts: Stops, in the order of the way.
        pace: Factor of the allowed speeds that the driver likes.
    """

    vehicle: CityVehicle
    depart: float
    start: str
    end: str
    via: tuple[str, ...] = ()
    halts: tuple[Halt, ...] = ()
    pace: float = 1.0


_DRIVERS: Final = {
    # class, metres a second squared of speeding up and braking, gap in metres when standing
    "car": ("passenger", 2.6, 4.0, 2.3),
    "truck": ("truck", 1.3, 3.5, 2.8),
    "bus": ("bus", 1.2, 3.5, 2.8),
    "motorcycle": ("motorcycle", 4.0, 5.0, 2.5),
}


def write_demand(trips: Iterable[Trip], path: Path) -> None:
    """Writes the trips as SUMO's route file, by departure."""
    root = ET.Element("routes")
    for trip in sorted(trips, key=lambda trip: (trip.depart, trip.vehicle.number)):
        number = str(trip.vehicle.number)
        length, width, height = trip.vehicle.size
        kind, faster, slower, gap = _DRIVERS[BODIES[trip.vehicle.body].type]
        ET.SubElement(
            root,
            "vType",
            id=f"t{number}",
            vClass=kind,
            length=f"{length:.2f}",
            width=f"{width:.2f}",
            height=f"{height:.2f}",
            accel=f"{faster}",
            decel=f"{slower}",
            minGap=f"{gap}",
            sigma="0.4",
            speedFactor=f"{trip.pace:.3f}",
            maxSpeed="38.0" if kind in ("passenger", "motorcycle") else "25.0",
            lcSpeedGain="2.0",
            laneChangeModel="SL2015",
            minGapLat="0.5",
            latAlignment="center",
        )
        route = ET.SubElement(
            root,
            "trip",
            {"from": trip.start, "to": trip.end},
            id=number,
            type=f"t{number}",
            depart=f"{trip.depart:.2f}",
            departLane="best",
            departSpeed="max",
        )
        if trip.via:
            route.set("via", " ".join(trip.via))
        for halt in trip.halts:
            ET.SubElement(
                route, "stop", lane=f"{halt.edge}_0", endPos=f"{halt.at:.1f}", duration=f"{halt.seconds:.1f}",
                parking="true" if halt.parked else "false",
            )  # fmt: skip
    ET.ElementTree(root).write(path, encoding="utf-8")
