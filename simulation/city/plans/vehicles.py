"""Who drives in a city: bodies and paints by their shares, and fleets whose members look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulation.city.fleet import BODIES, CityVehicle

__all__ = ["PAINTS", "Fleet", "Population"]

PAINTS: Final[dict[str, float]] = {
    "white": 0.22, "black": 0.19, "grey": 0.19, "silver": 0.12, "blue": 0.10, "red": 0.08,
    "green": 0.03, "brown": 0.02, "beige": 0.02, "orange": 0.02, "yellow": 0.01,
}  # fmt: skip
"""Shares of the colours of vehicles that belong to no fleet."""

_LARGEST_SEED: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Fleet:
    """Vehicles that look alike.

    Attributes:
        name: Of the firm.
        body: Of all of them.
        colour: Of all of them.
        share: Of the traffic.
    """

    name: str
    body: str
    colour: str
    share: float


class Population:
    """Gives one new vehicle after another.

    Args:
        rng: Of this population alone.
        fleets: Look-alikes and their shares; the rest of the traffic is mixed.
    """

    def __init__(self, rng: np.random.Generator, fleets: Sequence[Fleet] = ()) -> None:
        self._rng = rng
        self._fleets = {fleet.name: (fleet, int(rng.integers(_LARGEST_SEED)), float(rng.uniform(0.98, 1.02))) for fleet in fleets}
        self._count = 0
        self._bodies = list(BODIES)
        self._body_shares = np.array([body.share for body in BODIES.values()])
        self._paints = list(PAINTS)
        self._paint_shares = np.array(list(PAINTS.values()))

    def someone(self) -> CityVehicle:
        """The next vehicle, of a fleet or not, as the shares have it."""
        toss = self._rng.random()
        for fleet, _, _ in self._fleets.values():
            toss -= fleet.share
            if toss < 0:
                return self.member(fleet.name)
        return self.private()

    def member(self, fleet: str) -> CityVehicle:
        """The next vehicle, of this fleet."""
        form, seed, scale = self._fleets[fleet]
        self._count += 1
        return CityVehicle(self._count, form.body, form.colour, fleet, round(scale, 3), seed)

    def private(self, body: str | None = None, colour: str | None = None) -> CityVehicle:
        """The next vehicle, of no fleet."""
        self._count += 1
        drawn_body = self._bodies[self._rng.choice(len(self._bodies), p=self._body_shares / self._body_shares.sum())]
        drawn_paint = self._paints[self._rng.choice(len(self._paints), p=self._paint_shares / self._paint_shares.sum())]
        scale = round(float(np.clip(self._rng.normal(1.0, 0.03), 0.93, 1.07)), 3)
        seed = int(self._rng.integers(_LARGEST_SEED))
        return CityVehicle(self._count, body or drawn_body, colour or drawn_paint, "", scale, seed)
