from __future__ import annotations

import numpy as np
import pytest

from benchmarks.embedder_sides import score_by_side

# Two vehicles, from the front at place 0, from the front and from the rear at place 1; what is seen of both from behind is alike.
VECTORS = np.array(((1, 0, 0), (0, 1, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1)), np.float32)
VEHICLES = np.array((1, 2, 1, 2, 1, 2))
PLACES = np.array((0, 0, 1, 1, 1, 1))
DEGREES = np.array((0.0, 0.0, 0.0, 0.0, 180.0, 180.0))


def test_one_side_is_found_again_and_the_opposite_one_is_not() -> None:
    same = score_by_side(VECTORS, VEHICLES, PLACES, DEGREES, (0, 0))
    assert (same.queries, same.rank1, same.precision, same.area) == (4, 1.0, 1.0, 1.0)
    opposite = score_by_side(VECTORS, VEHICLES, PLACES, DEGREES, (180, 180))
    assert opposite.queries == 4
    assert opposite.area == pytest.approx(0.5)
    assert opposite.precision < 1


def test_sides_are_compared_around_the_vehicle() -> None:
    degrees = np.array((350.0, 350.0, 10.0, 10.0, 180.0, 180.0))
    assert score_by_side(VECTORS, VEHICLES, PLACES, degrees, (20, 20)).queries == 4


def test_pictures_of_the_same_place_prove_nothing() -> None:
    nothing = score_by_side(VECTORS, VEHICLES, np.zeros(6, np.int64), DEGREES, (0, 180))
    assert nothing.queries == 0
    assert np.isnan([nothing.rank1, nothing.precision, nothing.area]).all()
