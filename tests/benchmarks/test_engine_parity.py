"""What the report on engines says of results that are the same, nearly the same and others."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks._engine_parity import compare_detections, compare_embeddings
from throughline.types import Detections, FloatArray


def _detections(*rows: tuple[float, float, float, float, float]) -> Detections:
    values = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(values[:, :4], values[:, 4], np.zeros(len(values), np.int64))


FRAME = _detections((0, 0, 10, 10, 0.9), (20, 0, 40, 10, 0.5), (50, 0, 60, 10, 0.3))


def test_the_same_agrees_wholly() -> None:
    parity = compare_detections([FRAME, FRAME], [FRAME, FRAME])
    assert (parity.vehicles, parity.found, parity.agreement, parity.overlap, parity.score) == (4, 1.0, 1.0, 1.0, 0.0)


def test_a_sure_vehicle_counts_as_found_with_any_score_if_it_overlaps_by_half() -> None:
    other = _detections((0, 0, 10, 6, 0.1), (20, 0, 40, 4, 0.5))
    parity = compare_detections([FRAME], [other])
    assert parity.found == 0.5
    assert parity.overlap == pytest.approx(0.6)
    assert parity.score == pytest.approx(0.8)
    assert parity.agreement == 0.0, "one is too weak to be counted, the other elsewhere"


def test_one_box_stands_for_one_vehicle() -> None:
    twice = _detections((0, 0, 10, 10, 0.9), (0, 0, 10, 9, 0.8))
    assert compare_detections([twice], [_detections((0, 0, 10, 10, 0.9))]).found == 0.5
    assert compare_detections([_detections((0, 0, 10, 10, 0.9))], [twice]).agreement == pytest.approx(2 / 3)


def test_without_vehicles_there_is_nothing_to_tell() -> None:
    parity = compare_detections([Detections.empty()], [FRAME])
    assert parity.vehicles == 0
    assert math.isnan(parity.found)


def test_vectors_are_compared_by_cosine_and_by_their_nearest() -> None:
    def unit(vectors: FloatArray) -> FloatArray:
        result: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return result

    vectors = unit(np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32))
    same = compare_embeddings(vectors, vectors)
    assert (same.crops, same.same_nearest) == (20, 1.0)
    assert same.least == pytest.approx(1, abs=1e-6)
    turned = vectors.copy()
    turned[3] *= -1
    assert compare_embeddings(vectors, turned).least == pytest.approx(-1, abs=1e-6)
    noise = unit(vectors + 0.4 * np.random.default_rng(1).standard_normal(vectors.shape).astype(np.float32))
    noisy = compare_embeddings(vectors, noise)
    assert 0.5 < noisy.mean < 0.99
    assert noisy.same_nearest < 1
