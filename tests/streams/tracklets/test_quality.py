from __future__ import annotations

import cv2
import numpy as np
import pytest

from streams.tracklets.quality import at_border, hidden_share, shape_quality, sharpness

SIZE = (640, 480)
GOOD: list[float] = [200, 150, 360, 270]


def _quality(*boxes: list[float], scores: list[float] | None = None) -> list[float]:
    array = np.array(boxes, np.float32)
    given = np.array(scores or [0.9] * len(boxes), np.float32)
    return [float(value) for value in shape_quality(array, given, SIZE)]


def test_large_whole_vehicles_are_best() -> None:
    good, small, cut = _quality(GOOD, [400, 300, 440, 330]), _quality([400, 300, 440, 330]), _quality([0, 150, 160, 270])
    assert 0.6 < good[0] <= 1
    assert small[0] < 0.4 * good[0]
    assert cut[0] == pytest.approx(0.4 * good[0])


def test_scores_and_odd_proportions_count() -> None:
    sure, unsure = _quality([10, 10, 170, 130], [310, 310, 470, 430], scores=[1.0, 0.2])
    assert unsure == pytest.approx(0.6 * sure)
    normal, sliver = _quality([10, 10, 110, 110]), _quality([10, 10, 20, 350])
    assert sliver[0] < 0.15 * normal[0]


def test_who_is_hidden_by_a_vehicle_in_front_is_worse_and_the_one_in_front_is_not() -> None:
    behind, front = [100.0, 100, 200, 200], [150.0, 120, 250, 240]
    share = hidden_share(np.array([behind, front], np.float32))
    assert share.tolist() == pytest.approx([50 * 80 / 100**2, 0])
    alone, together = _quality(behind)[0], _quality(behind, front)
    assert together[0] == pytest.approx(alone * 0.6)
    assert together[1] == pytest.approx(_quality(front)[0])


def test_nothing_and_one_are_handled() -> None:
    assert shape_quality(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), SIZE).shape == (0,)
    assert hidden_share(np.array([GOOD], np.float32)).tolist() == [0]


def test_every_border_counts() -> None:
    boxes = np.array([GOOD, [1, 10, 50, 50], [10, 1, 50, 50], [600, 10, 639, 50], [10, 400, 50, 479]], np.float32)
    assert at_border(boxes, SIZE, 2.0).tolist() == [False, True, True, True, True]


def test_blur_is_less_sharp_whatever_the_size() -> None:
    random = np.random.default_rng(0)
    for side in (48, 200):
        picture = cv2.resize(
            random.integers(0, 255, (24, 24, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_CUBIC
        ).astype(np.uint8)
        blurred = cv2.GaussianBlur(picture, (0, 0), side / 12).astype(np.uint8)
        assert 0 < sharpness(blurred) < 0.5 * sharpness(picture) < 0.5


def test_flat_and_empty_pictures_are_not_sharp() -> None:
    assert sharpness(np.full((40, 60, 3), 128, np.uint8)) == 0
    assert sharpness(np.zeros((0, 10, 3), np.uint8)) == 0
