"""The drawn road: its truth agrees with its pixels, it repeats by seed, and it can be looped."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import pytest

from simulation.drawn_road import DrawnRoad, draw_road
from simulation.drawn_road.traffic import schedule
from simulation.drawn_road.view import RoadView
from throughline.formats.aicity import AiCityRow, read_aicity
from throughline.settings import load_site
from throughline.types import FloatArray

SECONDS = 34.0
SIZE = (320, 180)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("road")


@pytest.fixture(scope="module")
def road(folder: Path) -> DrawnRoad:
    return draw_road(folder, seed=4, seconds=SECONDS, fps=5.0, size=SIZE)


@pytest.fixture(scope="module")
def rows(road: DrawnRoad) -> list[AiCityRow]:
    return read_aicity(road.truth)


def pictures(path: Path) -> FloatArray:
    """(frames, height, width) grey values."""
    with av.open(path) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)]).astype(np.float32)


def test_what_moves_stands_in_the_truth_and_the_other_way_round(road: DrawnRoad, rows: list[AiCityRow]) -> None:
    for number, clip in enumerate(road.clips.values(), 1):
        shown = pictures(clip)
        assert shown.shape == (round(SECONDS * 5), SIZE[1], SIZE[0])
        empty = np.median(shown, 0)
        foreground = np.abs(shown - empty) > 25
        covered = np.zeros_like(foreground)
        filled = []
        for row in rows:
            if row.camera == number:
                x1, y1 = max(0, int(row.x) - 2), max(0, int(row.y) - 2)
                covered[row.frame - 1, y1 : int(row.y + row.height) + 3, x1 : int(row.x + row.width) + 3] = True
                box = foreground[
                    row.frame - 1,
                    round(row.y) : round(row.y + row.height),
                    round(row.x) : round(row.x + row.width),
                ]
                filled.append(box.mean())
        assert np.mean(filled) > 0.5
        assert np.mean(np.array(filled) < 0.1) < 0.05, "boxes around nothing"
        # Shadows, vehicles cut by the picture's edge and the codec's errors are foreground without a box.
        assert (foreground & covered).sum() > 0.75 * foreground.sum()


def test_true_boxes_lie_within_the_picture_and_move_steadily(road: DrawnRoad, rows: list[AiCityRow]) -> None:
    tracks: dict[tuple[int, int], list[AiCityRow]] = defaultdict(list)
    for row in rows:
        assert row.x >= 0
        assert row.y >= 0
        assert row.x + row.width <= SIZE[0] + 0.01
        assert row.y + row.height <= SIZE[1] + 0.01
        tracks[row.camera, row.id].append(row)
    for (camera, _), track in tracks.items():
        middles = [row.y + row.height / 2 for row in track]
        steps = np.diff(middles)
        assert (steps > -1).all() if camera < 3 else (steps < 1).all(), "c01 and c02 see traffic come, c03 sees it go"


def test_nobody_is_on_the_road_when_the_footage_starts_over(rows: list[AiCityRow]) -> None:
    frames = [row.frame for row in rows]
    assert min(frames) > 5
    assert max(frames) <= (SECONDS - 1) * 5


def test_vehicles_travel_from_camera_to_camera_within_the_links(road: DrawnRoad, rows: list[AiCityRow]) -> None:
    site = load_site(road.site)
    assert [(camera.id, camera.number, camera.fps) for camera in site.cameras] == [
        ("c01", 1, 5.0),
        ("c02", 2, 5.0),
        ("c03", 3, 5.0),
    ]
    assert [camera.url for camera in site.cameras] == [str(road.clips[camera.id]) for camera in site.cameras]
    seen: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        seen[row.id][row.camera].append(row.frame)
    for link, (origin, destination) in zip(site.links, ((1, 2), (2, 3)), strict=True):
        times = [
            (min(cameras[destination]) - max(cameras[origin])) / 5
            for cameras in seen.values()
            if origin in cameras and destination in cameras
        ]
        assert len(times) >= 2
        assert all(link.travel.min <= time <= link.travel.max for time in times)


def test_traffic_has_all_that_makes_matching_hard() -> None:
    views = [RoadView(f"c{n:02d}", 9.0, 0.0, 0.0, 24.0, 0.95, approaching=n < 3) for n in (1, 2, 3)]
    routes: dict[int, list[int]] = defaultdict(list)
    looks = {}
    for seed in range(3):
        for passage in schedule(views, (640, 360), 60.0, np.random.default_rng(seed)):
            routes[1000 * seed + passage.vehicle.number].append(passage.camera)
            looks[1000 * seed + passage.vehicle.number] = passage.vehicle.look
    kinds = {tuple(sorted(route)) for route in routes.values()}
    assert {(0, 1, 2), (0,), (0, 1), (1, 2), (2,)} <= kinds, "some drive through, some leave, some come in between"
    assert len({look.kind for look in looks.values()}) >= 6
    alike = len(looks) - len(set(looks.values()))
    assert 0.05 * len(looks) < alike < 0.4 * len(looks), "look-alikes"


def test_the_same_seed_gives_the_same_files_and_another_does_not(tmp_path: Path) -> None:
    def drawn(name: str, seed: int) -> list[bytes]:
        road = draw_road(tmp_path / name, seed=seed, seconds=10.0, fps=5.0, size=(192, 108))
        return [road.truth.read_bytes(), *(clip.read_bytes() for clip in road.clips.values())]

    first, again, other = drawn("first", 1), drawn("again", 1), drawn("other", 2)
    assert first == again
    assert first[0]
    assert first[0] != other[0]


def test_what_was_drawn_is_not_drawn_again(road: DrawnRoad, folder: Path) -> None:
    made = road.clips["c01"].stat().st_mtime_ns
    assert draw_road(folder, seed=4, seconds=SECONDS, fps=5.0, size=SIZE) == road
    assert road.clips["c01"].stat().st_mtime_ns == made


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected at least one frame"):
        draw_road(tmp_path, seconds=0.0)
    with pytest.raises(ValueError, match="even width and height"):
        draw_road(tmp_path, seconds=1.0, size=(321, 180))


def test_a_camera_that_sees_the_horizon_is_refused() -> None:
    view = RoadView("c01", 9.0, 0.0, 0.0, 10.0, 0.95, approaching=True)
    with pytest.raises(ValueError, match="sees the horizon"):
        view.on_ground((640, 360), 1)
