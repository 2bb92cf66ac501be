"""The carriageways and junctions of a network, as they have to be drawn."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np

from simulation.city.cameras import Floats
from simulation.city.scenario import Road

__all__ = ["roads_of"]


def roads_of(net: ET.Element) -> tuple[Road, ...]:
    """Streets by their middles, then junctions by their outlines."""
    streets = []
    for edge in net.iter("edge"):
        if edge.get("function") == "internal":
            continue
        lanes = [_points(lane.get("shape", "")) for lane in edge.iter("lane")]
        widths = [float(lane.get("width", "3.2")) for lane in edge.iter("lane")]
        middle: Floats = np.mean(lanes, 0) if len({len(lane) for lane in lanes}) == 1 else lanes[len(lanes) // 2]
        streets.append(Road(edge.get("id", ""), middle, len(lanes), float(np.mean(widths))))
    outlines = [
        Road(junction.get("id", ""), _points(junction.get("shape", "")), 0, 0.0, "junction")
        for junction in net.iter("junction")
        if junction.get("type") not in ("internal", "dead_end") and len(junction.get("shape", "").split()) >= 3
    ]
    return (*streets, *outlines)


def _points(text: str) -> Floats:
    points: Floats = np.array([[float(value) for value in point.split(",")[:2]] for point in text.split()])
    return points
