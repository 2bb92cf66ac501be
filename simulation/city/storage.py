"""Scenarios and sightings in files: centimetres, milliseconds and tenths of a degree, as differences, compressed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from simulation.city._packing import Whole, differences, from_text, narrow, read_arrays, restored, to_text, write_arrays
from simulation.city.cameras import CityCamera, Floats
from simulation.city.fleet import BODIES, CityVehicle
from simulation.city.scenario import Road, Scenario, Trajectory
from simulation.city.sightings import Sightings
from throughline.types import VEHICLE_COLOURS

__all__ = ["SHIPPED", "load_scenario", "load_sightings", "save_scenario", "save_sightings", "shipped_scenario"]

SHIPPED: Final = ("demo", "standard", "load")
"""Scenarios that come with the product."""

_FOLDER: Final = Path(__file__).resolve().parent.parent / "scenarios"
_BODIES: Final = tuple(BODIES)
_MILLISECONDS: Final = 1000
_CENTIMETRES: Final = 100
_TENTHS: Final = 10
_THOUSANDTHS: Final = 1000


def shipped_scenario(name: str) -> Scenario:
    """A scenario that comes with the product.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in SHIPPED:
        raise ValueError(f"there is no scenario {name}; expected {', '.join(SHIPPED[:-1])} or {SHIPPED[-1]}")
    return load_scenario(_FOLDER / f"{name}.npz")


def save_scenario(scenario: Scenario, path: Path) -> None:
    """Writes a scenario; times are kept to 1 ms, places to 1 cm, headings to 0.1 degrees, factors of size to 0.001."""
    trajectories = scenario.trajectories
    vehicles = [scenario.vehicles[number] for number in sorted(scenario.vehicles)]
    fleets = sorted({vehicle.fleet for vehicle in vehicles})
    links = sorted(scenario.links)
    about = {
        "name": scenario.name,
        "seconds": scenario.seconds,
        "seed": scenario.seed,
        "cameras": [_camera_fields(camera) for camera in scenario.cameras],
        "roads": [[road.id, road.lanes, road.lane_width, road.kind] for road in scenario.roads],
        "fleets": fleets,
        "links": links,
    }
    counts = _lengths([trajectory.times for trajectory in trajectories])
    places = _joined([trajectory.places for trajectory in trajectories], (0, 2))
    road_counts = _lengths([road.centre for road in scenario.roads])
    roads = _joined([road.centre for road in scenario.roads], (0, 2))
    link_counts = _lengths([scenario.links[link] for link in links])
    arrays: dict[str, npt.NDArray[Any]] = {
        "about": to_text(about),
        "vehicle_numbers": _column([vehicle.number for vehicle in vehicles]),
        "vehicle_bodies": _column([_BODIES.index(vehicle.body) for vehicle in vehicles]),
        "vehicle_colours": _column([VEHICLE_COLOURS.index(vehicle.colour) for vehicle in vehicles]),
        "vehicle_fleets": _column([fleets.index(vehicle.fleet) for vehicle in vehicles]),
        "vehicle_scales": _column([round(vehicle.scale * _THOUSANDTHS) for vehicle in vehicles]),
        "vehicle_seeds": _column([vehicle.seed for vehicle in vehicles]),
        "counts": counts,
        "drivers": _column([trajectory.vehicle for trajectory in trajectories]),
        "road_counts": road_counts,
        "road_x": differences(_whole(roads[:, 0], _CENTIMETRES), road_counts),
        "road_y": differences(_whole(roads[:, 1], _CENTIMETRES), road_counts),
        "link_counts": link_counts,
        "link_times": _whole(_joined([scenario.links[link] for link in links], (0,)), _MILLISECONDS),
    }
    columns = {
        "times": _whole(_joined([trajectory.times for trajectory in trajectories], (0,)), _MILLISECONDS),
        "x": _whole(places[:, 0], _CENTIMETRES),
        "y": _whole(places[:, 1], _CENTIMETRES),
        "headings": _whole(_joined([trajectory.headings for trajectory in trajectories], (0,)), _TENTHS),
    }
    arrays.update(_column_arrays(columns, counts))
    write_arrays(path, {name: array if name == "about" else narrow(array) for name, array in arrays.items()})


