from __future__ import annotations

import numpy as np
import pytest

from streams.tracker.boxes import (
    centred,
    clipped,
    corners,
    covered_by,
    most_shared_with_better,
    pairwise_iou,
    visible_share,
    with_aspect,
)
from tests.support.tracking import centred_boxes, plain_iou


def test_centred_boxes_and_corners_are_each_others_inverse() -> None:
    boxes = centred_boxes(np.random.default_rng(0), 9)
    there = corners(boxes)
    assert there.shape == (9, 4)
    np.testing.assert_allclose(centred(there.T), boxes, rtol=1e-5)
    np.testing.assert_allclose(there[:, 2:] - there[:, :2], boxes[2:].T, rtol=1e-5)


def test_aspect_is_width_over_height() -> None:
    assert with_aspect(np.array([[10], [20], [90], [60]], np.float32)).tolist() == [[10], [20], [1.5], [60]]


def test_overlaps_equal_the_plain_formula() -> None:
    random = np.random.default_rng(0)
    first, second = corners(centred_boxes(random, 25)), corners(centred_boxes(random, 30))
    matrix = pairwise_iou(first, second)
    assert matrix.dtype == np.float32
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            assert matrix[row, column] == pytest.approx(plain_iou(one, other), abs=1e-5)


def test_covered_share_is_that_of_the_first_box() -> None:
    small, large = np.array([[10, 10, 20, 20]], np.float32), np.array([[0, 0, 15, 40]], np.float32)
    assert covered_by(small, large)[0, 0] == pytest.approx(0.5)
    assert covered_by(large, small)[0, 0] == pytest.approx(50 / 600)


def test_visible_share_is_what_the_border_leaves() -> None:
    boxes = np.array([[320, 0, 630, -50], [240, 0, 240, 240], [40, 20, 40, 20], [40, 20, 40, 20]], np.float32)
    np.testing.assert_allclose(visible_share(boxes, (640, 480)), [1, 0.25, 0.75, 0])


def test_clipping_cuts_at_the_border() -> None:
    boxes = np.array([[-5, -6, 20, 30], [600, 470, 700, 500]], np.float32)
    assert clipped(boxes, (640, 480)).tolist() == [[0, 0, 20, 30], [600, 470, 640, 480]]


def test_what_is_shared_with_a_better_box_is_a_part_of_the_smaller_one() -> None:
    car, front, both, beside = (50, 50, 40, 20), (60, 50, 20, 20), (65, 50, 70, 20), (200, 50, 40, 20)
    boxes = np.array([car, front, both, beside], np.float32).T
    everything = np.arange(4)
    assert most_shared_with_better(everything, boxes) == pytest.approx([0.0, 1.0, 1.0, 0.0])
    assert most_shared_with_better(everything[:3], boxes[:, ::-1][:, 1:]) == pytest.approx([0.0, 1.0, 1.0])
    assert most_shared_with_better(np.array([3]), boxes) == pytest.approx([0.0])
    assert most_shared_with_better(everything[:0], boxes).shape == (0,)


def test_a_box_too_small_for_its_corners_shares_nothing() -> None:
    boxes = np.array([(404, 124, 1e-5, 1e-5), (404, 124, 1e-5, 1e-5)], np.float32).T
    assert most_shared_with_better(np.array([0, 1]), boxes).tolist() == [0.0, 0.0]
