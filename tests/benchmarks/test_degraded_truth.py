from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks._degraded_truth import Degradation, covered_shares, degrade
from evaluation.boxes import Boxes, pairwise_iou
from tests.support.sequences import lanes
from throughline.types import Detections

SIZE = (4000, 600)
NOTHING_WRONG = Degradation(
    single_misses=0.0,
    miss_runs=0.0,
    place_noise=0.0,
    size_noise=0.0,
    score_noise=0.0,
    weak=0.0,
    false_alarms=0.0,
    ghosts=0.0,
)


def degraded(truth: Boxes, how: Degradation, seed: int = 1, frames: int = 0) -> dict[int, Detections]:
    numbers = np.arange(1, (frames or int(truth.frames.max())) + 1)
    classes = np.full(len(truth), 3)
    return degrade(truth, classes, numbers, 10.0, SIZE, np.random.default_rng(seed), how)


def widths_and_heights(detections: Detections) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    corners = detections.boxes.astype(np.float64)
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def test_a_nearer_box_covers_and_a_farther_one_does_not() -> None:
    far, near, apart = [0.0, 0.0, 100.0, 100.0], [50.0, 0.0, 100.0, 120.0], [500.0, 0.0, 10.0, 10.0]
    assert covered_shares(np.array([far, near, apart])).tolist() == [0.5, 0.0, 0.0]


def test_a_perfect_detector_sees_the_truth() -> None:
    truth = lanes(3, 5)
    found = degraded(truth, NOTHING_WRONG)
    for number, detections in found.items():
        expected = truth.boxes[truth.frames == number]
        assert np.allclose(pairwise_iou(expected, widths_and_heights(detections)).max(axis=1), 1.0, atol=1e-5)
        assert detections.scores == pytest.approx(NOTHING_WRONG.score)
        assert set(detections.classes.tolist()) == {3}


def test_every_frame_is_there_also_without_vehicles() -> None:
    found = degraded(lanes(1, 3), NOTHING_WRONG, frames=6)
    assert [len(found[number]) for number in range(1, 7)] == [1, 1, 1, 0, 0, 0]


def test_the_seed_decides() -> None:
    truth = lanes(5, 40)
    first, again, other = (degraded(truth, Degradation(), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(first[k].boxes, again[k].boxes) for k in first)
    assert any(not np.array_equal(first[k].boxes, other[k].boxes) for k in first)


def test_rates_are_as_stated() -> None:
    truth = lanes(5, 600)
    how = replace(NOTHING_WRONG, single_misses=0.1, weak=0.2)
    found = degraded(truth, how)
    scores = np.concatenate([one.scores for one in found.values()])
    assert len(scores) == pytest.approx(0.9 * len(truth), rel=0.02)
    assert np.mean(scores <= 0.5) == pytest.approx(0.2, abs=0.03)


def test_misses_come_in_runs() -> None:
    truth = lanes(1, 3000)
    how = replace(NOTHING_WRONG, miss_runs=0.5, miss_seconds=1.0)
    frames = np.arange(1, 3001)
    found = degrade(truth, np.zeros(3000, np.int64), frames, 10.0, (30_000, 600), np.random.default_rng(3), how)
    missed = np.array([len(found[number]) == 0 for number in range(1, 3001)])
    starts = np.count_nonzero(np.diff(missed.astype(int)) == 1)
    assert missed.sum() / starts > 7  # independent misses at this rate would last 1.5 frames


def test_a_covered_box_is_missed_and_a_half_covered_one_has_a_low_score() -> None:
    boxes = np.array(
        [[100.0, 100.0, 50.0, 50.0], [95.0, 95.0, 80.0, 80.0], [300.0, 100.0, 50.0, 50.0], [300.0, 130.0, 50.0, 50.0]]
    )
    truth = Boxes(np.ones(4, np.int64), np.arange(4), boxes)
    found = degraded(truth, replace(NOTHING_WRONG, covered_from=0.45))[1]
    assert len(found) == 3
    assert found.scores.tolist() == pytest.approx([0.82, 0.82, 0.82 - 0.6 * 0.4])


def test_false_alarms_are_as_many_as_stated_and_inside_the_picture() -> None:
    truth = lanes(3, 500)
    found = degraded(truth, replace(NOTHING_WRONG, false_alarms=0.5, ghosts=0.2, least_score=0.0))
    extra = sum(map(len, found.values())) - len(truth)
    assert 0.5 * 500 < extra < 2.0 * 500  # single ones, and ghosts that last
    corners = np.concatenate([one.boxes for one in found.values()])
    assert (corners >= 0).all()
    assert (corners <= np.array([*SIZE, *SIZE])).all()


def test_scores_fall_and_weak_boxes_of_low_score_are_not_reported() -> None:
    small = Boxes(np.ones(2, np.int64), np.arange(2), np.array([[10.0, 10.0, 40.0, 40.0], [100.0, 10.0, 8.0, 8.0]]))
    found = degraded(small, replace(NOTHING_WRONG, least_score=0.5))[1]
    assert found.scores.tolist() == pytest.approx([NOTHING_WRONG.score])
