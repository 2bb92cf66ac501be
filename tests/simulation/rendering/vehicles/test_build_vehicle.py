"""Meshes of vehicles: their sizes, their surfaces' outsides, and what decides how they look."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from simulation.city.fleet import BODIES, CityVehicle
from simulation.rendering.mesh import Model, Part
from simulation.rendering.vehicles import build_vehicle
from simulation.rendering.vehicles._paint import TINTS, finish
from throughline.types import VEHICLE_COLOURS

_BESIDE = ("mirror", "antenna", "rails", "roof-b", "sunroof", "fleet-", "beacon")
"""What sticks out of a vehicle's size."""

PURE = {
    "black": (0, 0, 0),
    "white": (240, 240, 240),
    "grey": (110, 110, 110),
    "silver": (185, 185, 190),
    "red": (180, 20, 20),
    "blue": (25, 60, 150),
    "green": (30, 100, 45),
    "yellow": (235, 200, 30),
    "orange": (230, 110, 20),
    "brown": (85, 55, 30),
    "beige": (205, 185, 145),
}
"""What the names of colours mean, in red, green and blue, chosen without a look at the paints."""


@lru_cache
def built(body: str, colour: str = "blue", fleet: str = "", seed: int = 7, scale: float = 1.0) -> Model:
    return build_vehicle(CityVehicle(1, body, colour, fleet, scale, seed))


def part(model: Model, name: str) -> Part:
    return next(part for part in model.parts if part.name == name)


def triangle_count(model: Model) -> int:
    return sum(len(part.triangles) for part in model.parts)


def volume(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("body", BODIES)
def test_has_the_size_of_its_kind_and_stands_on_the_road(body: str) -> None:
    vehicle = CityVehicle(1, body, "blue", "", 1.04, 7)
    model = built(body, scale=1.04)
    counted = np.concatenate([part.points for part in model.parts if not part.name.startswith(_BESIDE)])
    low, high = counted.min(0), counted.max(0)
    length, width, height = vehicle.size
    assert high - low == pytest.approx((width, length, height), rel=0.02)
    assert low[:2] == pytest.approx(-high[:2], abs=0.02 * length)
    assert part(model, "tyre").points[:, 2].min() == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("body", BODIES)
def test_is_detailed_but_affordable(body: str) -> None:
    for seed in range(3):
        assert 3000 <= triangle_count(built(body, seed=seed)) <= 16000


@pytest.mark.parametrize("body", BODIES)
def test_has_what_tells_a_vehicle(body: str) -> None:
    names = {part.name for part in built(body).parts}
    assert {"tyre", "rim", "plate", "ink", "rear-lamp", "mirror", "head-lamp"} <= names
    if body != "motorcycle":
        assert {"glass", "shade", "grille", "wiper", "plastic", "seam"} <= names


@pytest.mark.parametrize("body", BODIES)
def test_points_are_numbers_and_triangles_have_an_area(body: str) -> None:
    for piece in built(body).parts:
        assert np.isfinite(piece.points).all(), piece.name
        assert piece.triangles.min() >= 0
        assert piece.triangles.max() < len(piece.points)
        a, b, c = (piece.points[piece.triangles[:, corner]] for corner in range(3))
        assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 0, piece.name


@pytest.mark.parametrize("body", BODIES)
def test_outsides_of_closed_parts_are_outside(body: str) -> None:
    model = built(body)
    for name in ("plate", "mirror") if body in ("motorcycle", "lorry", "box-truck") else ("mirror",):
        piece = part(model, name)
        assert volume(piece.points, piece.triangles) > 0, name


@pytest.mark.parametrize("body", BODIES)
def test_lamps_plates_and_doors_look_away_from_the_middle(body: str) -> None:
    model = built(body)
    for name, axis in (("head-lamp", 1), ("rear-lamp", 1), ("glass", 0), ("seam", 0), ("body", 0)):
        pieces = [piece for piece in model.parts if piece.name == name]
        for piece in pieces:
            a, b, c = (piece.points[piece.triangles[:, corner]] for corner in range(3))
            normals = np.cross(b - a, c - a)
            place = (a + b + c) / 3
            assert (normals[:, axis] * place[:, axis]).sum() > 0, name


@pytest.mark.parametrize("body", BODIES)
def test_the_same_vehicle_looks_the_same_again(body: str) -> None:
    first, second = (build_vehicle(CityVehicle(number, body, "green", "", 1.0, 5)) for number in (1, 2))
    assert len(first.parts) == len(second.parts)
    for one, other in zip(first.parts, second.parts, strict=True):
        assert one.name == other.name
        assert one.material == other.material
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.triangles, other.triangles)


@pytest.mark.parametrize("body", BODIES)
def test_other_seeds_look_different(body: str) -> None:
    looks = {tuple((part.material, len(part.triangles)) for part in built(body, seed=seed).parts) for seed in range(3)}
    assert len(looks) == 3


def test_members_of_a_fleet_differ_by_dirt_alone() -> None:
    first, second, other = (
        build_vehicle(CityVehicle(1, "saloon", "yellow", fleet, 1.0, seed))
        for fleet, seed in (("city taxi", 1), ("city taxi", 2), ("east taxi", 2))
    )
    for one, two in zip(first.parts, second.parts, strict=True):
        assert np.array_equal(one.points, two.points)
        assert one.material.colour == pytest.approx(two.material.colour, abs=0.25)
    assert [len(part.triangles) for part in first.parts] != [len(part.triangles) for part in other.parts] or any(
        not np.array_equal(one.points, two.points) for one, two in zip(first.parts, other.parts, strict=True)
    )


def test_taxis_wear_a_sign_and_firms_their_marks() -> None:
    taxi = {part.name for part in built("saloon", "white", "city taxi").parts}
    firm = {part.name for part in built("van", "white", "harbour").parts}
    assert {"fleet-sign", "fleet-stripe"} <= taxi
    assert {"fleet-stripe", "fleet-letters"} <= firm
    assert not any(name.startswith("fleet") for name in (part.name for part in built("saloon", "white").parts))


def test_there_is_a_paint_for_each_colour() -> None:
    assert set(TINTS) == set(VEHICLE_COLOURS)


@pytest.mark.parametrize("colour", VEHICLE_COLOURS)
def test_paints_are_what_they_are_called(colour: str) -> None:
    names = list(PURE)
    pure = _lab(np.array([PURE[name] for name in names]) / 255)
    for seed in range(12):
        paint = finish(colour, np.random.default_rng(seed), np.random.default_rng(seed)).paint.colour
        apart = np.linalg.norm(pure - _lab(np.array([paint])), axis=1)
        assert names[int(apart.argmin())] == colour, paint


def _lab(colours: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(colours.astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0])
