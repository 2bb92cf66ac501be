"""Fitting pictures into the input."""

from __future__ import annotations

import numpy as np
import pytest

from inference.letterbox import PADDING, letterbox


@pytest.mark.parametrize(("height", "width"), [(90, 160), (160, 90), (64, 64), (1, 1000), (1000, 1), (1, 1)])
def test_a_picture_fills_one_side_and_the_rest_is_grey(height: int, width: int) -> None:
    picture, scale = letterbox(np.full((height, width, 3), (10, 20, 30), np.uint8), 64, 64)
    assert picture.shape == (3, 64, 64)
    assert picture.dtype == np.float32
    covered_width, covered_height = round(width * float(scale[0])), round(height * float(scale[1]))
    assert max(covered_width, covered_height) == 64
    assert (picture[:, :covered_height, :covered_width] == np.array([10, 20, 30], np.float32)[:, None, None]).all()
    rest = np.ones((64, 64), bool)
    rest[:covered_height, :covered_width] = False
    assert (picture[:, rest] == PADDING).all()


def test_a_picture_of_the_inputs_size_is_left_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    picture, scale = letterbox(image, 32, 48)
    np.testing.assert_array_equal(picture, image.transpose(2, 0, 1).astype(np.float32))
    np.testing.assert_array_equal(scale, [1, 1])
