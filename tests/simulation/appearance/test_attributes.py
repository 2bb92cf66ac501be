"""Drawn answers of attribute networks have the stated confusions."""

import numpy as np
import pytest

from simulation.appearance import CONFUSIONS, Crops, DrawnAttributes
from simulation.appearance.attributes import TYPES, Attribute
from simulation.city import BODIES, CityVehicle
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS

_BODY = {BODIES[name].type: name for name in BODIES}
_PASSAGES = 3000


@pytest.mark.parametrize(("attribute", "classes"), [("type", TYPES), ("colour", VEHICLE_COLOURS), ("orientation", ORIENTATIONS)])
def test_what_is_told_is_confused_as_stated(attribute: Attribute, classes: tuple[str, ...]) -> None:
    confusion = CONFUSIONS[attribute]
    assert np.allclose(confusion.sum(axis=1), 1.0)
    for true, name in enumerate(classes):
        vehicle = CityVehicle(
            1, _BODY[name] if attribute == "type" else "saloon", name if attribute == "colour" else "red", "", 1.0, 1
        )
        side = true if attribute == "orientation" else 0
        visits = np.arange(_PASSAGES)
        told = DrawnAttributes({1: vehicle}, 5).of(
            attribute, Crops.good(np.ones(_PASSAGES, np.int64), 3, visits, np.full(_PASSAGES, side))
        )
        assert np.allclose(told.sum(axis=1), 1.0, atol=1e-5)
        shares = np.bincount(told.argmax(axis=1), minlength=len(classes)) / _PASSAGES
        assert shares == pytest.approx(confusion[true], abs=0.03)


def test_probabilities_mean_what_they_say() -> None:
    """Over vehicles of all colours alike, what is told with some probability is right about as often."""
    vehicles = {n: CityVehicle(n, "saloon", VEHICLE_COLOURS[n % len(VEHICLE_COLOURS)], "", 1.0, n) for n in range(1, 4401)}
    ids = np.array(sorted(vehicles))
    told = DrawnAttributes(vehicles, 1).of(
        "colour", Crops.good(ids, 1, np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64))
    )
    right = told.argmax(axis=1) == ids % len(VEHICLE_COLOURS)
    assert told.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.03)


def test_pictures_of_one_passage_mostly_agree() -> None:
    vehicle = {1: CityVehicle(1, "bus", "white", "", 1.0, 1)}
    visits, moments = np.repeat(np.arange(400), 2), np.tile([0, 1], 400)
    good = Crops.good(np.ones(800, np.int64), 1, visits, np.zeros(800, np.int64))
    crops = Crops(good.vehicles, good.cameras, visits, moments, good.orientations, good.heights, good.visible, good.occluders)
    told = DrawnAttributes(vehicle, 1).of("type", crops).argmax(axis=1).reshape(-1, 2)
    agree = (told[:, 0] == told[:, 1]).mean()
    by_chance = float((CONFUSIONS["type"][TYPES.index("bus")] ** 2).sum())
    assert by_chance + 0.1 < agree < 0.95
