"""Vehicles of the city as meshes: parametric bodies with everything that makes a detector see a vehicle."""

from __future__ import annotations

import zlib

import numpy as np

from simulation.city.fleet import CityVehicle
from simulation.rendering.mesh import Model
from simulation.rendering.vehicles._buses import add_bus
from simulation.rendering.vehicles._car_shapes import SHAPES
from simulation.rendering.vehicles._cars import add_car
from simulation.rendering.vehicles._livery import add_livery, is_taxi
from simulation.rendering.vehicles._lorries import add_box_truck, add_lorry
from simulation.rendering.vehicles._motorcycle import add_motorcycle
from simulation.rendering.vehicles._paint import finish
from simulation.rendering.vehicles._shapes import Assembly
from simulation.rendering.vehicles._shell import Shell

__all__ = ["build_vehicle"]

_OUTSIDE = frozenset(
    {
        "antenna",
        "mirror",
        "mirror-foot",
        "mirror-glass",
        "rails",
        "roof-bars",
        "roof-box",
        "sunroof",
        "fleet-sign",
        "fleet-letters",
        "beacon",
    }
)
"""Parts that a vehicle's size leaves out."""


def build_vehicle(vehicle: CityVehicle) -> Model:
    """The mesh of a vehicle.

    Its body, colour, fleet and seed decide how it looks, and nothing else: the same make the same picture. Members of a
    fleet are built alike, and differ by dirt alone.
    """
    firm = zlib.crc32(f"{vehicle.fleet} {vehicle.body}".encode())
    looks = np.random.default_rng(firm if vehicle.fleet else vehicle.seed)
    materials = finish(vehicle.colour, looks, np.random.default_rng((vehicle.seed, 1)))
    model = Assembly()
    low: Shell | None = None
    high: Shell | None = None
    if vehicle.body in SHAPES:
        panelled = vehicle.body == "van" and (bool(vehicle.fleet) or looks.random() < 0.6)
        low, high = add_car(model, vehicle.body, materials, looks, panelled and not is_taxi(vehicle.fleet))
    elif vehicle.body == "motorcycle":
        add_motorcycle(model, materials, looks)
    else:
        low = {"box-truck": add_box_truck, "lorry": add_lorry, "bus": add_bus}[vehicle.body](model, materials, looks)
    if vehicle.fleet and low is not None:
        add_livery(model, vehicle.fleet, vehicle.colour, looks, low, high)
    return model.model(vehicle.size, _OUTSIDE)
