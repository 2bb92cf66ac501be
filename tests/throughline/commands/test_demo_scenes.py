"""The city as the demo shows it: its cameras, the roads between them, and what counts as seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulation.city.sightings import Sightings
from simulation.city.storage import shipped_scenario
from simulation.footage import Footage
from throughline.commands._demo_scenes import City
from throughline.settings import parse_site


def seen(camera: str) -> Sightings:
    """A vehicle that is far away, then near, then nearly hidden."""
    boxes = np.array([[10, 110, 30, 125], [10, 110, 60, 150], [10, 110, 60, 150]], np.float32)
    return Sightings(
        camera,
        10.0,
        np.array([0, 5, 6], np.int64),
        np.array([3, 3, 3], np.int64),
        boxes,
        np.ones(3, np.float32),
        np.array([1.0, 0.9, 0.1], np.float32),
        np.zeros((3, 2), np.float32),
        np.zeros(3, np.float32),
        np.zeros(3, np.int64),
    )


def test_a_city_with_fewer_cameras_has_the_roads_between_them(tmp_path: Path) -> None:
    scenario = shipped_scenario("demo")
    names = [camera.id for camera in scenario.cameras]
    footage = Footage(
        scenario, {name: tmp_path / f"{name}.mp4" for name in names}, {name: seen(name) for name in names}, 10.0, 120.0
    )
    scene = City(2, footage)
    assert list(scene.footage) == names[:2] == list(scene.delays)
    assert scene.seconds == 120.0
    site = parse_site("site: demo\n" + "".join(f"{key}: {value}\n" for key, value in scene.site.items()))
    assert [camera.id for camera in site.cameras] == names[:2]
    assert all(camera.ground is not None for camera in site.cameras)
    assert {(link.from_, link.to) for link in site.links} == {("c01", "c02"), ("c02", "c01")}
    for camera in site.cameras:
        assert isinstance(camera.roi, tuple), "far vehicles are left out, as an operator would do"
        assert 50 < camera.roi[0][0][1] < 150
    truth = scene.truth({"c01": 1_000_000, "c02": 2_000_000})
    assert list(truth) == names[:2]
    one = truth["c02"]
    assert (one.epoch, one.period, one.tolerance) == (2_000_000, 120_000_000, 50_000)
    assert one.times.tolist() == [0, 500_000, 600_000]
    assert one.counted is not None
    assert one.counted.tolist() == [False, True, False]
