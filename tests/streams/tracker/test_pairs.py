from __future__ import annotations

import numpy as np
import pytest

from streams.tracker import pairs as module
from streams.tracker.boxes import corners, pairwise_iou
from streams.tracker.pairs import near_pairs
from tests.support.tracking import centred_boxes


@pytest.mark.parametrize("widening", [-0.5, 0.0, 0.3, 1.0])
def test_near_pairs_are_exactly_those_whose_widened_boxes_overlap(widening: float) -> None:
    random = np.random.default_rng(1)
    tracks, others = centred_boxes(random, 20), centred_boxes(random, 24)
    pairs = near_pairs(tracks, np.full(20, widening, np.float32), others)
    grow = np.array([[1], [1], [1 + widening], [1 + widening]], np.float32)
    wide, plain = pairwise_iou(corners(tracks * grow), corners(others * grow)), pairwise_iou(corners(tracks), corners(others))
    assert [*zip(pairs.tracks.tolist(), pairs.detections.tolist(), strict=True)] == [*map(tuple, np.argwhere(wide > 0).tolist())]
    np.testing.assert_allclose(pairs.widened_iou, wide[pairs.tracks, pairs.detections], atol=1e-4)
    np.testing.assert_allclose(pairs.iou, plain[pairs.tracks, pairs.detections], atol=1e-4)
    assert len(pairs) > 5


def test_each_track_is_widened_by_its_own_share() -> None:
    tracks = np.array([[0, 0], [0, 100], [40, 40], [40, 40]], np.float32)
    others = np.array([[50, 50], [0, 100], [40, 40], [40, 40]], np.float32)
    pairs = near_pairs(tracks, np.array([0.0, 0.5], np.float32), others)
    assert (pairs.tracks.tolist(), pairs.detections.tolist()) == ([1], [1])


def test_separation_grows_from_zero_with_the_distance() -> None:
    track = np.array([[100], [100], [40], [20]], np.float32)
    others = np.array([[100, 100, 40, 20], [110, 100, 40, 20], [130, 110, 40, 20]], np.float32).T
    separation = near_pairs(track, np.ones(1, np.float32), others).separation
    assert separation[0] == 0
    assert separation[1] == pytest.approx(100 / (50**2 + 20**2))
    assert separation[2] == pytest.approx((900 + 100) / (70**2 + 30**2))


@pytest.mark.parametrize("block", [1, 7, 100, 10**9])
def test_how_many_are_looked_at_together_changes_nothing(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    random = np.random.default_rng(2)
    tracks, others = centred_boxes(random, 60), centred_boxes(random, 70)
    widening = random.uniform(-0.7, 1, 60).astype(np.float32)
    expected = near_pairs(tracks, widening, others)
    monkeypatch.setattr(module, "_BLOCK", block)
    again = near_pairs(tracks, widening, others)
    for name in ("tracks", "detections", "iou", "widened_iou", "separation"):
        np.testing.assert_array_equal(getattr(again, name), getattr(expected, name))


def test_nothing_is_near_nothing() -> None:
    empty, three = np.zeros((4, 0), np.float32), np.ones((4, 3), np.float32)
    assert len(near_pairs(empty, np.zeros(0, np.float32), empty)) == 0
    assert len(near_pairs(empty, np.zeros(0, np.float32), three)) == 0
    assert len(near_pairs(three, np.zeros(3, np.float32), empty)) == 0
