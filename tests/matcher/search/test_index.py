"""One contract for every index, and what only the approximate one promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from matcher.search.exact import ExactIndex
from matcher.search.index import VectorIndex, nearest
from matcher.search.ivf import IvfIndex
from matcher.search.rows import BoolArray, VectorRows
from tests.support.looks import clustered, unit

VEHICLES, VIEWS, DIMENSION = 900, 5, 32


class Filled:
    """An index over some rows, and brute force beside it."""

    def __init__(self, make: Callable[[VectorRows], VectorIndex], vectors: np.ndarray) -> None:
        self.rows = VectorRows(vectors.shape[1])
        self.index = make(self.rows)
        self.vectors = {self.rows.put(vector): vector for vector in vectors}
        self.settle()

    def settle(self) -> None:
        self.index.maintain()
        if isinstance(self.index, IvfIndex):
            assert self.index.wait(60), "an index was built"

    def put(self, vector: np.ndarray, row: int | None = None) -> int:
        row = self.rows.put(vector, row)
        self.vectors[row] = vector
        return row

    def free(self, row: int) -> None:
        self.rows.free(row)
        del self.vectors[row]

    def truth(self, query: np.ndarray, count: int, allowed: BoolArray | None = None) -> list[int]:
        among = [row for row in sorted(self.vectors) if allowed is None or allowed[row]]
        cosines = np.stack([self.vectors[row] for row in among]) @ query
        return [among[place] for place in np.argsort(-cosines, kind="stable")[:count]]

    def recall(self, queries: np.ndarray, count: int, allowed: BoolArray | None = None) -> float:
        mask = self.rows.used if allowed is None else allowed
        hits = [set(self.index.search(q, count, mask).rows.tolist()) & set(self.truth(q, count, mask)) for q in queries]
        return sum(map(len, hits)) / (count * len(queries))


def exact(rows: VectorRows) -> VectorIndex:
    return ExactIndex(rows)


def ivf(rows: VectorRows) -> VectorIndex:
    return IvfIndex(rows, 1000)


@pytest.fixture(params=[exact, ivf])
def filled(request: pytest.FixtureRequest) -> Iterator[Filled]:
    filled = Filled(request.param, clustered(VEHICLES, VIEWS, seed=1, dimension=DIMENSION))
    yield filled
    filled.index.close()


def questions(count: int, seed: int = 2) -> np.ndarray:
    """Further views of the same vehicles."""
    views = clustered(VEHICLES, VIEWS, seed=1, dimension=DIMENSION)
    random = np.random.default_rng(seed)
    return unit(views[random.choice(len(views), count)] + 0.05 * random.normal(size=(count, DIMENSION)))


def test_it_finds_the_most_alike(filled: Filled) -> None:
    queries = questions(50)
    assert filled.recall(queries, 20) >= 0.98
    for query in queries:
        found = filled.index.search(query, 20, filled.rows.used)
        assert len(found.rows) == len(set(found.rows.tolist())) == 20
        assert np.all(np.diff(found.similarities) <= 0)
        cosines = np.stack([filled.vectors[row] for row in found.rows.tolist()]) @ query
        assert found.similarities == pytest.approx(cosines, abs=1e-5), "computed from the vectors themselves"
        assert found.rows[0] == filled.truth(query, 1)[0]


def test_it_keeps_to_what_is_allowed(filled: Filled) -> None:
    allowed = filled.rows.used & (np.random.default_rng(3).random(filled.rows.capacity) < 0.5)
    queries = questions(30)
    assert filled.recall(queries, 20, allowed) >= 0.98
    assert all(allowed[filled.index.search(query, 20, allowed).rows].all() for query in queries)
    few = np.zeros_like(allowed)
    few[[5, 17, 4000]] = True
    assert set(filled.index.search(queries[0], 20, few).rows.tolist()) == {5, 17, 4000}
    none = filled.index.search(queries[0], 20, np.zeros_like(allowed))
    assert len(none.rows) == len(none.similarities) == 0


def test_all_can_be_asked_for(filled: Filled) -> None:
    found = filled.index.search(questions(1)[0], 10_000, filled.rows.used)
    assert sorted(found.rows.tolist()) == sorted(filled.vectors)


def test_what_was_freed_is_never_found(filled: Filled) -> None:
    gone = sorted(filled.vectors)[::2]
    queries = [filled.vectors[row] for row in gone[:50]]
    for row in gone:
        filled.free(row)
    for query in queries:
        found = filled.index.search(query, 20, filled.rows.used)
        assert len(found.rows) == 20
        assert not set(found.rows.tolist()) & set(gone)
    assert filled.recall(np.stack(queries), 20) >= 0.98


def test_what_was_put_since_is_found_at_once_also_where_something_else_stood(filled: Filled) -> None:
    strangers = clustered(40, 1, seed=99, dimension=DIMENSION)
    rows = sorted(filled.vectors)
    for row in rows[:20]:
        filled.free(row)
    replaced = [filled.put(vector, row) for vector, row in zip(strangers[:10], rows[100:110], strict=True)]
    placed = replaced + [filled.put(vector) for vector in strangers[10:]]
    assert set(rows[:20]) <= set(placed), "places are used again"
    for row, vector in zip(placed, strangers, strict=True):
        found = filled.index.search(vector, 5, filled.rows.used)
        assert found.rows[0] == row
        assert found.similarities[0] == pytest.approx(1.0, abs=1e-5)
        if found.exact:
            assert found.rows.tolist() == filled.truth(vector, 5)


def test_after_a_whole_generation_only_the_living_are_found(filled: Filled) -> None:
    """All that stood there has expired; others have its rows."""
    for row in sorted(filled.vectors):
        filled.free(row)
    successors = clustered(VEHICLES, VIEWS, seed=5, dimension=DIMENSION)
    for vector in successors:
        filled.put(vector)
    filled.settle()
    assert filled.recall(successors[::97], 20) >= 0.98
    assert len(filled.rows) == len(successors)
    assert filled.rows.capacity < 2 * len(successors), "rows are used again"


def test_equals_are_told_apart_by_their_rows(filled: Filled) -> None:
    twin = unit(np.ones(DIMENSION))
    rows = sorted(filled.put(twin) for _ in range(6))
    assert filled.index.search(twin, 4, filled.rows.used).rows.tolist() == rows[:4]


def test_the_best_of_some_rows() -> None:
    rows, similarities = np.array([7, 3, 9, 1]), np.array([0.5, 0.9, 0.5, 0.1], np.float32)
    assert nearest(rows, similarities, 2, exact=True).rows.tolist() == [3, 7]
    assert nearest(rows, similarities, 9, exact=True).rows.tolist() == [3, 7, 9, 1]
    assert nearest(rows[:0], similarities[:0], 3, exact=True).rows.tolist() == []


class TestApproximate:
    def test_small_sets_and_narrow_questions_are_searched_exactly(self) -> None:
        filled = Filled(ivf, clustered(VEHICLES, VIEWS, seed=1, dimension=DIMENSION))
        query = questions(1)[0]
        assert not filled.index.search(query, 5, filled.rows.used).exact
        some = filled.rows.used & (np.arange(filled.rows.capacity) < 1000)
        assert filled.index.search(query, 5, some).exact
        for row in sorted(filled.vectors)[900:]:
            filled.free(row)
        filled.index.maintain()
        assert filled.index.search(query, 5, filled.rows.used).exact

    def test_it_is_built_anew_when_a_fifth_has_changed(self) -> None:
        outcomes: list[str] = []
        filled = Filled(lambda rows: IvfIndex(rows, 1000, outcomes.append), clustered(VEHICLES, VIEWS, seed=1))
        more = clustered(200, VIEWS, seed=7)
        placed = [filled.put(vector) for vector in more[:600]]
        filled.settle()
        assert outcomes == ["ready"], "too little has changed"
        for row, vector in enumerate(more[600:900]):
            filled.put(vector, row)
        for row in range(300, 600):
            filled.free(row)
        assert min(placed) > 600
        filled.settle()
        assert outcomes == ["ready", "ready"]
        assert filled.recall(more[:400:20], 10) >= 0.98

    def test_where_it_would_miss_too_much_search_stays_exact(self) -> None:
        outcomes: list[str] = []
        noise = unit(np.random.default_rng(0).normal(size=(3000, 256)))  # in which nothing stands near anything
        rows = VectorRows(256)
        index = IvfIndex(rows, 1000, outcomes.append)
        for vector in noise:
            rows.put(vector)
        index.maintain()
        assert not index.wait(60)
        assert outcomes == ["inexact"]
        assert index.search(noise[0], 5, rows.used).exact
        index.maintain()
        assert outcomes == ["inexact"], "it is not tried again before much has changed"

    def test_what_is_written_while_it_is_built_is_found_as_it_is(self) -> None:
        rows = VectorRows(DIMENSION)
        vectors = clustered(500, 40, seed=1, dimension=DIMENSION)
        for vector in vectors:
            rows.put(vector)
        index = IvfIndex(rows, 1000)
        index.maintain()
        strangers = clustered(2000, 1, seed=8, dimension=DIMENSION)
        for row, vector in enumerate(strangers):  # while it reads them
            rows.put(vector, 3 * row)
        assert index.wait(60)
        for row, vector in list(enumerate(strangers))[::50]:
            found = index.search(vector, 1, rows.used)
            assert found.rows.tolist() == [3 * row]
            assert found.similarities[0] == pytest.approx(1.0, abs=1e-5)
        index.close()
        assert index.search(strangers[0], 1, rows.used).exact
