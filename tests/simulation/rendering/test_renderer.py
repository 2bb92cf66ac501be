from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("moderngl", reason="needs the extra `simulation`")

from simulation.city.cameras import CityCamera
from simulation.city.fleet import BODIES, CityVehicle
from simulation.city.scenario import Road, Scenario, Trajectory
from simulation.city.storage import load_sightings
from simulation.rendering import footage
from simulation.rendering._canvas import RenderingError, canvas
from simulation.rendering.layout import Layout
from simulation.rendering.light import Light
from simulation.rendering.mesh import Material, Model
from simulation.rendering.renderer import PlacedVehicle, Renderer
from simulation.rendering.scene import Scene, scene_before
from simulation.rendering.shapes import box
from simulation.rendering.streets import paved_area
from simulation.rendering.truth import TruthRows, box_in_picture, hull_points

try:
    canvas()
except RenderingError as error:
    pytest.skip(str(error), allow_module_level=True)

HIGH_SUN = Light(azimuth=90.0, elevation=50.0, overcast=0.0)


def block(number: int, place: tuple[float, float], heading: float = 270.0) -> PlacedVehicle:
    body = box("body", (0.0, 0.0, 0.3), (1.8, 4.4, 1.2), 0.0, Material((0.7, 0.1, 0.1)))
    glass = box("glass", (0.0, 0.0, 1.5), (1.5, 2.0, 0.3), 0.0, Material((0.1, 0.1, 0.1), roughness=0.05, opacity=0.6))
    return PlacedVehicle(number, Model((body, glass)), place, heading)


@pytest.fixture(scope="module")
def layout(crossing: tuple[Road, ...]) -> Layout:
    return Layout(paved_area(crossing, (-90.0, -40.0), (180.0, 80.0), cell=0.25))


@pytest.fixture(scope="module")
def scene(layout: Layout, crossing: tuple[Road, ...], camera: CityCamera) -> Scene:
    bare = scene_before(layout, crossing, camera)
    wall = box("plaster", (-24.0, 2.0, 0.0), (0.4, 6.0, 3.0), 0.0, Material((0.7, 0.7, 0.6)))
    return Scene((*bare.standing, wall), bare.lying, bare.edge, bare.edge_area)


@pytest.fixture(scope="module")
def renderer(scene: Scene, camera: CityCamera) -> Renderer:
    return Renderer(scene, HIGH_SUN, camera, samples=2)


def test_a_free_vehicle_is_seen_whole_and_one_behind_another_or_a_wall_in_part(renderer: Renderer) -> None:
    shares = renderer.picture([block(1, (-8.0, -5.0)), block(7, (-14.0, -4.6)), block(9, (-28.0, 4.0), 90.0)], 1.0).shares
    assert shares[1][0] == shares[1][1] > 500
    assert 0 < shares[7][0] < 0.95 * shares[7][1]
    assert shares[9][0] < 0.8 * shares[9][1]


def test_vehicles_beside_the_picture_have_no_share(renderer: Renderer) -> None:
    assert 1 not in renderer.picture([block(1, (40.0, -3.4))], 1.0).shares


def test_a_vehicle_changes_the_picture_inside_its_box_and_throws_a_shadow_beside_it(
    renderer: Renderer, camera: CityCamera
) -> None:
    vehicle = block(3, (-10.0, -3.4))
    empty, full = renderer.picture([], 1.0).light, renderer.picture([vehicle], 1.0).light
    points = np.column_stack((hull_points(vehicle.model), np.ones(len(hull_points(vehicle.model))))) @ vehicle.to_world().T
    found = box_in_picture(camera, points[:, :3])
    assert found is not None
    left, top, right, bottom = found[0].round().astype(int)
    changed = np.abs(full - empty).max(2) > 0.02
    inside = np.zeros_like(changed)
    inside[top:bottom, left:right] = True
    assert changed[inside].mean() > 0.6
    darker = (full.mean(2) < 0.8 * empty.mean(2)) & ~inside
    assert darker.sum() > 15
    assert np.abs(full - empty)[:5].max() < 1e-4


def test_light_fades_when_a_cloud_passes(renderer: Renderer) -> None:
    bright, dull = renderer.picture([], 1.0).light, renderer.picture([], 0.2).light
    assert dull.mean() < 0.75 * bright.mean()
    assert (dull <= bright + 1e-6).all()


def test_shadows_of_what_stands_fall_away_from_the_sun(scene: Scene, camera: CityCamera) -> None:
    """The wall's shadow lies on the road west of it in the morning, and east of it in the evening."""
    spot = np.array(((-22.5, 2.0, 0.0), (-25.5, 2.0, 0.0)))
    high = CityCamera("c09", 9, (-24.0, -14.0, 24.0), 0.0, 55.0, 120.0, (120, 90))
    (east, west) = high.to_picture(high.to_camera(spot)).round().astype(int)
    morning = Renderer(scene, Light(azimuth=90.0, elevation=40.0, overcast=0.0), high, samples=2).picture([], 1.0).light
    evening = Renderer(scene, Light(azimuth=270.0, elevation=40.0, overcast=0.0), high, samples=2).picture([], 1.0).light
    assert evening[east[1], east[0]].mean() < 0.6 * morning[east[1], east[0]].mean()
    assert morning[west[1], west[0]].mean() < 0.6 * evening[west[1], west[0]].mean()


