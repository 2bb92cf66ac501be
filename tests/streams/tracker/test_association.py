from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from streams.tracker.association import assign, near_pairs
from streams.tracker.boxes import corners, covered_by, pairwise_iou


def _centred(random: np.random.Generator, count: int, extent: float = 300) -> np.ndarray:
    return np.column_stack((random.uniform(0, extent, (count, 2)), random.uniform(10, 120, (count, 2)))).astype(np.float32)


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    area = (first[2] - first[0]) * (first[3] - first[1]) + (second[2] - second[0]) * (second[3] - second[1])
    iou: float = shared / (area - shared)
    return iou


def _best_gain(gains: np.ndarray) -> float:
    """The largest sum of gains, by trying everything."""
    rows, columns = gains.shape
    if rows > columns:
        return _best_gain(gains.T)
    padded = np.hstack((gains, np.zeros((rows, rows))))  # each row may also stay alone
    return max(
        sum(float(padded[row, column]) for row, column in enumerate(order)) for order in permutations(range(rows + columns), rows)
    )


def test_overlaps_equal_the_plain_formula() -> None:
    random = np.random.default_rng(0)
    tracks, others = _centred(random, 25), _centred(random, 30)
    matrix = pairwise_iou(corners(tracks.astype(np.float64)), corners(others.astype(np.float64)))
    assert matrix.dtype == np.float32
    for row, first in enumerate(corners(tracks.astype(np.float64))):
        for column, second in enumerate(corners(others.astype(np.float64))):
            assert matrix[row, column] == pytest.approx(_iou(first, second), abs=1e-5)


def test_covered_share_is_that_of_the_first_box() -> None:
    small, large = np.array([[10, 10, 20, 20]], np.float32), np.array([[0, 0, 15, 40]], np.float32)
    assert covered_by(small, large)[0, 0] == pytest.approx(0.5)
    assert covered_by(large, small)[0, 0] == pytest.approx(50 / 600)


@pytest.mark.parametrize("widening", [0.0, 0.3, 1.0])
def test_near_pairs_are_exactly_those_whose_widened_boxes_overlap(widening: float) -> None:
    random = np.random.default_rng(1)
    tracks, others = _centred(random, 20), _centred(random, 24)
    pairs = near_pairs(tracks, np.full(20, widening, np.float32), others)
    grow = np.array([1, 1, 1 + widening, 1 + widening])
    wide = pairwise_iou(corners(tracks * grow), corners(others * grow))
    plain = pairwise_iou(corners(tracks.astype(np.float64)), corners(others.astype(np.float64)))
    assert {*zip(pairs.tracks.tolist(), pairs.detections.tolist(), strict=True)} == {*map(tuple, np.argwhere(wide > 0).tolist())}
    np.testing.assert_allclose(pairs.widened_iou, wide[pairs.tracks, pairs.detections], atol=1e-4)
    np.testing.assert_allclose(pairs.iou, plain[pairs.tracks, pairs.detections], atol=1e-4)


def test_separation_grows_from_zero_with_the_distance() -> None:
    track = np.array([[100, 100, 40, 20]], np.float32)
    others = np.array([[100, 100, 40, 20], [110, 100, 40, 20], [130, 110, 40, 20]], np.float32)
    separation = near_pairs(track, np.ones(1, np.float32), others).separation
    assert separation[0] == 0
    assert separation[1] == pytest.approx(100 / (50**2 + 20**2))
    assert separation[2] == pytest.approx((900 + 100) / (70**2 + 30**2))


@pytest.mark.parametrize("seed", range(40))
def test_assignment_is_the_best_there_is(seed: int) -> None:
    random = np.random.default_rng(seed)
    gains = random.uniform(0.01, 1, (int(random.integers(1, 5)), int(random.integers(1, 5))))
    gains[random.random(gains.shape) < 0.4] = 0
    rows, columns = np.nonzero(gains)
    chosen_rows, chosen_columns = assign(rows, columns, gains[rows, columns])
    assert len(set(chosen_rows.tolist())) == len(chosen_rows)
    assert len(set(chosen_columns.tolist())) == len(chosen_columns)
    assert (gains[chosen_rows, chosen_columns] > 0).all()
    assert gains[chosen_rows, chosen_columns].sum() == pytest.approx(_best_gain(gains))


def test_one_good_pair_beats_two_poor_ones() -> None:
    rows, columns = assign(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.9, 0.2, 0.2]))
    assert (rows.tolist(), columns.tolist()) == ([0], [0])


def test_no_pairs_give_no_matches() -> None:
    none = np.zeros(0, np.int64)
    rows, columns = assign(none, none, np.zeros(0))
    assert len(rows) == len(columns) == 0
    empty = np.zeros((0, 4), np.float32)
    assert len(near_pairs(empty, np.zeros(0, np.float32), empty).tracks) == 0
    assert len(near_pairs(empty, np.zeros(0, np.float32), np.ones((3, 4), np.float32)).tracks) == 0
