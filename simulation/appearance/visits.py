"""Which time this is that a vehicle passes a camera."""

from __future__ import annotations

import numpy as np

from simulation.city.sightings import Sightings
from throughline.types import IntArray

__all__ = ["visits_of"]

_AWAY = 10.0
"""Seconds out of view after which a vehicle has come anew."""


def visits_of(sightings: Sightings, away: float = _AWAY) -> IntArray:
    """(M,) number of the visit of each sighting, from 0, counted for each vehicle.

    Args:
        sightings: Of one camera.
        away: Seconds out of view after which a vehicle has come anew.
    """
    order = np.lexsort((sightings.frames, sightings.vehicles))
    vehicles, frames = sightings.vehicles[order], sightings.frames[order]
    other = np.diff(vehicles, prepend=vehicles[:1] - 1) != 0
    anew = ~other & (np.diff(frames, prepend=frames[:1]) > away * sightings.fps)
    count = np.cumsum(anew)
    first = np.maximum.accumulate(np.where(other, np.arange(len(order)), 0))
    visits = np.empty(len(order), np.int64)
    visits[order] = count - count[first] if len(order) else count
    return visits
