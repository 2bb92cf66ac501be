from __future__ import annotations

import numpy as np
import pytest

from benchmarks._tracking_scores import TrackingScore, mean_score, score
from evaluation.boxes import Boxes
from tests.support.sequences import lanes, sequence_of


def test_the_truth_itself_is_perfect() -> None:
    total = score([sequence_of(lanes())], [lanes()])
    assert (total.hota, total.detection, total.association, total.idf1, total.mota) == pytest.approx((1.0,) * 5)
    assert total.switches == 0


def test_a_change_of_identity_is_counted() -> None:
    truth = lanes(1, 10)
    total = score([sequence_of(truth)], [Boxes(truth.frames, np.where(truth.frames > 5, 2, 1), truth.boxes)])
    assert total.switches == 1
    assert total.mota == pytest.approx(0.9)
    assert total.idf1 == pytest.approx(0.5)
    assert total.association == pytest.approx(0.5)


def test_low_boxes_count_neither_way() -> None:
    truth = lanes(2, 10)
    low = Boxes(truth.frames, truth.ids, truth.boxes * np.where(truth.ids == 2, 0.5, 1.0)[:, None])
    sequence = sequence_of(low, least_height=24.0)
    assert score([sequence], [low]).mota == pytest.approx(1.0)
    assert score([sequence], [low.where(low.ids == 1)]).mota == pytest.approx(1.0)
    assert score([sequence], [low.where(low.ids == 2)]).mota == pytest.approx(0.0)


def test_cameras_add_up_and_seeds_are_averaged() -> None:
    good, empty = lanes(1, 30), lanes(1, 10)
    nothing = empty.where(np.zeros(len(empty), np.bool_))
    pairs = [(sequence_of(good), good), (sequence_of(empty, name="c002"), nothing)]
    together = score(*(list(column) for column in zip(*pairs, strict=True)))
    assert together.mota == pytest.approx(30 / 40)
    seeds = [(sequence_of(good), good), (sequence_of(empty, seed=2), nothing)]
    assert score(*(list(column) for column in zip(*seeds, strict=True))).mota == pytest.approx(0.5)


def test_different_least_heights_are_not_scored_together() -> None:
    sequences = [sequence_of(lanes()), sequence_of(lanes(), name="c002", least_height=24.0)]
    with pytest.raises(ValueError, match="least heights"):
        score(sequences, [lanes(), lanes()])


def test_mean() -> None:
    assert mean_score([TrackingScore(1, 1, 1, 1, 1, 10), TrackingScore(0, 0.5, 0, 0, -1, 0)]) == TrackingScore(
        0.5, 0.75, 0.5, 0.5, 0.0, 5.0
    )
