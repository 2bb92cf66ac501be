from __future__ import annotations

import numpy as np
import pytest

from streams.tracker import appearance
from streams.tracker.appearance import FeatureBank
from tests.support.tracking import unit_rows

EYE = np.eye(8, dtype=np.float32)


def _bank(budget: int, tracks: int = 1) -> FeatureBank:
    bank = FeatureBank(budget)
    bank.append(tracks)
    return bank


@pytest.mark.parametrize("looks", [1, 3, 4, 5, 7, 8])
def test_a_full_gallery_keeps_the_newest_looks_and_forgets_the_oldest(looks: int) -> None:
    """A buffer that only overwrites its last place would keep the oldest."""
    bank = _bank(budget=3)
    for number in range(looks):
        bank.add(np.array([0]), EYE[[number]])
    known = np.flatnonzero(bank.distances(np.array([0]), EYE)[0] == 0)
    assert known.tolist() == list(range(max(0, looks - 3), looks))


def test_distance_is_the_least_cosine_distance_to_any_stored_look() -> None:
    random = np.random.default_rng(0)
    stored = [unit_rows(random, count, 16) for count in (1, 4, 9)]
    queries = unit_rows(random, 5, 16)
    bank = _bank(budget=20, tracks=3)
    for step in range(9):
        rows = np.array([track for track, looks in enumerate(stored) if step < len(looks)])
        bank.add(rows, np.stack([stored[track][step] for track in rows]))
    found = bank.distances(np.arange(3), queries)
    for track, looks in enumerate(stored):
        for index, query in enumerate(queries):
            plain = min(1 - float(look @ query) / (np.linalg.norm(look) * np.linalg.norm(query)) for look in looks)
            assert found[track, index] == pytest.approx(plain, abs=1e-6)


def test_tracks_without_a_look_and_looks_that_are_unknown_are_infinitely_far() -> None:
    bank = _bank(budget=3, tracks=2)
    bank.add(np.array([0, 1]), np.stack((EYE[0], np.full(8, np.nan, np.float32))))
    queries = np.stack((EYE[0], np.full(8, np.nan, np.float32)))
    assert bank.distances(np.array([0, 1]), queries).tolist() == [[0, np.inf], [np.inf, np.inf]]
    assert bank.between(0, np.array([1])).tolist() == [np.inf]
    assert bank.between(1, np.array([0])).tolist() == [np.inf]


def test_a_look_that_is_unknown_takes_no_place() -> None:
    bank = _bank(budget=2)
    for look in (EYE[0], EYE[1], np.full(8, np.nan, np.float32)):
        bank.add(np.array([0]), look[None])
    assert bank.distances(np.array([0]), EYE[:2]).tolist() == [[0, 0]]


def test_two_tracks_are_as_far_apart_as_their_most_alike_looks() -> None:
    bank = _bank(budget=4, tracks=3)
    bank.add(np.array([0, 1, 2]), EYE[[0, 1, 2]])
    half = (EYE[[0]] + EYE[[2]]) / np.sqrt(np.float32(2))
    bank.add(np.array([0]), half)
    np.testing.assert_allclose(bank.between(0, np.array([1, 2])), [1, 1 - np.sqrt(0.5)], atol=1e-6)
    assert bank.between(0, np.zeros(0, np.int64)).shape == (0,)


def test_looks_go_with_their_tracks() -> None:
    bank = _bank(budget=2, tracks=3)
    bank.add(np.array([0, 1, 2]), EYE[[0, 1, 2]])
    bank.keep(np.array([False, True, True]))
    bank.append(1)
    assert len(bank) == 3
    assert (bank.distances(np.arange(3), EYE[[1, 2]]) == [[0, 1], [1, 0], [np.inf, np.inf]]).all()


def test_looks_of_another_network_replace_all() -> None:
    bank = _bank(budget=2)
    bank.add(np.array([0]), EYE[[0]])
    other = np.eye(4, dtype=np.float32)
    assert np.isinf(bank.distances(np.array([0]), other)).all()
    bank.add(np.array([0]), other[[1]])
    assert bank.distances(np.array([0]), other).tolist() == [[1, 0, 1, 1]]
    assert np.isinf(bank.distances(np.array([0]), EYE)).all()


@pytest.mark.parametrize("chunk", [1, 300, 10**9])
def test_how_many_are_compared_together_changes_nothing(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    random = np.random.default_rng(0)
    bank = _bank(budget=5, tracks=7)
    for count in (7, 5, 3, 7):
        bank.add(np.arange(count), unit_rows(random, count, 16))
    rows, queries = random.integers(0, 7, 40), unit_rows(random, 40, 16)
    expected = bank.distances(np.arange(7), queries)
    monkeypatch.setattr(appearance, "_CHUNK", chunk)
    np.testing.assert_allclose(bank.distances(np.arange(7), queries), expected, atol=1e-6)
    np.testing.assert_allclose(bank.pair_distances(rows, queries), expected[rows, np.arange(40)], atol=1e-6)
