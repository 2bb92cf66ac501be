"""Labels go where the pixels go."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from inference.letterbox import PADDING
from throughline.types import FloatArray, Image
from training.detection.augmentation import Augmentation, compose
from training.detection.pictures import LabelledPicture

PLAIN = Augmentation(mosaic=0, scale=(1, 1), mirror=0, hue=0, saturation=0, brightness=0, grey=0, blur=0)
MOVED = dataclasses.replace(PLAIN, scale=(0.7, 1.5), mirror=0.5)


def picture(boxes: list[list[int]], size: tuple[int, int] = (90, 160), ignored: FloatArray | None = None) -> LabelledPicture:
    """White rectangles, bounded by the boxes, on black."""
    image = np.zeros((*size, 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = 255
    found = np.array(boxes, np.float32).reshape(-1, 4)
    unknown = np.zeros((0, 4), np.float32) if ignored is None else ignored
    return LabelledPicture("p.jpg", image, found, np.arange(len(boxes), dtype=np.int64), unknown)


def extent(image: Image) -> list[int]:
    rows, columns = np.nonzero(image[:, :, 0] > 160)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_picture_that_fits_is_placed_as_it_is() -> None:
    one = picture([[20, 10, 60, 40], [100, 50, 120, 80]])
    sample = compose([one], (90, 160), PLAIN, np.random.default_rng(0))
    np.testing.assert_array_equal(sample.image, one.image)
    np.testing.assert_allclose(sample.boxes, one.boxes)
    np.testing.assert_array_equal(sample.classes, one.classes)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_bound_their_pixels_wherever_they_go(seed: int) -> None:
    one = picture([[60, 30, 100, 60]])
    sample = compose([one], (128, 192), MOVED, np.random.default_rng(seed))
    boxes = np.concatenate([sample.boxes, sample.ignored])
    assert len(boxes) == 1
    np.testing.assert_allclose(boxes[0], extent(sample.image), atol=1.0)


@pytest.mark.parametrize("seed", range(8))
def test_a_mosaic_has_the_vehicles_of_all_quarters(seed: int) -> None:
    generator = np.random.default_rng(seed)
    four = [picture([[0, 0, 160, 90]]) for _ in range(4)]
    sample = compose(four, (128, 192), dataclasses.replace(MOVED, scale=(2, 2)), generator)
    boxes = np.concatenate([sample.boxes, sample.ignored])
    assert len(boxes) == 4
    covered = np.zeros((128, 192), np.int64)
    for left, top, right, bottom in boxes.astype(int):
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()


def test_what_is_mostly_outside_or_tiny_becomes_an_ignored_region() -> None:
    one = picture([[0, 0, 40, 90], [100, 20, 103, 24], [60, 20, 90, 60]])
    shrunk = compose([one], (90, 160), dataclasses.replace(PLAIN, scale=(0.5, 0.5)), np.random.default_rng(1))
    assert sorted(shrunk.classes) == [0, 2]
    assert len(shrunk.ignored) == 1
    cut = [compose([one], (90, 160), dataclasses.replace(PLAIN, scale=(3, 3)), np.random.default_rng(seed)) for seed in range(20)]
    for sample in cut:
        assert len(sample.boxes) + len(sample.ignored) <= 3
        assert (sample.boxes >= 0).all()
        assert (sample.boxes[:, [0, 2]] <= 160).all()
        assert (sample.boxes[:, [1, 3]] <= 90).all()
    assert any(len(sample.ignored) for sample in cut)


def test_ignored_regions_move_with_the_picture() -> None:
    one = picture([[60, 30, 100, 60]], ignored=np.array([[60, 30, 100, 60]], np.float32))
    sample = compose([one], (128, 192), MOVED, np.random.default_rng(5))
    assert len(sample.boxes) == 1
    np.testing.assert_allclose(sample.ignored[0], sample.boxes[0])


def test_what_the_picture_does_not_cover_is_grey() -> None:
    sample = compose([picture([])], (128, 128), PLAIN, np.random.default_rng(0))
    assert (sample.image == PADDING).all(axis=2).mean() == pytest.approx(1 - 72 / 128, abs=0.02)


def test_the_same_seed_gives_the_same_sample() -> None:
    one = picture([[60, 30, 100, 60]])
    samples = [compose([one] * 4, (96, 96), Augmentation(blur=1), np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(samples[0].image, samples[1].image)
    np.testing.assert_array_equal(samples[0].boxes, samples[1].boxes)


def test_colours_and_blur_change_pixels_and_no_boxes() -> None:
    one = picture([[60, 30, 100, 60]])
    for seed in range(6):
        sample = compose([one], (90, 160), Augmentation(mosaic=0, scale=(1, 1), mirror=0, blur=1), np.random.default_rng(seed))
        np.testing.assert_allclose(sample.boxes, one.boxes, atol=1e-4)
        assert not np.array_equal(sample.image, one.image)
