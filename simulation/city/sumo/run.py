"""Runs SUMO on a network and its demand, and reads who was where."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from simulation.city.cameras import Floats
from simulation.city.sumo.demand import Trip, write_demand
from simulation.city.sumo.network import Network, write_network

__all__ = ["Drive", "SumoError", "drive"]

_STEP = re.compile(r'<timestep time="([\d.]+)"')
_VEHICLE = re.compile(r'<vehicle id="(\d+)" x="([-\d.]+)" y="([-\d.]+)" angle="([-\d.]+)"')


class SumoError(Exception):
    """SUMO is missing, or refused what it was given; one line."""


@dataclass(frozen=True, slots=True)
class Drive:
    """What SUMO made of it.

    Attributes:
        net: The network's XML, with lanes and outlines of junctions.
        fronts: For each vehicle's number (N, 4): time, x and y of the middle of its front, degrees clockwise from north.
    """

    net: ET.Element
    fronts: dict[int, Floats]


def drive(network: Network, trips: Iterable[Trip], seconds: float, step: float, seed: int, *, lateral: bool = True) -> Drive:
    """Lets the trips drive.

    Args:
        network: Where.
        trips: Who.
        seconds: How long.
        step: Seconds between instants.
        seed: Of SUMO's drivers.
        lateral: Vehicles move sideways smoothly, instead of from lane to lane at once.

    Raises:
        SumoError: SUMO is missing, or refused the network or the demand.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="throughline-city-") as name:
        folder = Path(name)
        net, routes, fcd = folder / "city.net.xml", folder / "city.rou.xml", folder / "fcd.xml"
        _call([
            programs / "netconvert", *write_network(network, folder), "-o", net, "--no-turnarounds", "true",
            "--junctions.corner-detail", "8", "--junctions.limit-turn-speed", "4.5", "--offset.disable-normalization", "true",
            "--no-internal-links", "false", "--default.junctions.radius", "6",
        ])  # fmt: skip
        parsed = ET.parse(net).getroot()  # noqa: S314 - written by netconvert a moment ago
        lights = folder / "lights.add.xml"
        _write_lights(network, parsed, lights)
        write_demand(trips, routes)
        _call([
            programs / "sumo", "-n", net, "-r", routes, "-a", lights, "--step-length", f"{step}", "--end", f"{seconds}",
            "--fcd-output", fcd, "--fcd-output.attributes", "id,x,y,angle", "--precision", "3", "--seed", str(seed),
            *(["--lateral-resolution", "0.8"] if lateral else []), "--time-to-teleport", "-1", "--no-step-log", "true",
            "--collision.action", "none", "--xml-validation", "never", "--no-warnings", "true",
        ])  # fmt: skip
        return Drive(parsed, _read(fcd))


def _programs() -> Path:
    package = find_spec("sumo")
    if package is None or not package.submodule_search_locations:
        raise SumoError("making a scenario anew needs SUMO: pip install 'throughline[simulation]'")
    return Path(package.submodule_search_locations[0]) / "bin"


def _call(command: list[Any]) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise SumoError(f"{Path(command[0]).name} failed: {' / '.join(last[-4:])}")


def _write_lights(network: Network, net: ET.Element, path: Path) -> None:
    """The programs of the lights: each green phase for its edges, then yellow, then red for all."""
    root = ET.Element("additional")
    for junction in network.junctions:
        if not junction.greens:
            continue
        links = {
            int(link.get("linkIndex", "0")): (link.get("from", ""), link.get("dir", "s"))
            for link in net.iter("connection")
            if link.get("tl") == junction.id
        }
        program = ET.SubElement(
            root, "tlLogic", id=junction.id, programID="own", type="static", offset=f"{junction.offset:.1f}"
        )  # fmt: skip
        for seconds, edges in junction.greens:
            green = "".join(
                ("g" if links[index][1] in "lL" else "G") if links[index][0] in edges else "r" for index in sorted(links)
            )
            for duration, state in (
                (seconds, green),
                (3.0, green.replace("g", "y").replace("G", "y")),
                (2.0, "r" * len(green)),
            ):
                ET.SubElement(program, "phase", duration=f"{duration:.1f}", state=state)
    ET.ElementTree(root).write(path, encoding="utf-8")


def _read(path: Path) -> dict[int, Floats]:
    rows: dict[int, list[tuple[float, float, float, float]]] = {}
    for number, row in _rows(path):
        rows.setdefault(number, []).append(row)
    return {number: np.array(rows[number]) for number in sorted(rows)}


def _rows(path: Path) -> Iterator[tuple[int, tuple[float, float, float, float]]]:
    time = 0.0
    with path.open(encoding="utf-8") as file:
        for line in file:
            if found := _VEHICLE.search(line):
                number, x, y, angle = found.groups()
                yield int(number), (time, float(x), float(y), float(angle))
            elif found := _STEP.search(line):
                time = float(found[1])
