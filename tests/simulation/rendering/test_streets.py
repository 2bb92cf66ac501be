from __future__ import annotations

import numpy as np
import pytest

from simulation.city.scenario import Road
from simulation.rendering.mesh import Part
from simulation.rendering.streets import PavedArea, kerbs, markings, paved_area, resampled, sideways, wear

CORNER, SIZE = (-80.0, -30.0), (160.0, 60.0)


@pytest.fixture(scope="module")
def area(crossing: tuple[Road, ...]) -> PavedArea:
    return paved_area(crossing, CORNER, SIZE)


def triangle_middles(parts: list[Part]) -> np.ndarray:
    return np.concatenate([part.points[part.triangles].mean(1) for part in parts])


def test_distances_are_metres_from_the_edge_and_negative_on_the_road(area: PavedArea) -> None:
    places = np.array(((-30.0, -10.8), (-30.0, -5.8), (-30.0, 0.0), (0.0, 8.8), (70.0, -3.4)))
    assert area.at(places) == pytest.approx((4.0, -1.0, -6.8, 2.0, 10.0), abs=0.35)


def test_places_beyond_the_area_count_as_its_border(area: PavedArea) -> None:
    assert area.at(np.array(((500.0, 500.0),)))[0] == area.distance[-1, -1]


def test_kerbs_stand_at_the_edge_of_the_area_and_not_between_carriageways(crossing: tuple[Road, ...], area: PavedArea) -> None:
    (stones,) = kerbs(crossing, area)
    middles = stones.points.reshape(-1, 8, 3).mean(1)
    assert np.abs(area.at(middles[:, :2])).max() < 0.45
    assert stones.points[:, 2].max() == pytest.approx(0.13)
    west = middles[(middles[:, 0] < -12) & (middles[:, 0] > -58)]
    assert set(np.sign(west[:, 1])) == {-1.0, 1.0}
    assert np.abs(west[:, 1]).min() > 6.5


def test_markings_lie_on_the_road(crossing: tuple[Road, ...], area: PavedArea) -> None:
    lines = markings(crossing, area)
    middles = triangle_middles(lines)
    assert area.at(middles[:, :2]).max() < 0.1
    assert middles[:, 2].max() < 0.02


def test_a_stop_line_ends_the_street_that_leads_to_the_junction_only(crossing: tuple[Road, ...], area: PavedArea) -> None:
    wide = [part for part in markings(crossing, area) if np.ptp(part.points[:, 1]) > 3.0 and np.ptp(part.points[:, 0]) < 0.6]
    assert len(wide) == 1
    assert wide[0].points[:, 0].mean() == pytest.approx(-8.75)
    assert wide[0].points[:, 1].mean() == pytest.approx(-3.4)


def test_wear_of_a_road_is_the_same_whatever_is_beside_it(crossing: tuple[Road, ...]) -> None:
    alone, together = wear(crossing[:1]), wear(crossing)
    assert len(alone) > 4
    for one, other in zip(alone, together, strict=False):
        assert np.array_equal(one.points, other.points)


def test_lines_are_resampled_and_shifted_to_their_right() -> None:
    line = resampled(np.array(((0.0, 0.0), (0.0, 10.0))), 3.0)
    assert np.allclose(np.diff(line[:, 1]), 2.5)
    assert np.allclose(sideways(line, 2.0)[:, 0], 2.0)
