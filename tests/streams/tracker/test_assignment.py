from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from streams.tracker import assignment
from streams.tracker.assignment import Matching, assign


@pytest.fixture(params=["the whole matrix", "only what competes"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to solve it."""
    monkeypatch.setattr(assignment, "_SMALL", 10**9 if request.param == "the whole matrix" else 0)


def _best_gain(gains: np.ndarray) -> float:
    """The largest sum of gains, by trying everything."""
    rows, columns = gains.shape
    if rows > columns:
        return _best_gain(gains.T)
    padded = np.hstack((gains, np.zeros((rows, rows))))  # each row may also stay alone
    return max(
        sum(float(padded[row, column]) for row, column in enumerate(order)) for order in permutations(range(rows + columns), rows)
    )


def _assign(gains: np.ndarray) -> tuple[list[int], list[int]]:
    rows, columns = np.nonzero(gains)
    chosen_rows, chosen_columns = assign(rows, columns, gains[rows, columns], gains.shape)
    return chosen_rows.tolist(), chosen_columns.tolist()


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("seed", range(60))
def test_no_other_choice_gains_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    gains = random.uniform(0.01, 1, (int(random.integers(1, 5)), int(random.integers(1, 5))))
    gains[random.random(gains.shape) < random.choice([0.2, 0.5, 0.8])] = 0
    rows, columns = _assign(gains)
    assert len(set(rows)) == len(rows)
    assert len(set(columns)) == len(columns)
    assert (gains[rows, columns] > 0).all()
    assert gains[rows, columns].sum() == pytest.approx(_best_gain(gains))


@pytest.mark.parametrize("seed", range(20))
def test_both_ways_to_solve_it_agree(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    random = np.random.default_rng(seed)
    gains = random.uniform(0.01, 1, (90, 80))
    gains[random.random(gains.shape) < random.choice([0.9, 0.97, 0.995])] = 0
    found = []
    for small in (0, 10**9):
        monkeypatch.setattr(assignment, "_SMALL", small)
        found.append({*zip(*_assign(gains), strict=True)})
    assert found[0] == found[1]


@pytest.mark.usefixtures("path")
def test_one_good_pair_beats_two_poor_ones() -> None:
    assert _assign(np.array([[0.9, 0.2], [0.2, 0]])) == ([0], [0])


@pytest.mark.usefixtures("path")
def test_no_pairs_give_no_matches() -> None:
    assert _assign(np.zeros((3, 4))) == ([], [])
    assert _assign(np.zeros((0, 0))) == ([], [])


def _matching(tracks: int, detections: int) -> Matching:
    return Matching(np.ones(tracks, np.bool_), np.ones(detections, np.bool_))


def _taken(matching: Matching) -> list[tuple[int, int]]:
    rows, columns = matching.result()
    return [*zip(rows.tolist(), columns.tolist(), strict=True)]


def test_what_an_earlier_stage_took_stays_taken() -> None:
    matching = _matching(2, 2)
    matching.add(np.array([1]), np.array([0]), np.array([0.1]))
    matching.add(np.array([0, 1, 0]), np.array([0, 1, 1]), np.array([0.9, 0.9, 0.5]))
    assert _taken(matching) == [(0, 1), (1, 0)]


def test_what_may_not_be_taken_is_not() -> None:
    matching = Matching(np.array([False, True]), np.array([True, True, False]))
    matching.add(np.array([0, 1, 1]), np.array([0, 1, 2]), np.array([0.9, 0.2, 0.9]))
    assert _taken(matching) == [(1, 1)]


def test_by_age_the_younger_choose_first() -> None:
    """Track 0 was missed for a while; together the two would gain most if it took the detection they compete for."""
    tracks, detections, gains = np.array([0, 1]), np.array([0, 0]), np.array([0.9, 0.3])
    together, cascade = _matching(2, 1), _matching(2, 1)
    together.add(tracks, detections, gains)
    cascade.add(tracks, detections, gains, ages=np.array([3, 1]))
    assert _taken(together) == [(0, 0)]
    assert _taken(cascade) == [(1, 0)]


def test_by_age_those_of_one_age_are_weighed_together() -> None:
    matching = _matching(3, 3)
    tracks, detections = (grid.ravel() for grid in np.meshgrid(np.arange(3), np.arange(3), indexing="ij"))
    gains = np.array([[0.9, 0.8, 0.1], [0.8, 0.1, 0.1], [0.9, 0.9, 0.2]]).ravel()
    matching.add(tracks, detections, gains, ages=np.array([1, 1, 2]))
    assert _taken(matching) == [(0, 1), (1, 0), (2, 2)]


def test_nothing_added_takes_nothing() -> None:
    assert _taken(_matching(2, 2)) == []
