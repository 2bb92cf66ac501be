"""What networks tell of vehicles they are shown, drawn with stated confusions: type, colour, and the side that is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from simulation.appearance.crops import Crops
from simulation.appearance.randomness import keys_of, uniforms
from simulation.city.fleet import BODIES, CityVehicle
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS, VEHICLE_TYPES, FloatArray, IntArray

__all__ = ["CONFUSIONS", "TYPES", "Attribute", "DrawnAttributes", "told_classes"]

Attribute: TypeAlias = Literal["type", "colour", "orientation"]

TYPES: Final = tuple(name for name in VEHICLE_TYPES if name != "vehicle")

_STEADY = 0.7
"""Share of pictures of one passage of which the same is told: what misleads a network stays for a while."""
_SHARPNESS = (0.7, 1.4)
"""Least and most power by which a picture makes the mean answer surer or less sure."""
_KINDS: Final[dict[str, int]] = {"type": 30, "colour": 31, "orientation": 32}


def _matrix(
    names: Sequence[str], right: Mapping[str, float], wrong: Mapping[str, Mapping[str, float]]
) -> npt.NDArray[np.float64]:
    """(C, C) rows sum to 1; what is wrong is spread as told, a hundredth of it over all."""
    matrix = np.zeros((len(names), len(names)))
    for row, name in enumerate(names):
        weights = np.array([wrong[name].get(other, 0.01) * (other != name) for other in names])
        matrix[row] = (1.0 - right[name]) * weights / weights.sum()
        matrix[row, row] = right[name]
    return matrix


def _sides() -> npt.NDArray[np.float64]:
    """Neighbouring sides are taken for each other, and front for rear."""
    around = ("front", "right-front", "right", "right-rear", "rear", "left-rear", "left", "left-front")
    matrix = np.zeros((len(ORIENTATIONS), len(ORIENTATIONS)))
    for place, name in enumerate(around):
        row = ORIENTATIONS.index(name)
        matrix[row] = 0.01 / (len(ORIENTATIONS) - 4)
        for beside in (-1, 1):
            matrix[row, ORIENTATIONS.index(around[(place + beside) % len(around)])] = 0.06
        matrix[row, ORIENTATIONS.index(around[(place + 4) % len(around)])] = 0.03
        matrix[row, row] = 0.84
    return matrix


CONFUSIONS: Final[Mapping[Attribute, npt.NDArray[np.float64]]] = {
    "type": _matrix(
        TYPES,
        {"car": 0.93, "motorcycle": 0.99, "bus": 0.55, "truck": 0.87},
        {"car": {"truck": 1.0}, "motorcycle": {"car": 1.0}, "bus": {"truck": 0.8, "car": 0.2}, "truck": {"car": 0.8, "bus": 0.2}},
    ),
    "colour": _matrix(
        VEHICLE_COLOURS,
        dict.fromkeys(VEHICLE_COLOURS, 0.82)
        | {"grey": 0.66, "silver": 0.6, "beige": 0.62, "brown": 0.65, "orange": 0.75, "white": 0.88},
        {
            "black": {"grey": 0.6, "blue": 0.2, "brown": 0.1, "green": 0.1},
            "white": {"silver": 0.7, "beige": 0.3},
            "grey": {"silver": 0.5, "black": 0.35, "blue": 0.15},
            "silver": {"grey": 0.55, "white": 0.4, "beige": 0.05},
            "red": {"orange": 0.4, "brown": 0.5, "black": 0.1},
            "blue": {"black": 0.5, "grey": 0.4, "green": 0.1},
            "green": {"grey": 0.4, "black": 0.3, "blue": 0.3},
            "yellow": {"orange": 0.6, "beige": 0.4},
            "orange": {"red": 0.5, "yellow": 0.5},
            "brown": {"beige": 0.3, "black": 0.3, "red": 0.3, "grey": 0.1},
            "beige": {"white": 0.35, "silver": 0.35, "brown": 0.3},
        },
    ),
    "orientation": _sides(),
}
"""(C, C) by attribute: how often (column) is what a network says of a vehicle of which (row) is true.

Types are as sure as the shipped embedder's head was on held-out footage (`docs/models/vehicle-embedder.md`); colours and sides
are chosen, not measured."""


class DrawnAttributes:
    """Draws what networks tell of pictures: probabilities, of which the largest is what is told.

    What is told of a picture has the stated confusions; of most pictures of one passage it is the same. The probabilities are
    what follows from it, if all classes are as frequent, surer or less sure from picture to picture. Nothing is remembered.

    Args:
        vehicles: Of the city, by number.
        seed: Of the city.
    """

    def __init__(self, vehicles: Mapping[int, CityVehicle], seed: int) -> None:
        self._seed: Final = seed
        size = max(vehicles, default=0) + 1
        self._true: Final = {"type": np.zeros(size, np.int64), "colour": np.zeros(size, np.int64)}
        for number, vehicle in vehicles.items():
            self._true["type"][number] = TYPES.index(BODIES[vehicle.body].type)
            self._true["colour"][number] = VEHICLE_COLOURS.index(vehicle.colour)

    def of(self, attribute: Attribute, crops: Crops) -> FloatArray:
        """(N, C) float32 probabilities, in the order of `TYPES`, `VEHICLE_COLOURS` or `ORIENTATIONS`; rows sum to 1."""
        confusion = CONFUSIONS[attribute]
        told = told_classes(self._classes(attribute, crops), confusion, _KINDS[attribute], self._seed, crops)
        follows = confusion[:, told].T
        low, high = _SHARPNESS
        passage = (crops.vehicles, crops.cameras, crops.visits)
        power = low + (high - low) * uniforms(keys_of(_KINDS[attribute], self._seed, 3, *passage, crops.moments), 1)
        weights = (follows / follows.sum(axis=1, keepdims=True)) ** power
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)

    def true_types(self, vehicles: IntArray) -> IntArray:
        """(N,) index into `TYPES`; 0 for what is no vehicle."""
        return self._looked_up("type", vehicles)

    def _classes(self, attribute: Attribute, crops: Crops) -> IntArray:
        return crops.orientations if attribute == "orientation" else self._looked_up(attribute, crops.vehicles)

    def _looked_up(self, attribute: str, vehicles: IntArray) -> IntArray:
        true = self._true[attribute]
        return np.asarray(true[np.where((vehicles > 0) & (vehicles < len(true)), vehicles, 0)])


def told_classes(true: IntArray, confusion: npt.NDArray[np.float64], kind: int, seed: int, crops: Crops) -> IntArray:
    """(N,) class that is told of each picture.

    Args:
        true: (N,) class.
        confusion: (C, C), see `CONFUSIONS`.
        kind: Of what is told; see `keys_of`.
        seed: Of the city.
        crops: The pictures.
    """
    passage = (crops.vehicles, crops.cameras, crops.visits)
    of_passage = uniforms(keys_of(kind, seed, 0, *passage), 1)
    steady = uniforms(keys_of(kind, seed, 1, *passage, crops.moments), 1) < _STEADY
    of_picture = uniforms(keys_of(kind, seed, 2, *passage, crops.moments), 1)
    chance = np.where(steady, of_passage, of_picture)
    return np.asarray(np.minimum((chance > np.cumsum(confusion, axis=1)[true]).sum(axis=1), len(confusion) - 1), np.int64)
