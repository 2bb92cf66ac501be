"""A virtual camera shows what its view says, and the way back to the clip is exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from simulation.rtsp import Footage
from simulation.virtual_cameras import EMPTY, HIGHWAY_PAIR, View, cut_cameras
from tests.support.clips import coded_picture, read_code, write_clip
from throughline.types import Image

CLIP_WIDTH, CLIP_HEIGHT = 320, 240
SQUARE = np.array((150.0, 90.0, 190.0, 120.0), np.float32)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 frames at 30 a second: a white square on grey, at `SQUARE`, that never moves."""
    picture = np.full((CLIP_HEIGHT, CLIP_WIDTH, 3), 60, np.uint8)
    x1, y1, x2, y2 = SQUARE.astype(int)
    picture[y1:y2, x1:x2] = 230
    return write_clip(tmp_path_factory.mktemp("pattern") / "pattern.mp4", [picture] * 18, fps=30)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 frames at 30 a second that say which they are."""
    return write_clip(tmp_path_factory.mktemp("counted") / "counted.mp4", [coded_picture(n) for n in range(18)], fps=30)


def pictures(path: Path) -> list[npt.NDArray[Any]]:
    with av.open(path) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def edges(image: Image) -> npt.NDArray[np.float64]:
    """The square's edges to a fraction of a pixel: where brightness crosses the middle between square and ground."""
    grey = image.mean(2)
    middle = (grey.min() + grey.max()) / 2
    inside = grey > middle
    along_x, along_y = grey[inside.sum(1).argmax()], grey[:, inside.sum(0).argmax()]
    found = []
    for line in (along_x, along_y):
        above = np.flatnonzero(line > middle)
        low, high = int(above[0]), int(above[-1])
        found.append(low - (line[low] - middle) / (line[low] - line[low - 1]) + 0.5)
        found.append(high + (line[high] - middle) / (line[high] - line[high + 1]) + 0.5)
    return np.array(found)[[0, 2, 1, 3]]


@pytest.mark.parametrize(
    ("crop", "size"),
    [(None, (320, 240)), (None, (640, 480)), ((100, 60, 120, 90), (240, 180)), ((61, 33, 200, 150), (128, 96))],
)
def test_pixels_map_back_to_the_clip(
    crop: tuple[int, int, int, int] | None, size: tuple[int, int], pattern: Path, tmp_path: Path
) -> None:
    (camera,) = cut_cameras(pattern, [View("c01", crop, size, bitrate=4_000_000)], tmp_path)
    seen = edges(pictures(camera.path)[0])
    scale = camera.crop[2] / size[0]
    np.testing.assert_allclose(camera.to_clip(seen.astype(np.float32)), SQUARE, atol=0.25 * max(1.0, scale))
    np.testing.assert_allclose(camera.from_clip(SQUARE), seen, atol=0.25 * max(1.0, 1 / scale))


def test_mapping_there_and_back_is_the_identity(pattern: Path, tmp_path: Path) -> None:
    (camera,) = cut_cameras(pattern, [View("c01", (61, 33, 200, 150), (128, 96))], tmp_path)
    boxes = np.random.default_rng(1).uniform(-50, 400, (20, 4)).astype(np.float32)
    np.testing.assert_allclose(camera.from_clip(camera.to_clip(boxes)), boxes, atol=1e-3)
    np.testing.assert_allclose(camera.to_clip(np.array([0, 0, 128, 96], np.float32)), [61, 33, 261, 183])
    np.testing.assert_allclose(camera.to_clip(np.array([[64.0, 48.0]], np.float32)), [[161, 108]])


@pytest.mark.parametrize("fps", [10.0, 12.5, 30.0, 60.0])
def test_frames_map_back_to_the_clip(fps: float, counted: Path, tmp_path: Path) -> None:
    (camera,) = cut_cameras(counted, [View("c01", None, (160, 96), fps=fps, least_seconds=1.5, bitrate=2_000_000)], tmp_path)
    assert camera.repetitions == 3
    assert camera.seconds == pytest.approx(1.8, abs=1 / fps)
    shown = [read_code(picture) for picture in pictures(camera.path)]
    assert shown == [number for _, number, _ in camera.sources]
    for frame, (repetition, number, seconds) in enumerate(camera.sources):
        assert seconds == pytest.approx(number / 30)
        within = frame / fps - repetition * 0.6
        assert abs(within - seconds) <= 0.5 / 30 + 1e-9 or number == 17, "not the nearest frame of the clip"

    footage = Footage.load(camera.path)
    assert footage.seconds == pytest.approx(camera.seconds, abs=1e-4)
    assert all(unit.presented == unit.due for unit in footage.units), "B-frames"
    for loop in (-1, 0, 2):
        for frame, (repetition, _, seconds) in enumerate(camera.sources):
            at = camera.clip_time(loop * camera.seconds + frame / fps)
            assert (at.repetition, at.seconds) == (3 * loop + repetition, seconds)


