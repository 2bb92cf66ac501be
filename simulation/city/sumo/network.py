"""A road network, as netconvert takes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET

__all__ = ["Edge", "Junction", "Network", "Point", "arc", "both_ways", "write_network"]

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Junction:
    """A point where edges meet or end.

    Attributes:
        id: Its name.
        at: x and y in metres.
        kind: As SUMO has it: ``priority``, ``traffic_light``, ``right_before_left`` ...
        greens: Of traffic lights: for each green phase its seconds and the edges that then may go.
        offset: Of traffic lights: seconds by which its cycle starts later.
    """

    id: str
    at: Point
    kind: str = "priority"
    greens: tuple[tuple[float, tuple[str, ...]], ...] = ()
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Edge:
    """A carriageway of one direction between two junctions.

    Attributes:
        id: Its name.
        start: Id of the junction that it comes from.
        end: Id of the junction that it leads to.
        lanes: Beside each other.
        speed: Metres a second that are allowed.
        via: Points between its ends.
        priority: Where edges meet at a junction without lights, the higher one goes first.
        lane_width: Metres.
    """

    id: str
    start: str
    end: str
    lanes: int = 1
    speed: float = 13.9
    via: tuple[Point, ...] = ()
    priority: int = 1
    lane_width: float = 3.4


@dataclass(frozen=True, slots=True)
class Network:
    """Junctions, edges, and roundabouts (the edges of each, in the direction of travel)."""

    junctions: tuple[Junction, ...]
    edges: tuple[Edge, ...]
    roundabouts: tuple[tuple[str, ...], ...] = ()


def arc(centre: Point, radius: float, start: float, end: float) -> tuple[Point, ...]:
    """Nine points of an arc, from one compass direction (degrees, seen from its centre) to another."""
    angles = (math.radians(start + (end - start) * step / 8) for step in range(9))
    return tuple((centre[0] + radius * math.sin(angle), centre[1] + radius * math.cos(angle)) for angle in angles)


def both_ways(forth: Edge, back: str) -> tuple[Edge, Edge]:
    """An edge and the one the other way beside it, called ``back``."""
    return forth, Edge(
        back, forth.end, forth.start, forth.lanes, forth.speed, forth.via[::-1], forth.priority, forth.lane_width
    )  # fmt: skip


def write_network(network: Network, folder: Path) -> list[str]:
    """Writes the files that netconvert reads, and gives its arguments that name them."""
    nodes = ET.Element("nodes")
    for junction in network.junctions:
        ET.SubElement(nodes, "node", id=junction.id, x=f"{junction.at[0]:.2f}", y=f"{junction.at[1]:.2f}", type=junction.kind)
    edges = ET.Element("edges")
    places = {junction.id: junction.at for junction in network.junctions}
    for edge in network.edges:
        shape = (places[edge.start], *edge.via, places[edge.end])
        ET.SubElement(
            edges,
            "edge",
            {"from": edge.start, "to": edge.end},
            id=edge.id,
            numLanes=str(edge.lanes),
            speed=f"{edge.speed:.2f}",
            priority=str(edge.priority),
            width=f"{edge.lane_width:.2f}",
            shape=_shape(shape),
            spreadType="right",
        )
    for ring in network.roundabouts:
        at = {edge.id: edge for edge in network.edges}
        ET.SubElement(edges, "roundabout", nodes=" ".join(at[edge].start for edge in ring), edges=" ".join(ring))
    arguments = []
    for option, root, name in (("-n", nodes, "city.nod.xml"), ("-e", edges, "city.edg.xml")):
        ET.ElementTree(root).write(folder / name, encoding="utf-8")
        arguments += [option, str(folder / name)]
    return arguments


def _shape(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
