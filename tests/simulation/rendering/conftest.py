"""A small crossing, a camera over it, and the means to draw them."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.city.cameras import CityCamera
from simulation.city.scenario import Road


@pytest.fixture(scope="session")
def crossing() -> tuple[Road, ...]:
    """Two carriageways beside each other from west to a junction, and one road that leaves it to the east."""
    return (
        Road("in", np.array(((-60.0, -3.4), (-8.0, -3.4))), 2, 3.4),
        Road("out", np.array(((-8.0, 3.4), (-60.0, 3.4))), 2, 3.4),
        Road("on", np.array(((8.0, -3.4), (60.0, -3.4))), 2, 3.4),
        Road("junction", np.array(((-8.0, -6.8), (8.0, -6.8), (8.0, 6.8), (-8.0, 6.8))), 0, 0.0, "junction"),
    )


@pytest.fixture(scope="session")
def camera() -> CityCamera:
    """Looks west along the crossing's western arm."""
    return CityCamera("c01", 1, (10.0, -12.0, 7.0), 284.0, 16.0, 170.0, (160, 90))
