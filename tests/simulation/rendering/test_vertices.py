from __future__ import annotations

import numpy as np
import pytest

from simulation.rendering.mesh import Material, Part
from simulation.rendering.shapes import box, disc, moved, ribbon, tube
from simulation.rendering.vertices import KINDS, corner_normals, vertices

GREY = Material((0.5, 0.5, 0.5))


def volume(part: Part) -> float:
    first, second, third = np.moveaxis(part.points[part.triangles], 1, 0)
    return float(np.einsum("ij,ij->i", first, np.cross(second, third)).sum() / 6)


def test_a_box_is_closed_and_looks_outwards() -> None:
    assert volume(box("plain", (5.0, 2.0, 1.0), (2.0, 3.0, 4.0), 30.0, GREY)) == pytest.approx(24.0)


def test_a_closed_tube_looks_outwards_and_has_nearly_a_cylinders_volume() -> None:
    path = np.array(((0.0, 0.0, 0.0), (0.0, 0.0, 2.0)))
    assert volume(tube("plain", path, 1.0, GREY, 64, closed=True)) == pytest.approx(2 * np.pi, rel=0.01)


def test_headings_are_clockwise_from_north() -> None:
    assert np.allclose(moved(np.array(((0.0, 1.0, 0.0),)), (2.0, 0.0, 0.0), 90.0), ((3.0, 0.0, 0.0),))


def test_flat_things_look_up_and_upright_ones_out() -> None:
    band = vertices([ribbon("marking", np.array(((0.0, 0.0), (0.0, 5.0))), 1.0, 0.01, GREY)])
    assert np.allclose(band.rows[:, 3:6], (0, 0, 1))
    face = vertices([disc("plain", (0.0, 0.0, 2.0), 0.3, 180.0, GREY)])
    assert np.allclose(face.rows[:, 3:6], (0, -1, 0), atol=1e-6)


def test_creases_stay_sharp_and_curves_become_round() -> None:
    cube = box("plain", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0, GREY)
    sharp = corner_normals(cube.points, cube.triangles)
    assert np.allclose(np.abs(sharp).max(2), 1.0)
    pipe = tube("plain", np.array(((0.0, 0.0, 0.0), (0.0, 0.0, 1.0))), 1.0, GREY, 24)
    normals = corner_normals(pipe.points, pipe.triangles)
    corners = pipe.points[pipe.triangles]
    assert np.einsum("ijk,ijk->ij", normals[..., :2], corners[..., :2]).min() > 0.99


def test_equal_corners_are_one_row_and_glass_is_kept_apart() -> None:
    solid = box("body", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0, GREY)
    glass = box("glass", (3.0, 0.0, 0.0), (1.0, 1.0, 1.0), 0.0, Material((0.1, 0.1, 0.1), opacity=0.5))
    rows = vertices([solid, glass])
    assert len(rows.rows) == 48
    assert len(rows.solid) == len(rows.clear) == 12
    assert set(rows.rows[rows.solid.ravel(), 13]) == {float(KINDS["body"])}
    assert rows.rows[rows.solid.ravel(), 6] == pytest.approx(0.2140, abs=1e-3), "colours are light, not sRGB"


def test_nothing_gives_no_rows() -> None:
    assert not len(vertices([]).rows)