def load_scenario(path: Path) -> Scenario:
    """Reads what `save_scenario` wrote.

    Raises:
        ValueError: the file is no scenario.
        OSError: it cannot be read.
    """
    arrays = read_arrays(path)
    if "about" not in arrays or "drivers" not in arrays:
        raise ValueError(f"{path}: an npz file, but no scenario of the city")
    about = from_text(arrays.pop("about"))
    whole = {name: array.astype(np.int64) for name, array in arrays.items()}
    vehicles = [
        CityVehicle(number, _BODIES[body], VEHICLE_COLOURS[colour], about["fleets"][fleet], scale / _THOUSANDTHS, seed)
        for number, body, colour, fleet, scale, seed in zip(
            *(whole[f"vehicle_{name}"].tolist() for name in ("numbers", "bodies", "colours", "fleets", "scales", "seeds")),
            strict=True,
        )
    ]
    return Scenario(
        about["name"],
        about["seconds"],
        tuple(_camera(fields) for fields in about["cameras"]),
        tuple(_roads(about["roads"], whole)),
        {vehicle.number: vehicle for vehicle in vehicles},
        tuple(_trajectories(whole)),
        {
            (link[0], link[1]): times / _MILLISECONDS
            for link, times in zip(about["links"], _split(whole["link_times"], whole["link_counts"]), strict=True)
        },
        about["seed"],
    )


