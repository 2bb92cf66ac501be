"""Against brute force: every one-to-one assignment tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pytest

from matcher.assignment import assign, marginals


def every(scores: Sequence[dict[str, float]]) -> Iterator[tuple[tuple[str | None, ...], float]]:
    for choice in product(*[[None, *row] for row in scores]):
        taken = [column for column in choice if column is not None]
        if len(taken) == len(set(taken)):
            yield choice, sum(row[column] for row, column in zip(scores, choice, strict=True) if column is not None)


def random_scores(rng: np.random.Generator, rows: int, columns: int, density: float = 0.5) -> list[dict[str, float]]:
    return [
        {f"v{column}": float(rng.normal(0.5, 2.0)) for column in range(columns) if rng.random() < density} for _ in range(rows)
    ]


@pytest.mark.parametrize("seed", range(60))
def test_assignment_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = random_scores(rng, int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    chosen = assign(scores)
    taken = [column for column in chosen if column is not None]
    assert len(taken) == len(set(taken))
    total = sum(row[column] for row, column in zip(scores, chosen, strict=True) if column is not None)
    assert total == pytest.approx(max(value for _, value in every(scores)))


@pytest.mark.parametrize("seed", range(20))
def test_staying_alone_has_a_score_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = random_scores(rng, 4, 4)
    alone = [float(value) for value in rng.normal(size=4)]
    chosen = assign(scores, alone)

    def value(choice: Sequence[str | None]) -> float:
        return sum(own if column is None else row[column] for row, column, own in zip(scores, choice, alone, strict=True))

    assert value(chosen) == pytest.approx(max(value(choice) for choice, _ in every(scores)))


def test_nothing_is_joined_at_a_loss() -> None:
    assert assign([{"a": -0.1}, {"a": -math.inf}, {}]) == [None, None, None]
    assert assign([]) == []


def test_equal_scores_are_decided_by_order() -> None:
    tied = [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0}]
    first = assign(tied)
    assert sorted(filter(None, first)) == ["a", "b"]
    again = assign(tied)
    assert again == first


def exact_marginals(scores: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    weights = [(choice, math.exp(value)) for choice, value in every(scores)]
    total = sum(weight for _, weight in weights)
    return [
        {column: sum(weight for choice, weight in weights if choice[index] == column) / total for column in row}
        for index, row in enumerate(scores)
    ]


@pytest.mark.parametrize("seed", range(30))
def test_marginals_are_close_to_exact(seed: int) -> None:
    scores = random_scores(np.random.default_rng(seed), 4, 4)
    for found, exact in zip(marginals(scores), exact_marginals(scores), strict=True):
        assert sum(found.values()) <= 1.0 + 1e-9
        assert found == pytest.approx(exact, abs=0.12)


def test_marginals_of_a_tree_are_exact() -> None:
    scores = [{"a": 1.0, "b": -0.5}, {"b": 2.0, "c": 0.3}, {"c": -1.0}]
    for found, exact in zip(marginals(scores), exact_marginals(scores), strict=True):
        assert found == pytest.approx(exact, abs=1e-6)


def test_marginals_of_overwhelming_evidence_are_finite() -> None:
    ((only,), (second, third)) = ([*row.values()] for row in marginals([{"a": 800.0}, {"a": 1.0, "b": 900.0}]))
    assert only == pytest.approx(1.0)
    assert second == pytest.approx(0.0, abs=1e-9)
    assert third == pytest.approx(1.0)
