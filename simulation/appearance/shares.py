"""How much of what an embedding says is owed to what, so that it tells vehicles apart as well as is stated.

An embedding is a sum of independent normal vectors of E numbers: what its vehicle adds, what the side that is seen has in common
for all vehicles, what the camera adds, what this passage adds (light, shadows, place) and what this one picture adds. The shares
of the variance sum to 1. The cosine of two such vectors, of which a share r is the same, is a correlation coefficient over E
numbers, whose inverse hyperbolic tangent is nearly normal with mean z(r) = atanh r + r / (2 E) and variance 1 / (E - 2) (Fisher,
*On the "probable error" of a coefficient of correlation deduced from a small sample*, Metron 1921). So one vehicle's pair, which
shares r, is more alike than two vehicles' pair, which shares s, with the probability

    AUC(r, s) = Phi((z(r) - z(s)) sqrt((E - 2) / 2)).

What side and camera add is the same for all pairs that two cameras see from two sides, and so tells nothing apart: r and s are
shares of the rest.

What a vehicle adds, of share a, has parts that its body type, its colour and its fleet give, and its own part: two vehicles of
one fleet share the first three, any two those that they happen to have in common. A part q of all of that is seen from one side
only: from the front, the rear, or the sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from simulation.city.fleet import CityVehicle

__all__ = ["AppearanceModel", "Shares", "auc", "solve_shares"]

_MOST = 0.95
"""Of what side, camera and picture leave, that a vehicle can make."""


@dataclass(frozen=True, slots=True)
class AppearanceModel:
    """How well embeddings tell vehicles apart.

    Areas under the ROC curve (AUC) are of pairs of single pictures, large ones of whole vehicles, by two cameras; what small or
    hidden ones lose comes on top, and what the mean over a passage gains.

    Attributes:
        auc: Of one vehicle against any two vehicles of the city, all seen from the same side.
        look_alike_auc: Of one vehicle against two of one fleet, seen from the same side.
        other_side_auc: Of one vehicle against any two, one seen from the front and one from the rear.
        body: Share of what a vehicle adds that all of its body type have in common.
        colour: ... that all of its colour have in common.
        view: Share of the variance that all vehicles seen from one side have in common.
        camera: Share of the variance that a camera adds to all of its pictures.
        picture: Share of the variance that is each picture's own.
        effective: E. Cosines of unlike vehicles have the standard deviation E ** -0.5.
        dimension: Length of an embedding, at least E + 11.
        good_height: Pixels from which on size brings nothing; below, the picture's own variance grows with the square of what
            is missing.
    """

    auc: float = 0.98
    look_alike_auc: float = 0.75
    other_side_auc: float = 0.9
    body: float = 0.12
    colour: float = 0.2
    view: float = 0.06
    camera: float = 0.06
    picture: float = 0.12
    effective: int = 32
    dimension: int = 256
    good_height: float = 64.0

    def __post_init__(self) -> None:
        if not 0.5 < self.look_alike_auc < self.auc < 1.0 or not 0.5 < self.other_side_auc <= self.auc:
            raise ValueError(
                "expected 0.5 < look_alike_auc < auc < 1 and 0.5 < other_side_auc <= auc, "
                f"found {self.look_alike_auc}, {self.other_side_auc} and {self.auc}"
            )
        if not self.effective >= 3 or self.directions > self.dimension:
            raise ValueError(
                f"expected 3 <= effective <= dimension - {self.directions - self.effective}, "
                f"found {self.effective} and {self.dimension}"
            )

    @property
    def directions(self) -> int:
        """Of the numbers that vectors are made of: E of vehicles, the three sides, and eight of cameras."""
        return self.effective + 3 + 8


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the variance of an embedding of a good picture.

    Attributes:
        identity: Of the vehicle, all parts together.
        fleet: Share of `identity` that all of its fleet have in common, beside body and colour.
        own: Share of `identity` that is the vehicle's alone, where it has a fleet; where it has none, the fleet's too.
        side: Share of `identity` that is seen from one side only.
        passage: Of this passage of this vehicle by this camera.
    """

    identity: float
    fleet: float
    own: float
    side: float
    passage: float


def auc(same: float, different: float, effective: int) -> float:
    """AUC(r, s) of the module's formula."""
    between = np.arctanh(same) - np.arctanh(different) + (same - different) / (2 * effective)
    return float(ndtr(between * np.sqrt((effective - 2) / 2)))


def solve_shares(model: AppearanceModel, vehicles: Mapping[int, CityVehicle]) -> Shares:
    """The shares by which the stated figures hold for these vehicles.

    Raises:
        ValueError: they cannot hold together.
    """
    alike = _alike(vehicles.values())

    def common(kind: tuple[bool, bool, bool], fleet: float) -> float:
        body, colour, same_fleet = kind
        return model.body * body + model.colour * colour + fleet * same_fleet

    rest = 1.0 - model.view - model.camera

    def of_any(identity: float, fleet: float) -> float:
        same = identity / rest
        return sum(share * auc(same, same * common(kind, fleet), model.effective) for kind, share in alike.items())

    def fleet_of(identity: float) -> float:
        def excess(fleet: float) -> float:
            same = identity / rest
            return auc(same, same * common((True, True, True), fleet), model.effective) - model.look_alike_auc

        most = 1.0 - model.body - model.colour
        return float(brentq(excess, 0.0, most)) if excess(0.0) > 0.0 else 0.0

    most = _MOST * (rest - model.picture)
    if of_any(most, fleet_of(most)) < model.auc:
        raise ValueError(
            f"an AUC of {model.auc} needs a larger share of the vehicle than the other parts leave; "
            f"make view, camera or picture smaller, or effective larger"
        )
    identity = float(brentq(lambda share: of_any(share, fleet_of(share)) - model.auc, 1e-3, most))
    fleet = fleet_of(identity)

    def other_side(side: float) -> float:
        return of_any(identity * (1.0 - side), fleet) - model.other_side_auc

    side = float(brentq(other_side, 0.0, 1.0)) if other_side(0.0) > 0.0 else 0.0
    own = 1.0 - model.body - model.colour - fleet
    return Shares(identity, fleet, own, side, rest - model.picture - identity)


def _alike(vehicles: Iterable[CityVehicle]) -> dict[tuple[bool, bool, bool], float]:
    """Share of the pairs of different vehicles that have body, colour and fleet in common, by which they have."""
    looks = Counter((vehicle.body, vehicle.colour, vehicle.fleet) for vehicle in vehicles)
    pairs: Counter[tuple[bool, bool, bool]] = Counter()
    for one, many in looks.items():
        for other, others in looks.items():
            same = one[0] == other[0], one[1] == other[1], bool(one[2]) and one[2] == other[2]
            pairs[same] += many * (others - (one == other))
    total = pairs.total()
    return {kind: count / total for kind, count in pairs.items()} if total else {(False, False, False): 1.0}