def save_sightings(sightings: Sequence[Sightings], path: Path) -> None:
    """Writes the sightings of cameras; boxes are kept to 0.1 pixels, shares to 0.001, places and headings as in scenarios."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "about": to_text({"sightings": [[camera.camera, camera.fps] for camera in sightings]}),
    }
    for number, camera in enumerate(sightings):
        order = np.lexsort((camera.frames, camera.vehicles)).astype(np.int64)
        rows = camera.where(order)
        vehicles, counts = np.unique(rows.vehicles, return_counts=True)
        columns = {
            "frames": rows.frames,
            **{f"box{side}": _whole(rows.boxes[:, side], _TENTHS) for side in range(4)},
            "inside": _whole(rows.inside, _THOUSANDTHS),
            "visible": _whole(rows.visible, _THOUSANDTHS),
            "x": _whole(rows.places[:, 0], _CENTIMETRES),
            "y": _whole(rows.places[:, 1], _CENTIMETRES),
            "headings": _whole(rows.headings, _TENTHS),
            "orientations": rows.orientations,
        }
        packed = _column_arrays(columns, counts.astype(np.int64))
        packed |= {"vehicles": vehicles, "counts": counts}
        arrays.update({f"{number}_{name}": narrow(array) for name, array in packed.items()})
    write_arrays(path, arrays)


def load_sightings(path: Path) -> dict[str, Sightings]:
    """Reads what `save_sightings` wrote: the sightings of each camera, by its id.

    Raises:
        ValueError: the file holds no sightings.
        OSError: it cannot be read.
    """
    arrays = read_arrays(path)
    about = from_text(arrays.pop("about")) if "about" in arrays else {}
    if "sightings" not in about:
        raise ValueError(f"{path}: an npz file, but no sightings of the city")
    whole = {name: array.astype(np.int64) for name, array in arrays.items()}
    found = {}
    for number, (camera, fps) in enumerate(about["sightings"]):
        counts = whole[f"{number}_counts"]
        names = ("frames", "box0", "box1", "box2", "box3", "inside", "visible", "x", "y", "headings", "orientations")
        columns = {name: _restored_column(whole, name, counts, f"{number}_") for name in names}
        vehicles = np.repeat(whole[f"{number}_vehicles"], counts)
        order = np.lexsort((vehicles, columns["frames"])).astype(np.int64)
        found[camera] = Sightings(
            camera,
            fps,
            columns["frames"],
            vehicles,
            _fine(np.stack([columns[f"box{side}"] for side in range(4)], 1), _TENTHS),
            _fine(columns["inside"], _THOUSANDTHS),
            _fine(columns["visible"], _THOUSANDTHS),
            _fine(np.stack((columns["x"], columns["y"]), 1), _CENTIMETRES),
            _fine(columns["headings"], _TENTHS),
            columns["orientations"],
        ).where(order)
    return found


def _camera_fields(camera: CityCamera) -> list[Any]:
    return [
        camera.id, camera.number, camera.position, camera.heading, camera.depression, camera.focal, camera.size, camera.reach,
    ]  # fmt: skip


def _camera(fields: list[Any]) -> CityCamera:
    id_, number, position, heading, depression, focal, size, reach = fields
    return CityCamera(id_, number, tuple(position), heading, depression, focal, tuple(size), reach)


def _roads(about: list[Any], whole: dict[str, Whole]) -> list[Road]:
    counts = whole["road_counts"]
    centres = np.stack([restored(whole[name], counts) for name in ("road_x", "road_y")], 1) / _CENTIMETRES
    return [
        Road(id_, centre, lanes, lane_width, kind)
        for (id_, lanes, lane_width, kind), centre in zip(about, _split(centres, counts), strict=True)
    ]


def _trajectories(whole: dict[str, Whole]) -> list[Trajectory]:
    counts = whole["counts"]
    columns = {name: _restored_column(whole, name, counts) for name in ("times", "x", "y", "headings")}
    places = np.stack((columns["x"], columns["y"]), 1) / _CENTIMETRES
    parts = zip(
        whole["drivers"].tolist(),
        _split(columns["times"] / _MILLISECONDS, counts),
        _split(places, counts),
        _split(columns["headings"] / _TENTHS, counts),
        strict=True,
    )
    return [Trajectory(*part) for part in parts]


_ORDERS: Final = {"times": 2, "x": 2, "y": 2, "headings": 1, "frames": 1, "inside": 1, "visible": 1, "orientations": 1}
"""How often differences are taken: things that move steadily have small second ones. Sides of boxes: once."""


def _column_arrays(columns: dict[str, Whole], counts: Whole) -> dict[str, npt.NDArray[Any]]:
    """Each column as the first value of each run, and the differences after it, which are small."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    starts = np.cumsum(counts) - counts
    for name, values in columns.items():
        first = values[starts]
        arrays[f"{name}_first"] = first
        arrays[name] = differences(values - np.repeat(first, counts), counts, _ORDERS.get(name, 1))
    return arrays


def _restored_column(whole: dict[str, Whole], name: str, counts: Whole, prefix: str = "") -> Whole:
    changes, first = whole[f"{prefix}{name}"], whole[f"{prefix}{name}_first"]
    return restored(changes, counts, _ORDERS.get(name, 1)) + np.repeat(first, counts)


def _column(values: Sequence[int]) -> Whole:
    return np.array(values, np.int64)


def _lengths(parts: Sequence[npt.NDArray[Any]]) -> Whole:
    return np.array([len(part) for part in parts], np.int64)


def _joined(parts: Sequence[Floats], empty: tuple[int, ...]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(empty)


def _split(values: npt.NDArray[Any], counts: Whole) -> list[npt.NDArray[Any]]:
    return np.split(values, np.cumsum(counts)[:-1]) if len(counts) else []


def _whole(values: npt.NDArray[Any], scale: int) -> Whole:
    return np.rint(values.astype(np.float64) * scale).astype(np.int64)


def _fine(values: Whole, scale: int) -> npt.NDArray[np.float32]:
    return (values / scale).astype(np.float32)
