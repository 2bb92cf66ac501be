"""Embeddings of vehicles without pictures of them, drawn so that they tell vehicles apart as well as is stated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from simulation.appearance.crops import Crops
from simulation.appearance.randomness import keys_of, normals
from simulation.appearance.shares import AppearanceModel, Shares, solve_shares
from simulation.city.fleet import CityVehicle
from throughline.types import ORIENTATIONS, FloatArray, IntArray

__all__ = ["DrawnEmbeddings"]

_BODY, _COLOUR, _FLEET, _OWN, _CAMERA, _PASSAGE, _PICTURE, _COVER, _BASIS = range(10, 19)
"""What is drawn; see `keys_of`."""
_SIDES = 3
_CAMERA_DIRECTIONS = 8
_ROOT = 0.5**0.5
_SEEN: Final = np.array([
    (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (_ROOT, 0.0, _ROOT), (0.0, _ROOT, _ROOT),
    (0.0, 0.0, 1.0), (_ROOT, 0.0, _ROOT), (0.0, _ROOT, _ROOT),
])  # fmt: skip
"""(8, 3) how much of front, rear and sides is seen, by `ORIENTATIONS`; squares sum to 1. A vehicle's left is like its right."""


class DrawnEmbeddings:
    """Draws embeddings by the model of `simulation.appearance.shares`.

    What a picture shows of a vehicle is

        r = sqrt(a) identity(vehicle, side) + sqrt(p) passage + sqrt(n k) picture,   k = max(1, (good height / height) ** 2)

    and, where only a share u of the vehicle is visible, sqrt(u) r + sqrt(1 - u) times the same of the vehicle in front, or of
    scenery, before the picture's own part is added. What all vehicles seen from one side, or by one camera, have in common lies
    in directions of its own: three for the sides, eight for cameras. So the whole is

        x = (sqrt(1 - v - c) r / |r|,  sqrt(v) side,  sqrt(c) camera / |camera|)

    turned into D numbers by a fixed rotation.

    Nothing is remembered: the same seed, vehicle, camera, visit and moment give the same vector, in whatever order.

    Args:
        vehicles: Of the city, by number: body, colour and fleet make some look alike.
        seed: Of the city.
        model: What is stated.

    Attributes:
        model: What is stated.
        shares: What follows from it.
    """

    def __init__(self, vehicles: Mapping[int, CityVehicle], seed: int, model: AppearanceModel | None = None) -> None:
        self.model: Final = model or AppearanceModel()
        self.shares: Final[Shares] = solve_shares(self.model, vehicles)
        self._seed: Final = seed
        size = max(vehicles, default=0) + 1
        self._groups: Final = np.zeros((3, size), np.int64)
        """(3, vehicles) body, colour and fleet by number; fleet 0: none."""
        for row, names in enumerate(
            (
                {v.body for v in vehicles.values()},
                {v.colour for v in vehicles.values()},
                {v.fleet for v in vehicles.values()} - {""},
            )
        ):
            numbers = {name: number for number, name in enumerate(sorted(names), 1)}
            for number, vehicle in vehicles.items():
                self._groups[row, number] = numbers.get((vehicle.body, vehicle.colour, vehicle.fleet)[row], 0)
        turned = normals(keys_of(_BASIS, seed, np.arange(self.model.dimension)), self.model.directions)
        self._basis: Final = np.linalg.qr(turned)[0].T.astype(np.float32)

    def of(self, crops: Crops) -> FloatArray:
        """(N, D) float32 unit vectors of pictures."""
        if not len(crops):
            return np.zeros((0, self.model.dimension), np.float32)
        seen = np.sqrt(np.clip(crops.visible.astype(np.float64), 0.0, 1.0))[:, None]
        whole = self._vehicles(crops.vehicles, crops)
        if (seen < 1.0).any():
            whole = seen * whole + np.sqrt(1.0 - seen**2) * self._covers(crops)
        scale = np.maximum(1.0, self.model.good_height / np.maximum(crops.heights.astype(np.float64), 1.0))[:, None]
        whole += np.sqrt(self.model.picture) * scale * self._drawn(_PICTURE, *_passage(crops), crops.moments)
        rest = np.sqrt(1.0 - self.model.view - self.model.camera)
        camera = normals(keys_of(_CAMERA, self._seed, crops.cameras), _CAMERA_DIRECTIONS)
        side = _SEEN[crops.orientations]
        parts = (rest * _unit(whole), np.sqrt(self.model.view) * side, np.sqrt(self.model.camera) * _unit(camera))
        return np.concatenate(parts, axis=1).astype(np.float32) @ self._basis

    def _vehicles(self, vehicles: IntArray, crops: Crops) -> npt.NDArray[np.float64]:
        """(N, E) what pictures show of vehicles in these places, without the picture's own part."""
        passage = self._drawn(_PASSAGE, vehicles, crops.cameras, crops.visits)
        identity = self._identities(vehicles, crops.orientations)
        return np.asarray(np.sqrt(self.shares.identity) * identity + np.sqrt(self.shares.passage) * passage)

    def _identities(self, vehicles: IntArray, orientations: IntArray) -> npt.NDArray[np.float64]:
        """(N, E) what vehicles add, seen from these sides."""
        known, place = np.unique(np.stack((vehicles, orientations)), axis=1, return_inverse=True)
        numbers, seen = known[0], _SEEN[known[1]]
        inside = np.where((numbers > 0) & (numbers < self._groups.shape[1]), numbers, 0)
        body, colour, fleet = self._groups[:, inside]
        model, shares = self.model, self.shares
        parts = (
            (_BODY, body, np.where(body > 0, model.body, 0.0)),
            (_COLOUR, colour, np.where(colour > 0, model.colour, 0.0)),
            (_FLEET, fleet, np.where(fleet > 0, shares.fleet, 0.0)),
        )
        total = np.zeros((len(numbers), model.effective))
        rest = np.ones(len(numbers))
        for kind, group, share in parts:
            total += np.sqrt(share)[:, None] * self._from_sides(kind, group, seen)
            rest -= share
        total += np.sqrt(rest)[:, None] * self._from_sides(_OWN, numbers, seen)
        return np.asarray(total[place.reshape(-1)])

    def _from_sides(self, kind: int, group: IntArray, seen: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(N, E) what is seen from everywhere, and what from these sides only."""
        values, place = np.unique(group, return_inverse=True)
        drawn = np.sqrt(1.0 - self.shares.side) * self._drawn(kind, values, 0)[place]
        for side in range(_SIDES):
            weight = np.sqrt(self.shares.side) * seen[:, side, None]
            drawn = drawn + weight * self._drawn(kind, values, side + 1)[place]
        return np.asarray(drawn)

    def _covers(self, crops: Crops) -> npt.NDArray[np.float64]:
        """(N, E) what stands in front of vehicles."""
        vehicle = crops.occluders > 0
        scenery = self._drawn(_COVER, *_passage(crops))
        return np.where(vehicle[:, None], self._vehicles(crops.occluders, crops), scenery)

    def _drawn(self, kind: int, *parts: int | IntArray) -> npt.NDArray[np.float64]:
        return normals(keys_of(kind, self._seed, *parts), self.model.effective)


def _passage(crops: Crops) -> tuple[IntArray, IntArray, IntArray]:
    return crops.vehicles, crops.cameras, crops.visits


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


assert len(_SEEN) == len(ORIENTATIONS)  # noqa: S101 - a row for each side
