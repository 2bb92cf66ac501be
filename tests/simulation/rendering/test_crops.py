from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="needs the extra `simulation`")

from simulation.city.cameras import CityCamera
from simulation.city.fleet import BODIES
from simulation.city.scenario import Road
from simulation.city.storage import shipped_scenario
from simulation.rendering import crops
from simulation.rendering._canvas import RenderingError, canvas
from simulation.rendering.layout import Layout
from simulation.rendering.light import light_of_day
from simulation.rendering.renderer import Renderer
from simulation.rendering.scene import scene_before
from simulation.rendering.streets import paved_area
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS, VEHICLE_TYPES, Image


@pytest.fixture
def bare_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streets without houses and trees, which take seconds to draw."""
    try:
        canvas()
    except RenderingError as error:
        pytest.skip(str(error))

    def renderer(camera: CityCamera, seed: int, samples: int) -> Renderer:
        road = (Road("north", np.array(((3.5, -40.0), (3.5, 80.0))), 2, 3.5),)
        bare = Layout(paved_area(road, (-40.0, -60.0), (80.0, 160.0)))
        return Renderer(scene_before(bare, road, camera), light_of_day(seed), camera, samples)

    monkeypatch.setattr(crops, "_renderer", renderer)


def texture() -> Image:
    values = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    return np.ascontiguousarray(values)


def test_no_two_vehicles_look_alike_and_none_is_a_scenario_s() -> None:
    drawn = crops.draw_vehicles(3000, np.random.default_rng(0))
    assert [vehicle.number for vehicle in drawn] == list(range(1, 3001))
    assert {vehicle.body for vehicle in drawn} == set(BODIES)
    assert {vehicle.colour for vehicle in drawn} == set(VEHICLE_COLOURS)
    members = Counter((vehicle.fleet, vehicle.body, vehicle.colour) for vehicle in drawn if vehicle.fleet)
    assert len(members) > 150
    assert max(members.values()) == 1
    seeds = {vehicle.seed for vehicle in drawn}
    assert len(seeds) == len(drawn)
    assert not seeds & {vehicle.seed for vehicle in shipped_scenario("demo").vehicles.values()}


@pytest.mark.parametrize(("vehicles", "places", "each"), [(40, 8, 1), (60, 6, 3), (10, 2, 2), (3, 1, 1)])
def test_each_vehicle_is_at_as_many_places_as_asked_for(vehicles: int, places: int, each: int) -> None:
    here = crops.draw_places(vehicles, places, each, np.random.default_rng(0))
    assert len(here) == places
    assert Counter(index for place in here for index in place) == dict.fromkeys(range(vehicles), each)
    assert all(len(set(place)) == len(place) for place in here)
    assert min(map(len, here)) > 0.6 * vehicles * each / places


def test_those_who_meet_at_one_place_seldom_meet_again() -> None:
    first, *others = crops.draw_places(400, 10, 3, np.random.default_rng(1))
    shared = [len(set(first) & set(place)) / len(first) for place in others]
    assert max(shared) < 0.4


def test_compression_keeps_less_the_more_it_is_asked_to() -> None:
    image = texture()
    lost = [np.abs(crops.compress(image, crf).astype(int) - image).mean() for crf in (4, 20, 36)]
    assert lost == sorted(lost)
    assert crops.compress(image, 20).shape == image.shape


@pytest.mark.usefixtures("bare_places")
def test_a_vehicle_keeps_its_name_from_camera_to_camera(tmp_path: Path) -> None:
    asked = ["--vehicles", "8", "--places", "3", "--places-each", "2", "--views", "3", "--samples", "1", "--seed", "4"]
    crops.main(["--out", str(tmp_path), *asked])
    with (tmp_path / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 16
    assert {path.name for path in tmp_path.glob("*.jpg")} == {row["file"] for row in rows}
    places: dict[str, set[str]] = {}
    for row in rows:
        places.setdefault(row["vehicle_id"], set()).add(row["cam"])
        assert row["class"] in VEHICLE_TYPES
        assert row["orientation"] in ORIENTATIONS
        assert row["colour"].removesuffix("?") in ("", *VEHICLE_COLOURS)
    assert max(len(seen) for seen in places.values()) == 2
    assert {row["cam"] for row in rows} == {"c000", "c001", "c002"}


def test_a_vehicle_cannot_be_at_more_places_than_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        crops.main(["--out", str(tmp_path / "none"), "--places", "2", "--places-each", "3"])
    assert "--places-each: expected 1 to 2" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
