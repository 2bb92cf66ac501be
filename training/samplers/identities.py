"""P vehicles in K pictures each: what metric losses learn from."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from training.errors import DataError
from training.randomness import generator

__all__ = ["IdentityCameraSampler", "IdentitySampler", "Indices", "Sampler"]

Indices: TypeAlias = npt.NDArray[np.int64]


class Sampler(Protocol):
    """Draws batches; the same step always has the same one."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which everything comes once."""

    def indices(self, step: int) -> Indices:
        """(B,) numbers of the pictures of a step (from 0)."""


class IdentitySampler:
    """P x K: shuffles the vehicles anew in each epoch, takes P of them a step and K pictures of each.

    Pictures of one vehicle are drawn without replacement, with it where there are fewer than K. Vehicles left over at the end
    of an epoch, fewer than P, are dropped.

    Args:
        vehicles: (N,) vehicle of each picture.
        identities: P.
        images: K.
        seed: The recipe's.

    Raises:
        DataError: there are fewer than P vehicles.
    """

    def __init__(self, vehicles: Indices, identities: int, images: int, seed: int) -> None:
        order = np.argsort(vehicles, kind="stable")
        numbers, starts = np.unique(vehicles[order], return_index=True)
        if len(numbers) < identities:
            raise DataError(f"a batch of {identities} vehicles is asked for, and there are {len(numbers)} in all")
        self._pictures = dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=True))
        self._numbers = numbers
        self._identities, self._images, self._seed = identities, images, seed

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which every vehicle comes once."""
        return len(self._numbers) // self._identities

    def indices(self, step: int) -> Indices:
        """(P * K,) numbers of pictures, vehicle by vehicle."""
        random = generator(self._seed, "images", step)
        return np.concatenate([self._draw(vehicle, random) for vehicle in self.vehicles(step).tolist()])

    def vehicles(self, step: int) -> Indices:
        """(P,) vehicles of a step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order: Indices = generator(self._seed, "identities", epoch).permutation(self._numbers)
        return order[place * self._identities : (place + 1) * self._identities]

    def _draw(self, vehicle: int, random: np.random.Generator) -> Indices:
        pictures = self._pictures[vehicle]
        return random.choice(pictures, self._images, replace=len(pictures) < self._images)


class IdentityCameraSampler(IdentitySampler):
    """P x K where the K pictures of a vehicle come from different cameras.

    Cameras repeat only where there are fewer than K: each then gives one picture a round, the cameras that have pictures left
    in another random order each round. Pictures repeat only when a vehicle has fewer than K in all.

    Args:
        vehicles: (N,) vehicle of each picture.
        cameras: (N,) camera of each picture.
        identities: P.
        images: K.
        seed: The recipe's.

    Raises:
        DataError: there are fewer than P vehicles.
    """

    def __init__(self, vehicles: Indices, cameras: Indices, identities: int, images: int, seed: int) -> None:
        super().__init__(vehicles, identities, images, seed)
        self._cameras = cameras

    def _draw(self, vehicle: int, random: np.random.Generator) -> Indices:
        pictures = self._pictures[vehicle]
        drawn: list[int] = []
        left: dict[int, list[int]] = {}
        while len(drawn) < self._images:
            if not left:
                for picture in random.permutation(pictures).tolist():
                    left.setdefault(int(self._cameras[picture]), []).append(picture)
            for camera in random.permutation(list(left)).tolist():
                drawn.append(left[camera].pop())
                if not left[camera]:
                    del left[camera]
        return np.array(drawn[: self._images], np.int64)
