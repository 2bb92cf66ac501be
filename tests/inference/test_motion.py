"""The motion detector on drawn scenes whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from inference.batcher import InferenceWorkers
from inference.detector import Detector
from inference.motion import MotionDetector, MotionModel, MotionOptions
from inference.nms import overlaps
from throughline.times import Instant, to_instant
from throughline.types import VEHICLE_TYPES, ClockSource, FloatArray, Frame, Image

FPS = 10
WIDTH, HEIGHT = 640, 360
Box = tuple[int, int, int, int]

LANES: tuple[tuple[int, int, int, tuple[int, int, int], int, int], ...] = (
    # top, width, height, colour, pixels a frame, first frame
    (60, 48, 26, (225, 225, 230), 9, 20),
    (130, 64, 34, (40, 40, 190), -12, 25),
    (210, 70, 40, (200, 170, 60), 14, 35),
    (285, 90, 48, (30, 30, 32), -10, 22),
)


class Scene:
    """A street with noise, and whatever rectangles are put on it."""

    def __init__(self, seed: int, noise: float = 5.0) -> None:
        self._rng = np.random.default_rng(seed)
        # A few fields of noise, used in turn and shifted at random: drawing new ones takes longer than detecting.
        self._noise = [self._rng.normal(0, noise, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in range(7)]
        self._drawn = 0
        texture = self._rng.normal(0, 8, (HEIGHT, WIDTH, 1))
        self._empty = np.clip(np.full((HEIGHT, WIDTH, 3), 95.0) + texture, 0, 255).astype(np.float32)

    def draw(self, boxes: list[tuple[Box, tuple[int, int, int]]], gain: float = 1.0, *, shadows: bool = False) -> Image:
        picture = self._empty.copy()
        for (x1, y1, x2, y2), colour in boxes:
            if shadows:
                picture[y2 : y2 + 8, max(x1, 0) : max(x2, 0)] *= 0.75
            picture[y1:y2, max(x1, 0) : max(x2, 0)] = colour
            picture[y1 + 4 : y1 + (y2 - y1) // 3, max(x1 + 5, 0) : max(x2 - 5, 0)] = np.array(colour) * 0.6
        self._drawn += 1
        noise = np.roll(self._noise[self._drawn % len(self._noise)], int(self._rng.integers(HEIGHT)), axis=0)
        drawn: Image = np.clip(picture * np.float32(gain) + noise, 0, 255).astype(np.uint8)
        return drawn


def _traffic(number: int) -> list[tuple[Box, tuple[int, int, int]]]:
    found = []
    for top, width, height, colour, speed, first in LANES:
        age = (number - first) % 75
        left = age * speed - width if speed > 0 else WIDTH + age * speed
        if number >= first and left < WIDTH and left + width > 0:
            found.append(((left, top, left + width, top + height), colour))
    return found


def _whole(boxes: list[tuple[Box, tuple[int, int, int]]]) -> FloatArray:
    return np.array([box for box, _ in boxes if box[0] >= 0 and box[2] <= WIDTH], np.float32).reshape(-1, 4)


def _time(number: int) -> Instant:
    return to_instant(number / FPS)


@pytest.mark.parametrize(("seed", "noise", "shadows"), [(0, 2.0, True), (1, 5.0, True), (2, 8.0, False), (3, 8.0, True)])
def test_nearly_every_moving_vehicle_gets_its_box_and_nothing_else_does(seed: int, noise: float, shadows: bool) -> None:
    scene, model = Scene(seed, noise), MotionModel(MotionOptions())
    fits: list[float] = []
    false = 0
    for number in range(150):
        vehicles = _traffic(number)
        found = model.detect(scene.draw(vehicles, shadows=shadows), _time(number))
        fits.extend(float(overlaps(box, found.boxes).max()) if len(found) else 0.0 for box in _whole(vehicles))
        visible = np.array([box for box, _ in vehicles], np.float32).reshape(-1, 4)
        visible[:, [0, 2]] = np.clip(visible[:, [0, 2]], 0, WIDTH)
        false += sum(1 for box in found.boxes if len(visible) == 0 or overlaps(box, visible).max() < 0.3)
        assert (found.classes == VEHICLE_TYPES.index("vehicle")).all()
        assert ((found.scores > 0) & (found.scores <= 1)).all()
    assert len(fits) > 200
    assert np.mean(np.array(fits) >= 0.7) > 0.97
    assert false <= 3


def test_the_first_frames_only_teach_the_background() -> None:
    scene, model = Scene(0), MotionModel(MotionOptions(warm_up=10))
    crossing = [((20 * number, 100, 20 * number + 80, 150), (220, 220, 220)) for number in range(25)]
    counts = [len(model.detect(scene.draw([vehicle]), _time(number))) for number, vehicle in enumerate(crossing)]
    assert counts[:10] == [0] * 10
    assert all(counts[10:])


def test_an_empty_street_has_no_vehicles() -> None:
    scene, model = Scene(3, noise=8.0), MotionModel(MotionOptions())
    assert sum(len(model.detect(scene.draw([]), _time(number))) for number in range(120)) == 0


@pytest.mark.parametrize("fps", [5, 20])
def test_a_vehicle_that_stops_is_seen_until_the_time_set_however_many_frames_that_is(fps: int) -> None:
    scene, model = Scene(4), MotionModel(MotionOptions(absorb_after=6.0, warm_up=10))
    parked = [((200, 120, 290, 170), (40, 40, 190))]
    seen = []
    for number in range(10 + 12 * fps):
        found = model.detect(scene.draw(parked if number >= 10 else []), to_instant(number / fps))
        if number >= 10 and len(found):
            seen.append((number - 10) / fps)
    assert 4.0 <= seen[-1] <= 8.0
    assert len(seen) >= 0.95 * seen[-1] * fps


def test_a_change_of_light_is_learned_and_is_no_traffic() -> None:
    scene, model = Scene(5), MotionModel(MotionOptions())
    later: list[float] = []
    for number in range(140):
        vehicles = _traffic(number)
        found = model.detect(scene.draw(vehicles, gain=1.0 if number < 60 else 1.6), _time(number))
        if 60 <= number < 78:
            assert len(found) == 0, f"frame {number}, {number - 60} after the light changed"
        if number >= 90:
            later.extend(float(overlaps(box, found.boxes).max()) if len(found) else 0.0 for box in _whole(vehicles))
    assert np.mean(np.array(later) >= 0.7) > 0.9


def test_parts_of_one_vehicle_are_put_together_and_two_vehicles_are_not() -> None:
    scene, model = Scene(6), MotionModel(MotionOptions(warm_up=10))
    for number in range(10):
        model.detect(scene.draw([]), _time(number))
    # A lorry whose middle has the road's colour, and two cars a car's length apart.
    parts: list[tuple[Box, tuple[int, int, int]]] = [
        ((100, 100, 150, 160), (220, 220, 220)),
        ((158, 100, 230, 160), (220, 220, 220)),
        ((300, 250, 360, 290), (40, 40, 190)),
        ((400, 250, 460, 290), (40, 40, 190)),
    ]
    found = model.detect(scene.draw(parts), _time(10))
    expected = np.array([[100, 100, 230, 160], [300, 250, 360, 290], [400, 250, 460, 290]], np.float32)
    assert len(found) == 3
    assert all(overlaps(box, found.boxes).max() > 0.8 for box in expected)


def test_boxes_are_in_pixels_of_the_frame_and_a_new_size_starts_afresh() -> None:
    model = MotionModel(MotionOptions(warm_up=5))
    small, large = Scene(7), np.full((720, 1280, 3), 95, np.uint8)
    for number in range(8):
        model.detect(small.draw([]), _time(number))
    for number in range(8, 13):
        assert len(model.detect(large, _time(number))) == 0
    picture = large.copy()
    picture[300:400, 500:700] = (220, 220, 220)
    found = model.detect(picture, _time(13))
    assert len(found) == 1
    assert overlaps(np.array([500, 300, 700, 400], np.float32), found.boxes)[0] > 0.9


async def test_each_camera_has_a_background_of_its_own(workers: InferenceWorkers) -> None:
    detector: Detector = MotionDetector(workers)
    bright, dark = Scene(8), Scene(9)
    pictures: dict[str, Callable[[list[tuple[Box, tuple[int, int, int]]]], Image]] = {
        "a": bright.draw,
        "b": lambda boxes: dark.draw(boxes, gain=0.4),
    }
    found: dict[str, int] = {"a": 0, "b": 0}
    for number in range(60):
        for camera, draw in pictures.items():
            vehicles = _traffic(number) if camera == "b" else []
            frame = Frame(camera, number, _time(number), ClockSource.FILE, 0.0, draw(vehicles))
            found[camera] += len(await detector.detect(frame))
    assert found["a"] == 0
    assert found["b"] > 30
    assert detector.name == "motion"
    assert detector.hash == MotionDetector(workers).hash != MotionDetector(workers, MotionOptions(warm_up=3)).hash
    detector.close()
