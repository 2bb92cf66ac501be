from __future__ import annotations

import numpy as np
import pytest

from benchmarks._crowd import crowd, parked
from evaluation.boxes import pairwise_iou


@pytest.mark.parametrize("count", [20, 300])
def test_a_crowd_is_as_stated(count: int) -> None:
    (width, height), frames = crowd(count, 400, seed=1)
    assert width * height / count == pytest.approx(1920 * 1080 / 20, rel=0.01)
    assert np.mean([len(frame) for frame in frames]) == pytest.approx(0.96 * count, rel=0.01)
    scores = np.concatenate([frame.scores for frame in frames])
    assert np.mean(scores < 0.5) == pytest.approx(0.08, abs=0.01)
    centres = np.concatenate([frame.boxes for frame in frames]).reshape(-1, 2, 2).mean(axis=1)
    assert (centres > 0).all()
    assert (centres < [width, height]).all()


def test_the_seed_decides() -> None:
    one, same, other = (crowd(20, 3, seed)[1] for seed in (1, 1, 2))
    assert all(np.array_equal(a.boxes, b.boxes) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0].boxes[:5], other[0].boxes[:5])


def test_embeddings_tell_vehicles_apart() -> None:
    _, (first, second) = crowd(30, 2, seed=1, embedding_size=64)
    assert first.embeddings is not None
    assert second.embeddings is not None
    assert np.allclose(np.linalg.norm(first.embeddings, axis=1), 1.0, atol=1e-5)
    alike = np.sort(first.embeddings @ second.embeddings.T, axis=1)
    assert np.median(alike[:, -1]) > 0.8
    assert np.median(alike[:, -2]) < 0.5


def test_parked_vehicles_stand_apart() -> None:
    (width, height), found = parked(1000)
    assert len(found) == 1000
    boxes = np.concatenate([found.boxes[:, :2], found.boxes[:, 2:] - found.boxes[:, :2]], axis=1).astype(np.float64)
    assert pairwise_iou(boxes, boxes).sum() == pytest.approx(1000)
    assert (found.boxes[:, 2] < width).all()
    assert (found.boxes[:, 3] < height).all()
