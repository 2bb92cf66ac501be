"""The encoding of neighbours, against one that is written as the paper tells it, one thing at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from matcher.evidence.neighbours import reciprocal_encodings, shared


def as_the_paper_says(distances: np.ndarray, k1: int, k2: int) -> np.ndarray:
    """Jaccard distances (Zhong et al. 2017, section 3), with sets and loops."""
    count = len(distances)

    def nearest(one: int, k: int) -> list[int]:
        ranked = sorted(range(count), key=lambda other: (distances[one, other], other))
        return [other for other in ranked if math.isfinite(distances[one, other])][: k + 1]  # itself is the first

    def reciprocal(one: int, k: int) -> set[int]:
        return {other for other in nearest(one, k) if one in nearest(other, k)}

    encodings = []
    for one in range(count):
        known = reciprocal(one, k1)
        expanded = set(known)
        for other in known:
            more = reciprocal(other, round(k1 / 2))
            if len(more & known) > 2 / 3 * len(more):
                expanded |= more
        total = sum(math.exp(-distances[one, other]) for other in expanded)
        encodings.append([math.exp(-distances[one, other]) / total if other in expanded else 0.0 for other in range(count)])
    averaged = []
    for one in range(count):
        beside = nearest(one, k2 - 1)
        averaged.append([sum(encodings[other][place] for other in beside) / len(beside) for place in range(count)])
    result = np.zeros((count, count))
    for one in range(count):
        for other in range(count):
            least = sum(min(a, b) for a, b in zip(averaged[one], averaged[other], strict=True))
            most = sum(max(a, b) for a, b in zip(averaged[one], averaged[other], strict=True))
            result[one, other] = 1 - least / most
    return result


def distances_of(points: np.ndarray) -> np.ndarray:
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    return np.asarray(gaps / gaps.max(axis=1, keepdims=True))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (3, 1), (5, 2), (8, 3), (20, 6), (70, 10)])
def test_it_is_what_the_paper_says(seed: int, k1: int, k2: int) -> None:
    rng = np.random.default_rng(seed)
    distances = distances_of(rng.normal(size=(24, 3)))
    if seed % 2:  # some can never be neighbours
        apart = rng.random(distances.shape) < 0.2
        distances[apart | apart.T] = np.inf
        np.fill_diagonal(distances, 0.0)
    encodings = reciprocal_encodings(distances, k1, k2)
    expected = as_the_paper_says(distances, k1, k2)
    everything = np.arange(len(distances))
    for one in range(len(distances)):
        assert shared(encodings, one, everything) == pytest.approx(1 - expected[one], abs=1e-12)


def test_rows_sum_to_one() -> None:
    encodings = reciprocal_encodings(distances_of(np.random.default_rng(1).normal(size=(15, 2))), 4, 2)
    assert encodings.sum(axis=1) == pytest.approx(np.ones(15))


def test_things_in_one_cluster_share_their_neighbours_and_others_none() -> None:
    rng = np.random.default_rng(2)
    points = np.concatenate([rng.normal(size=(6, 2)), rng.normal(size=(6, 2)) + 40.0])
    encodings = reciprocal_encodings(distances_of(points), 5, 1)
    found = shared(encodings, 0, np.arange(12))
    assert found[:6].min() > 0.8
    assert found[6:].max() == 0.0


def test_one_that_can_have_no_neighbour_is_its_own() -> None:
    distances = distances_of(np.random.default_rng(3).normal(size=(6, 2)))
    distances[0, 1:] = distances[1:, 0] = np.inf
    encodings = reciprocal_encodings(distances, 3, 2)
    assert encodings[0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert shared(encodings, 0, np.arange(1, 6)).tolist() == [0.0] * 5
