"""Drawn embeddings tell vehicles apart as well as is stated, and follow from what they belong to alone."""

import numpy as np
import pytest

from simulation.appearance import AppearanceModel, Crops, DrawnEmbeddings
from simulation.city import BODIES, CityVehicle
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS

_FRONT, _REAR = ORIENTATIONS.index("front"), ORIENTATIONS.index("rear")
_COUNT = 400


def _city(fleets: int = 25) -> dict[int, CityVehicle]:
    rng = np.random.default_rng(3)
    names = list(BODIES)
    vehicles = {}
    for number in range(1, _COUNT + 1):
        fleet = number % (2 * fleets)
        draw = np.random.default_rng(fleet) if fleet < fleets else rng  # a fleet is of one body and colour
        body, colour = str(draw.choice(names)), str(draw.choice(VEHICLE_COLOURS))
        vehicles[number] = CityVehicle(number, body, colour, f"fleet {fleet}" if fleet < fleets else "", 1.0, number)
    return vehicles


def _measured(model: AppearanceModel, one: int, other: int, *, fleets: bool = False) -> float:
    """Mean over cities and pairs of cameras of the share of different vehicles' pairs that are less alike than one vehicle's."""
    vehicles = _city()
    ids = np.array(sorted(vehicles))
    fleet = np.array([vehicles[number].fleet for number in ids])
    different = ids[:, None] != ids
    if fleets:
        different &= (fleet[:, None] == fleet) & (fleet != "")
    shares = []
    for seed in range(6):
        drawn = DrawnEmbeddings(vehicles, seed, model)
        first, second = (
            drawn.of(Crops.good(ids, camera, np.zeros(_COUNT, np.int64), np.full(_COUNT, side)))
            for camera, side in ((2 * seed, one), (2 * seed + 1, other))
        )
        alike = first @ second.T
        same = np.diag(alike)[different.any(axis=1)]
        shares.append(np.searchsorted(np.sort(alike[different]), same).mean() / different.sum())
    return float(np.mean(shares))


@pytest.mark.parametrize("stated", [AppearanceModel(), AppearanceModel(auc=0.95, look_alike_auc=0.7, other_side_auc=0.8)])
def test_the_stated_areas_hold(stated: AppearanceModel) -> None:
    assert _measured(stated, _FRONT, _FRONT) == pytest.approx(stated.auc, abs=0.01)
    assert _measured(stated, _FRONT, _REAR) == pytest.approx(stated.other_side_auc, abs=0.01)
    assert _measured(stated, _FRONT, _FRONT, fleets=True) == pytest.approx(stated.look_alike_auc, abs=0.01)


def _crops(count: int = 60) -> Crops:
    rng = np.random.default_rng(1)
    return Crops(
        rng.integers(1, _COUNT, count),
        rng.integers(0, 5, count),
        rng.integers(0, 2, count),
        rng.integers(0, 900, count),
        rng.integers(0, 8, count),
        rng.uniform(15, 100, count).astype(np.float32),
        rng.uniform(0.2, 1.2, count).clip(max=1).astype(np.float32),
        rng.integers(0, _COUNT, count),
    )


def test_nothing_depends_on_order_or_company() -> None:
    crops, drawn = _crops(), DrawnEmbeddings(_city(), 7)
    together = drawn.of(crops)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    backwards = DrawnEmbeddings(_city(), 7).of(crops.where(np.arange(len(crops))[::-1]))[::-1]
    assert np.allclose(together, backwards, atol=1e-6)
    assert np.allclose(together[11:12], drawn.of(crops.where(slice(11, 12))), atol=1e-6)
    assert not np.allclose(together, DrawnEmbeddings(_city(), 8).of(crops), atol=0.1)


def test_small_and_hidden_vehicles_look_less_like_themselves() -> None:
    drawn, ids, none = DrawnEmbeddings(_city(), 2), np.arange(1, 201), np.zeros(200, np.int64)
    good = Crops.good(ids, 1, none, none)
    reference = drawn.of(Crops.good(ids, 2, none, none))

    def alike(height: float, visible: float, occluder: int = 0) -> float:
        crops = Crops(
            ids, good.cameras, none, none, none,
            np.full(200, height, np.float32), np.full(200, visible, np.float32), np.full(200, occluder),
        )  # fmt: skip
        return float((drawn.of(crops) * reference).sum(axis=1).mean())

    assert alike(200, 1) > alike(32, 1) + 0.05 > alike(16, 1) + 0.15
    assert alike(200, 1) > alike(200, 0.6) + 0.05 > alike(200, 0.2) + 0.15
    in_front = drawn.of(Crops.good(np.full(200, 300), 1, none, none))
    covered = Crops(ids, good.cameras, none, none, none, good.heights, np.full(200, 0.3, np.float32), np.full(200, 300))
    assert (drawn.of(covered) * in_front).sum(axis=1).mean() > (drawn.of(good) * in_front).sum(axis=1).mean() + 0.2


def test_what_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"look_alike_auc < auc"):
        AppearanceModel(auc=0.7, look_alike_auc=0.8)
    with pytest.raises(ValueError, match="larger share"):
        DrawnEmbeddings(_city(), 1, AppearanceModel(auc=0.999, effective=4, dimension=64))
    with pytest.raises(ValueError, match="dimension"):
        AppearanceModel(effective=64, dimension=64)
