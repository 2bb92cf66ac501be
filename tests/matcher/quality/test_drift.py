"""Drift says when a camera begins to show vehicles differently, and nothing while it does not."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.quality.drift import EmbeddingDrift

KEY = ("net", "0" * 16)
PLACE = ("c1", "net")


def looks(rng: np.random.Generator, count: int, moved: np.ndarray | float = 0.0) -> list[np.ndarray]:
    vectors = rng.normal(size=(count, 64)) + moved
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [vector[None].astype(np.float32) for vector in vectors]


def learned(*vectors: np.ndarray, key: tuple[str, str] = KEY, into: EmbeddingDrift | None = None) -> EmbeddingDrift:
    drift = into or EmbeddingDrift()
    for vector in vectors:
        drift.learn("c1", {key: vector})
    return drift


def test_nothing_is_said_before_there_is_enough_to_compare() -> None:
    rng = np.random.default_rng(1)
    assert learned(*looks(rng, 249)).distances() == {}
    assert PLACE in learned(*looks(rng, 250)).distances()


@pytest.mark.parametrize("seed", range(5))
def test_vehicles_as_ever_are_no_drift(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert learned(*looks(rng, 1500, np.full(64, 0.5))).distances()[PLACE] < 0.1


def test_the_distance_is_how_far_the_mean_has_moved() -> None:
    """Against means and spreads computed of the vectors themselves."""
    rng = np.random.default_rng(2)
    before, after = looks(rng, 200), looks(rng, 200, np.eye(64)[0] * 6.0)
    found = learned(*before, *after).distances()[PLACE]
    first, second = (np.concatenate(part).astype(np.float64) for part in (before, after))
    spread = np.sqrt(1 - np.sum(first.mean(0) ** 2))
    other = np.sqrt(1 - np.sum(second.mean(0) ** 2))
    expected = np.hypot(np.linalg.norm(first.mean(0) - second.mean(0)), spread - other) / spread
    assert found == pytest.approx(expected, rel=0.06), "but for what chance makes of it, and the reference that follows"
    assert found > 0.4


def test_less_variety_is_drift_too() -> None:
    rng = np.random.default_rng(3)
    one = looks(rng, 1)[0]
    assert learned(*looks(rng, 300), *[one] * 800).distances()[PLACE] > 1.0, "a camera that shows one and the same"


def test_what_has_changed_for_good_becomes_usual() -> None:
    rng = np.random.default_rng(4)
    drift = learned(*looks(rng, 300))
    learned(*looks(rng, 300, np.eye(64)[0] * 6.0), into=drift)
    at_once = drift.distances()[PLACE]
    learned(*looks(rng, 15_000, np.eye(64)[0] * 6.0), into=drift)
    assert drift.distances()[PLACE] < 0.2 * at_once


def test_another_network_begins_anew() -> None:
    rng = np.random.default_rng(5)
    drift = learned(*looks(rng, 300))
    learned(*looks(rng, 200, 3.0), key=("net", "1" * 16), into=drift)
    assert drift.distances() == {}
    learned(*looks(rng, 100, 3.0), key=("net", "1" * 16), into=drift)
    assert drift.distances()[PLACE] < 0.3
