from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from evaluation.boxes import Boxes, pairwise_iou
from evaluation.identity import identity_score


def boxes(rows: list[tuple[int, int, float]]) -> Boxes:
    """(frame, id, x) of boxes of 10 x 10 pixels."""
    return Boxes(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([(row[2], 0.0, 10.0, 10.0) for row in rows]).reshape(-1, 4),
    )


def brute_force(truth: Boxes, result: Boxes) -> int:
    """Most boxes that agree over all one-to-one assignments of identities."""
    true_ids, found_ids = sorted(set(truth.ids.tolist())), sorted(set(result.ids.tolist()))
    padded = found_ids + [None] * len(true_ids)
    best = 0
    for order in set(permutations(padded, len(true_ids))):
        agreeing = 0
        for vehicle, found in zip(true_ids, order, strict=True):
            for frame, box in zip(truth.frames[truth.ids == vehicle], truth.boxes[truth.ids == vehicle], strict=True):
                there = result.boxes[(result.ids == found) & (result.frames == frame)] if found is not None else []
                agreeing += any(pairwise_iou(box[None], other[None])[0, 0] >= 0.5 for other in there)
        best = max(best, agreeing)
    return best


@pytest.mark.parametrize("seed", range(25))
def test_against_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def some() -> Boxes:
        rows = {(int(f), int(i)): float(rng.integers(0, 4) * 4) for f, i in rng.integers(0, 4, size=(10, 2))}
        return boxes([(frame, vehicle, x) for (frame, vehicle), x in rows.items()])

    truth, result = some(), some()
    score = identity_score(truth, result)
    assert score.true_positives == brute_force(truth, result)
    assert score.false_positives == len(result) - score.true_positives
    assert score.false_negatives == len(truth) - score.true_positives
    assert score.f1 == pytest.approx(2 * score.true_positives / (len(truth) + len(result)))


def test_a_vehicle_that_changes_its_id_counts_with_its_longer_part() -> None:
    truth = boxes([(frame, 1, 0.0) for frame in range(10)])
    result = boxes([(frame, 5 if frame < 6 else 6, 0.0) for frame in range(10)])
    score = identity_score(truth, result)
    assert (score.precision, score.recall, score.f1) == (0.6, 0.6, 0.6)


def test_the_overlap_must_reach_the_limit() -> None:
    truth = boxes([(1, 1, 0.0)])
    assert identity_score(truth, boxes([(1, 1, 3.3)])).f1 == 1.0, "IoU is 0.504"
    assert identity_score(truth, boxes([(1, 1, 3.4)])).f1 == 0.0, "IoU is 0.493"
    assert identity_score(truth, boxes([(2, 1, 0.0)])).f1 == 0.0, "another picture"


def test_nothing_there() -> None:
    assert identity_score(boxes([]), boxes([])).f1 == 0.0
    assert identity_score(boxes([(1, 1, 0.0)]), boxes([])).recall == 0.0


def test_arrays_must_agree() -> None:
    with pytest.raises(ValueError, match="expected"):
        Boxes(np.zeros(2, np.int64), np.zeros(3, np.int64), np.zeros((2, 4)))
