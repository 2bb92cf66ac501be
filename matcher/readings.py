"""What cameras say of vehicles, as likelihoods: how far they are trusted, what they confuse, what is counted as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from throughline.settings import CameraMatchingSettings, Site
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS, VEHICLE_TYPES, IntArray

__all__ = ["CONFUSABLE_COLOURS", "TYPES", "LikelihoodColumn", "Reading", "Readings"]

TYPES = tuple(name for name in VEHICLE_TYPES if name != "vehicle")
"""Those of `throughline.types.VEHICLE_TYPES` that say something."""

CONFUSABLE_COLOURS: Final[Mapping[tuple[str, str], float]] = {
    ("white", "silver"): 0.10,
    ("silver", "grey"): 0.15,
    ("grey", "black"): 0.10,
    ("white", "beige"): 0.05,
    ("silver", "beige"): 0.05,
    ("beige", "brown"): 0.08,
    ("beige", "yellow"): 0.04,
    ("brown", "red"): 0.05,
    ("brown", "grey"): 0.05,
    ("brown", "black"): 0.05,
    ("red", "orange"): 0.06,
    ("orange", "yellow"): 0.06,
    ("blue", "black"): 0.06,
    ("blue", "grey"): 0.05,
    ("green", "blue"): 0.05,
    ("green", "grey"): 0.04,
    ("green", "black"): 0.04,
}
"""How often a camera calls the one colour by the name of the other: light, exposure and white balance differ between cameras.

Neighbours in brightness or hue. The figures are chosen, not measured."""

_GRID = 2.0**20


@dataclass(frozen=True, slots=True)
class Reading:
    """How probabilities over C classes, as one network says them, become likelihoods.

    What a camera says counts as far as it is trusted; the rest, and what it does not know, speaks for each class alike.

    Attributes:
        mixing: (C, C) rows sum to 1: what is likely true (column) where a class (row) is said; None: just that.
        trust: (C,) share of what is said of each class that counts, by the number of the camera; 1 for others.
        classes: C.
    """

    classes: int
    mixing: npt.NDArray[np.float64] | None
    trust: Mapping[int, tuple[float, ...]]

    def told(self, camera: int, probabilities: Sequence[float]) -> list[float]:
        """(C,) how much is said for each class; what is missing to 1 is not known."""
        trust = self.trust.get(camera)
        told = probabilities if trust is None else [value * share for value, share in zip(probabilities, trust, strict=True)]
        if self.mixing is None:
            return list(told)
        return list((np.array(told)[:, None] * self.mixing).sum(axis=0).tolist())

    def likelihoods(self, camera: int, probabilities: Sequence[float]) -> list[float]:
        """(C,) likelihood of each class up to scale, on a grid: sums of them are exact."""
        plain = self.mixing is None and camera not in self.trust
        told = probabilities if plain else self.told(camera, probabilities)
        missing = max(0.0, 1.0 - sum(told)) / self.classes
        return [round((value + missing) * _GRID) / _GRID for value in told]


@dataclass(frozen=True, slots=True)
class Readings:
    """How all that is said of vehicles is read.

    Attributes:
        types: Of `TYPES`.
        colours: Of `throughline.types.VEHICLE_COLOURS`.
        orientations: Of `throughline.types.ORIENTATIONS`.
    """

    types: Reading = Reading(len(TYPES), None, {})
    colours: Reading = Reading(len(VEHICLE_COLOURS), None, {})
    orientations: Reading = Reading(len(ORIENTATIONS), None, {})

    @classmethod
    def of(cls, site: Site) -> Readings:
        """As the site file says."""
        matching = site.matching
        cameras = [camera.matching for camera in site.cameras]
        merged = _merged(VEHICLE_COLOURS, matching.merged_colours)
        confused = _confused(VEHICLE_COLOURS, CONFUSABLE_COLOURS)
        return cls(
            Reading(
                len(TYPES),
                _merged(TYPES, matching.merged_types) if matching.merged_types else None,
                {number: _type_trust(camera) for number, camera in enumerate(cameras) if camera.type_trust != 1.0},
            ),
            Reading(
                len(VEHICLE_COLOURS),
                confused @ merged,
                {
                    n: (camera.colour_trust,) * len(VEHICLE_COLOURS)
                    for n, camera in enumerate(cameras)
                    if camera.colour_trust < 1.0
                },
            ),
            Reading(
                len(ORIENTATIONS),
                None,
                {
                    n: (camera.orientation_trust,) * len(ORIENTATIONS)
                    for n, camera in enumerate(cameras)
                    if camera.orientation_trust < 1.0
                },
            ),
        )


def _type_trust(camera: CameraMatchingSettings) -> tuple[float, ...]:
    trust = camera.type_trust
    if isinstance(trust, float):
        return (trust,) * len(TYPES)
    by_name: dict[str, float] = dict(trust.items())
    return tuple(by_name.get(name, 1.0) for name in TYPES)


def _merged(names: Sequence[str], groups: Iterable[Sequence[str]]) -> npt.NDArray[np.float64]:
    """What is said of one class of a group is said of each of them alike: as if they were one class."""
    mixing = np.eye(len(names))
    for group in groups:
        places = [names.index(name) for name in group]
        mixing[np.ix_(places, places)] = 1.0 / len(places)
    return mixing


def _confused(names: Sequence[str], shares: Mapping[tuple[str, str], float]) -> npt.NDArray[np.float64]:
    """Symmetric, so that who knows nothing still says nothing."""
    mixing = np.zeros((len(names), len(names)))
    for one, other in combinations(range(len(names)), 2):
        pair = names[one], names[other]
        mixing[one, other] = mixing[other, one] = shares.get(pair, shares.get(pair[::-1], 0.0))
    return mixing + np.diag(1.0 - mixing.sum(axis=1))


class LikelihoodColumn:
    """Likelihoods over C classes by slot, where they are known.

    Args:
        reading: How they are read.
        capacity: Slots.

    Attributes:
        reading: How they are read.
        values: (capacity, C) for slots that are ``known``.
        known: (capacity,) something is said of the sighting.
        users: How many slots are known.
    """

    def __init__(self, reading: Reading, capacity: int) -> None:
        self.reading = reading
        self.values = np.zeros((capacity, reading.classes))
        self.known = np.zeros(capacity, np.bool_)
        self.users = 0

    def put(self, slot: int, camera: int, probabilities: Sequence[float]) -> None:
        """Says what a camera sees in a slot."""
        self.values[slot] = self.reading.likelihoods(camera, probabilities)
        self.users += not self.known[slot]
        self.known[slot] = True

    def clear(self, slot: int) -> None:
        """Nothing is known of the sighting in a slot."""
        self.users -= bool(self.known[slot])
        self.known[slot] = False

    def grow(self, capacity: int) -> None:
        """Makes room for more slots."""
        more = capacity - len(self.known)
        self.values = np.concatenate([self.values, np.zeros((more, self.values.shape[1]))])
        self.known = np.concatenate([self.known, np.zeros(more, np.bool_)])

    def means(self, sets: IntArray) -> npt.NDArray[np.float64]:
        """(G, C) mean over the known slots of each set (G, M), -1 for none; NaN where none is known. The sums are exact."""
        total, count = np.zeros((len(sets), self.values.shape[1])), np.zeros(len(sets))
        for slots in sets.T:  # few, and each a long step: sums along so short an axis take several times as long
            known = (slots >= 0) & self.known[slots]
            total += self.values[slots] * known[:, None]
            count += known
        return np.asarray(total / np.where(count > 0.0, count, np.nan)[:, None])