def test_a_view_s_changes_change_the_picture(pattern: Path, tmp_path: Path) -> None:
    size = (CLIP_WIDTH, CLIP_HEIGHT)
    plain, brighter, flatter, darker_tones, soft, noisy = (
        pictures(camera.path)[0].astype(float)
        for camera in cut_cameras(
            pattern,
            [
                View("plain", None, size, bitrate=8_000_000),
                View("brighter", None, size, brightness=15, bitrate=8_000_000),
                View("flatter", None, size, contrast=0.5, bitrate=8_000_000),
                View("tones", None, size, gamma=1.5, bitrate=8_000_000),
                View("soft", None, size, blur=3.0, bitrate=8_000_000),
                View("noisy", None, size, noise=6.0, bitrate=8_000_000),
            ],
            tmp_path,
        )
    )
    ground, square = np.s_[10:60, 10:100], np.s_[95:115, 160:180]
    assert (brighter - plain)[ground].mean() == pytest.approx(15, abs=2)
    assert flatter[square].mean() - flatter[ground].mean() == pytest.approx((230 - 60) / 2, abs=4)
    assert darker_tones[ground].mean() == pytest.approx(255 * (plain[ground].mean() / 255) ** 1.5, abs=3)
    assert np.abs(np.diff(soft[105, :, 0])).max() < 0.4 * np.abs(np.diff(plain[105, :, 0])).max()
    assert noisy[ground].std() > plain[ground].std() + 2
    assert noisy[ground].mean() == pytest.approx(plain[ground].mean(), abs=1.5)


def test_what_is_there_is_not_made_again_and_any_change_makes_another(counted: Path, pattern: Path, tmp_path: Path) -> None:
    view = View("c01", None, (160, 96))
    (first,) = cut_cameras(counted, [view], tmp_path)
    made = first.path.stat().st_mtime_ns
    (later,) = cut_cameras(counted, [View("c01", None, (160, 96), delay=3.0)], tmp_path)
    assert (later.path, later.path.stat().st_mtime_ns, later.sources) == (first.path, made, first.sources)
    (other_view,) = cut_cameras(counted, [View("c01", None, (160, 96), gamma=1.1)], tmp_path)
    (other_clip,) = cut_cameras(pattern, [view], tmp_path)
    assert len({first.path, other_view.path, other_clip.path}) == 3

    content = first.path.read_bytes()
    first.path.unlink()
    cut_cameras(counted, [view], tmp_path)
    assert first.path.read_bytes() == content, "the same view gives the same file"
    assert not list(tmp_path.glob(".*")), "an unfinished file was left"


def test_wrong_views_are_refused(counted: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"view c01: the crop .* does not lie within counted.mp4, which is 160x96"):
        cut_cameras(counted, [View("c01", (100, 0, 80, 40), (80, 40))], tmp_path)
    with pytest.raises(ValueError, match="expected an even width and height"):
        cut_cameras(counted, [View("c01", None, (161, 96))], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_pause_shows_the_road_without_what_moves(counted: Path, tmp_path: Path) -> None:
    (camera,) = cut_cameras(counted, [View("c01", None, (160, 96), fps=10, bitrate=4_000_000, pause=1.5)], tmp_path)
    numbers = [number for _, number, _ in camera.sources]
    assert numbers[-15:] == [EMPTY] * 15
    assert EMPTY not in numbers[:-15]
    with av.open(counted) as container:
        median = np.median([frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)], axis=0)
    for picture in pictures(camera.path)[-15:]:
        assert np.abs(picture - median).mean() < 6


@pytest.mark.shared_data
def test_the_highway_pair_fits_its_clip(shared_data: Path, tmp_path: Path) -> None:
    upstream, downstream = cut_cameras(shared_data / "clips" / "highway.mp4", HIGHWAY_PAIR, tmp_path)
    assert len(pictures(upstream.path)) == len(pictures(downstream.path)) == len(upstream.sources) == 220
    assert upstream.crop[1] + upstream.crop[3] < downstream.crop[1], "the views overlap"
    assert downstream.view.delay == 4.0