def test_truth_leaves_out_what_is_too_far_and_cuts_boxes_at_the_border(camera: CityCamera) -> None:
    rows = TruthRows(camera, 10.0)
    near, far, cut = block(1, (-12.0, -3.4)), block(2, (-90.0, -3.4)), block(3, (-5.0, 1.5))
    rows.add(4, [cut, far, near], {1: (40, 50), 2: (9, 9), 3: (10, 10)})
    truth = rows.sightings()
    assert truth.vehicles.tolist() == [1, 3]
    assert truth.frames.tolist() == [4, 4]
    assert truth.visible == pytest.approx((0.8, 1.0))
    assert truth.inside[0] == pytest.approx(1.0)
    assert 0 < truth.inside[1] < 1
    assert (truth.boxes >= 0).all()
    assert (truth.boxes[:, 2:] <= camera.size).all()


def test_a_clip_has_as_many_pictures_as_told_and_its_truth_beside_it(
    layout: Layout, crossing: tuple[Road, ...], camera: CityCamera, tmp_path: Path
) -> None:
    vehicle = CityVehicle(5, "saloon", "blue", "", 1.0, 3)
    assert vehicle.body in BODIES
    way = Trajectory(5, np.array((0.0, 1.0)), np.array(((-14.0, -3.4), (-4.0, -3.4))), np.array((90.0, 90.0)))
    scenario = Scenario("test", 0.6, (camera,), crossing, {5: vehicle}, (way,))
    options = footage.Options(samples=1)
    steps = list(footage.render_camera(scenario, layout, camera, tmp_path, options))
    assert steps[-1] == (6, 6)
    with av.open(str(tmp_path / "c01.mp4")) as clip:
        assert clip.streams.video[0].average_rate == Fraction(10)
        assert sum(1 for _ in clip.decode(video=0)) == 6
    truth = load_sightings(tmp_path / ".c01.truth.npz")["c01"]
    assert truth.frames.tolist() == [0, 1, 2, 3, 4, 5]
    assert set(truth.vehicles.tolist()) == {5}
    assert truth.places[:, 0] == pytest.approx(np.linspace(-14, -9, 6), abs=0.02)
    assert truth.visible.min() > 0.9


def test_clips_that_are_there_are_left_alone_and_truth_is_collected(
    crossing: tuple[Road, ...], camera: CityCamera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Trajectory(5, np.array((0.0, 1.0)), np.array(((-14.0, -3.4), (-4.0, -3.4))), np.array((90.0, 90.0)))
    other = CityCamera("c02", 2, (-60.0, -12.0, 7.0), 80.0, 16.0, 170.0, (160, 90))
    vehicles = {5: CityVehicle(5, "hatchback", "red", "", 1.0, 4)}
    scenario = Scenario("test", 0.2, (camera, other), crossing, vehicles, (way,))
    monkeypatch.setattr(footage, "shipped_scenario", lambda name: scenario)
    monkeypatch.setattr(
        footage, "plan_layout", lambda roads, cameras, seed: Layout(paved_area(roads, (-90.0, -40.0), (180.0, 80.0)))
    )
    arguments = ["test", "--out", str(tmp_path), "--samples", "1"]
    assert footage.main([*arguments, "--cameras", "c02"]) == 0
    assert not (tmp_path / "truth.npz").exists()
    written = (tmp_path / "c02.mp4").stat().st_mtime_ns
    assert footage.main(arguments) == 0
    assert (tmp_path / "c02.mp4").stat().st_mtime_ns == written
    assert sorted(file.name for file in tmp_path.iterdir()) == ["c01.mp4", "c02.mp4", "truth.npz"]
    truth = load_sightings(tmp_path / "truth.npz")
    assert list(truth) == ["c01", "c02"]
    (tmp_path / "c01.mp4").unlink()
    assert footage.main(arguments) == 0
    assert len(load_sightings(tmp_path / "truth.npz")["c01"]) == len(truth["c01"]) == 2


def test_a_mirror_that_faces_the_camera_gives_numbers(scene: Scene) -> None:
    """By rounding, it faces it by a cosine beyond 1; an undefined value would stay, as exposure follows the picture before."""
    camera = CityCamera("c01", 1, (30.0, -6.0, 1.2), 247.3, 0.0, 30_000.0, (32, 18))
    plate = box("body", (0.0, 0.0, 0.2), (2.0, 0.1, 2.0), 0.0, Material((0.8, 0.8, 0.8), metallic=1.0, roughness=0.05))
    renderer = Renderer(scene, HIGH_SUN, camera, samples=1)
    for step in range(4):
        place = np.array(camera.position) + camera.axes()[2] * (30.0 + step * 0.37)
        vehicle = PlacedVehicle(1, Model((plate,)), (float(place[0]), float(place[1])), camera.heading - 180)
        picture = renderer.picture([vehicle], 1.0)
        assert picture.shares[1][0] == 32 * 18 * 4
        assert np.isfinite(picture.light).all()
