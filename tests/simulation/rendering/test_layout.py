from __future__ import annotations

import cv2
import numpy as np
import pytest

from simulation.city.cameras import CityCamera
from simulation.city.scenario import Road
from simulation.rendering.layout import Layout, plan_layout
from simulation.rendering.scene import scene_before


@pytest.fixture(scope="module")
def layout(crossing: tuple[Road, ...], camera: CityCamera) -> Layout:
    return plan_layout(crossing, (camera,), seed=3)


def test_nothing_stands_on_the_road(layout: Layout) -> None:
    corners = np.concatenate([building.corners() for building in layout.buildings])
    assert layout.area.at(corners).min() > 1.5
    assert layout.area.at(np.array([tree.place for tree in layout.trees])).min() > 0.9
    assert layout.area.at(np.array([place for _, place, _, _ in layout.posts])).min() > 0.2


def test_houses_do_not_stand_in_each_other(layout: Layout) -> None:
    outlines = [building.corners().astype(np.float32) for building in layout.buildings]
    assert len(outlines) > 5
    for number, outline in enumerate(outlines):
        for other in outlines[:number]:
            assert cv2.intersectConvexConvex(outline, other)[0] < 0.6


def test_a_camera_is_not_shut_in(layout: Layout, camera: CityCamera) -> None:
    foot = np.array(camera.position[:2])
    assert min(np.hypot(*(np.array(tree.place) - foot)) for tree in layout.trees) > 9
    assert min(np.hypot(*(building.corners() - foot).T).min() for building in layout.buildings) > 9


def test_the_same_seed_gives_the_same_place(layout: Layout, crossing: tuple[Road, ...], camera: CityCamera) -> None:
    again = plan_layout(crossing, (camera,), seed=3)
    assert again.buildings == layout.buildings
    assert again.trees == layout.trees


def test_a_scene_is_finite_and_its_triangles_have_points(layout: Layout, crossing: tuple[Road, ...], camera: CityCamera) -> None:
    scene = scene_before(layout, crossing, camera)
    names = {part.name for part in (*scene.standing, *scene.lying)}
    assert {"ground", "marking", "stain", "kerb", "leaf", "pane", "bark"} <= names
    for part in (*scene.standing, *scene.lying):
        assert np.isfinite(part.points).all(), part.name
        assert len(part.triangles), part.name
        assert part.triangles.max() < len(part.points)
