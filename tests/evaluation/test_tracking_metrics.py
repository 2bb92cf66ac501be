"""HOTA, CLEAR MOT and identity measures against TrackEval, and by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest

from evaluation.boxes import Boxes, corner_overlaps, pairwise_iou
from evaluation.clear import clear_score
from evaluation.hota import hota_score
from evaluation.identity import identity_score
from tests.support.tracking_oracle import Oracle, assert_equal, boxes, random_sequence

NOTHING = boxes([])
SCORES: dict[str, Callable[[Boxes, Boxes], Any]] = {"HOTA": hota_score, "CLEAR": clear_score, "Identity": identity_score}


def compare(truth: Boxes, result: Boxes) -> None:
    expected = Oracle().sequence(truth, result)
    for metric, score in SCORES.items():
        assert_equal(score(truth, result), expected[metric], metric)


@pytest.mark.parametrize("grid", [False, True], ids=["noise", "ties"])
@pytest.mark.parametrize("seed", range(60))
def test_random_sequences(seed: int, grid: bool) -> None:
    compare(*random_sequence(seed, grid=grid))


@pytest.mark.parametrize("grid", [False, True], ids=["noise", "ties"])
@pytest.mark.parametrize("seed", range(3))
def test_crowded_sequences(seed: int, grid: bool) -> None:
    compare(*random_sequence(seed, grid=grid, vehicles=40))


def test_no_truth_no_result_and_neither() -> None:
    truth, result = random_sequence(1)
    compare(truth, NOTHING)
    compare(NOTHING, result)
    compare(NOTHING, NOTHING)
    compare(truth, truth)


def test_truth_and_result_that_share_no_frame() -> None:
    truth, result = random_sequence(2)
    compare(truth, Boxes(result.frames + 100, result.ids, result.boxes))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_frames_in_the_file_is_of_no_matter(seed: int) -> None:
    truth, result = random_sequence(seed, grid=True, vehicles=25)
    rank = np.random.default_rng(seed).permutation(30)
    order = np.argsort(rank[result.frames - 1], kind="stable")
    shuffled = Boxes(result.frames[order], result.ids[order], result.boxes[order])
    assert not np.array_equal(shuffled.frames, result.frames)
    compare(truth, shuffled)


@pytest.mark.parametrize("grid", [False, True], ids=["noise", "ties"])
def test_several_sequences_combined(grid: bool) -> None:
    sequences = [random_sequence(seed, grid=grid) for seed in range(100, 106)]
    sequences += [(sequences[0][0], NOTHING), (NOTHING, sequences[1][1]), (NOTHING, NOTHING)]
    oracle = Oracle()
    expected = oracle.combined({str(number): oracle.sequence(*pair) for number, pair in enumerate(sequences)})
    for metric, score in SCORES.items():
        assert_equal(reduce(add, (score(*pair) for pair in sequences)), expected[metric], metric)


def test_the_random_sequences_hold_every_fault() -> None:
    total = reduce(add, (clear_score(*random_sequence(seed)) for seed in range(60)))
    counts = (total.false_positives, total.false_negatives, total.id_switches, total.fragmentations)
    assert min(counts) > 50
    assert min(total.mostly_tracked, total.partly_tracked, total.mostly_lost) >= 10
    grid = [random_sequence(seed, grid=True) for seed in range(10)]
    overlaps = np.concatenate([pairwise_iou(truth.boxes, result.boxes).ravel() for truth, result in grid])
    for limit in (0.5, 0.6):
        assert np.count_nonzero(np.isclose(overlaps, limit, rtol=0, atol=1e-12)) > 50, "overlaps on a threshold"


def track(vehicle: int, frames: range, x: float = 0.0) -> list[tuple[float, ...]]:
    return [(frame, vehicle, x, 0.0, 10.0, 10.0) for frame in frames]


def test_a_track_cut_in_two_by_hand() -> None:
    truth = boxes(track(1, range(1, 11)))
    result = boxes([*track(7, range(1, 7)), *track(8, range(7, 11))])
    hota, clear = hota_score(truth, result), clear_score(truth, result)
    assert hota.mean_det_a == 1.0
    assert hota.mean_ass_a == pytest.approx((6 * 6 / 10 + 4 * 4 / 10) / 10)
    assert hota.mean_ass_pr == 1.0
    assert hota.mean_ass_re == pytest.approx(0.52)
    assert hota.mean_hota == pytest.approx(0.52**0.5)
    assert (clear.id_switches, clear.fragmentations, clear.mostly_tracked) == (1, 0, 1)
    assert clear.mota == pytest.approx(0.9)
    assert identity_score(truth, result).f1 == pytest.approx(0.6)


def test_a_match_is_continued_though_another_overlaps_more() -> None:
    truth = boxes(track(1, range(1, 5)))
    result = boxes([*track(7, range(1, 3)), *track(7, range(3, 5), 2.0), *track(8, range(3, 5), 1.0)])
    clear = clear_score(truth, result)
    assert (clear.id_switches, clear.true_positives, clear.false_positives) == (0, 4, 2)
    assert clear.motp == pytest.approx((2 + 2 * 8 / 12) / 4)


def test_localisation_decides_up_to_which_overlap_a_box_is_found() -> None:
    score = hota_score(boxes(track(1, range(1, 5))), boxes(track(1, range(1, 5), 2.5)))
    np.testing.assert_array_equal(score.true_positives, [4.0] * 12 + [0.0] * 7, "IoU is 0.6, which reaches the limit 0.6")
    assert score.mean_loc_a == pytest.approx((12 * 0.6 + 7) / 19)


@pytest.mark.parametrize("score", [hota_score, clear_score])
def test_an_identity_twice_in_one_frame_is_refused(score: Callable[[Boxes, Boxes], object]) -> None:
    twice = boxes([*track(4, range(1, 9)), *track(4, range(7, 8), 30.0)])
    with pytest.raises(ValueError, match="result: id 4 has two boxes in frame 7"):
        score(NOTHING, twice)
    with pytest.raises(ValueError, match="truth: id 4 has two boxes in frame 7"):
        score(twice, NOTHING)


def test_an_identity_twice_in_one_frame_agrees_once() -> None:
    score = identity_score(boxes(track(1, range(1, 9))), boxes([*track(4, range(1, 9)), *track(4, range(1, 9), 1.0)]))
    assert (score.true_positives, score.false_positives, score.false_negatives) == (8, 8, 0)


def test_equal_boxes_overlap_wholly() -> None:
    some = np.random.default_rng(3).uniform(0.1, 999.9, (200, 4))
    assert (np.diag(pairwise_iou(some, some)) == 1.0).all()


def test_overlaps_of_corners_are_those_of_the_same_boxes_with_width_and_height() -> None:
    generator = np.random.default_rng(4)
    one, other = generator.uniform(1.0, 60.0, (30, 4)), generator.uniform(1.0, 60.0, (20, 4))
    corners, others = (np.hstack((some[:, :2], some[:, :2] + some[:, 2:])) for some in (one, other))
    assert corner_overlaps(corners, others) == pytest.approx(pairwise_iou(one, other))


def test_of_the_first_box_counts_what_the_second_covers() -> None:
    first, second = np.array([[0.0, 0.0, 10.0, 10.0], [30.0, 0.0, 30.0, 9.0]]), np.array([[5.0, -5.0, 105.0, 95.0]])
    assert corner_overlaps(first, second, of_first=True).tolist() == [[0.5], [0.0]]
    assert corner_overlaps(first, second[:0]).shape == (2, 0)
