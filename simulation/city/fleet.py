"""What vehicles of the city are: body, measures, paint, and the fleet that makes some of them look alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BODIES", "Body", "CityVehicle"]


@dataclass(frozen=True, slots=True)
class Body:
    """A body type.

    Attributes:
        type: What a detector calls it, one of `throughline.types.VEHICLE_TYPES`.
        length: Metres, of a typical one.
        width: Metres, without mirrors.
        height: Metres.
        share: Of the traffic.
    """

    type: str
    length: float
    width: float
    height: float
    share: float


BODIES: Final[dict[str, Body]] = {
    "hatchback": Body("car", 4.05, 1.76, 1.48, 0.22),
    "saloon": Body("car", 4.70, 1.82, 1.44, 0.24),
    "estate": Body("car", 4.65, 1.82, 1.50, 0.10),
    "suv": Body("car", 4.55, 1.88, 1.68, 0.17),
    "van": Body("car", 5.10, 1.95, 2.05, 0.09),
    "pickup": Body("truck", 5.30, 1.90, 1.80, 0.04),
    "box-truck": Body("truck", 7.20, 2.30, 3.10, 0.05),
    "lorry": Body("truck", 11.0, 2.50, 3.70, 0.02),
    "bus": Body("bus", 12.0, 2.55, 3.05, 0.03),
    "motorcycle": Body("motorcycle", 2.10, 0.75, 1.55, 0.04),
}
"""Body types by name; the shares sum to 1. A van counts as a car, a pickup as a truck, as COCO's labels have it."""


@dataclass(frozen=True, slots=True)
class CityVehicle:
    """One vehicle.

    Attributes:
        number: Its identity, from 1.
        body: One of `BODIES`.
        colour: One of `throughline.types.VEHICLE_COLOURS`.
        fleet: Name of the fleet of look-alikes it belongs to (taxis, vans of one firm); empty: none.
        scale: Factor of its body's length, width and height.
        seed: Decides every detail of its looks that is not named here.
    """

    number: int
    body: str
    colour: str
    fleet: str
    scale: float
    seed: int

    @property
    def size(self) -> tuple[float, float, float]:
        """Length, width and height in metres."""
        body = BODIES[self.body]
        return body.length * self.scale, body.width * self.scale, body.height * self.scale
