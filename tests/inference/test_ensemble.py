"""The appearance ensemble: weighted cosines, concatenation, missing members."""

from __future__ import annotations

import numpy as np
import pytest

from inference.ensemble import Ensemble, mean_cosine, squared_distance
from throughline.types import FloatArray


def unit(rng: np.random.Generator, count: int, dimension: int) -> FloatArray:
    rows = rng.standard_normal((count, dimension))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def sides(seed: int = 1) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    rng = np.random.default_rng(seed)
    return ({"a": unit(rng, 3, 8), "b": unit(rng, 3, 5)}, {"a": unit(rng, 4, 8), "b": unit(rng, 4, 5)})


def test_weighted_sum_and_concatenation_are_one_number() -> None:
    first, second = sides()
    ensemble = Ensemble({"a": 2.0, "b": 0.5})
    cosines = {name: first[name] @ second[name].T for name in first}
    expected = (2.0 * cosines["a"] + 0.5 * cosines["b"]) / 2.5
    assert ensemble.similarity(first, second) == pytest.approx(expected, abs=1e-6)
    assert ensemble.concatenate(first).similarity(ensemble.concatenate(second)) == pytest.approx(expected, abs=1e-6)


def test_with_equal_weights_it_is_the_bare_concatenation() -> None:
    first, second = sides()
    left, right = (np.concatenate([one["a"], one["b"]], axis=1) for one in (first, second))
    distances = ((left[:, None] - right[None]) ** 2).sum(axis=2)
    alike = Ensemble({"a": 1.0, "b": 1.0}).similarity(first, second)
    assert squared_distance(alike, 2) == pytest.approx(distances, abs=1e-5)
    assert mean_cosine(distances, 2) == pytest.approx(alike, abs=1e-5)
    assert Ensemble({"a": 3.0, "b": 3.0}).similarity(first, second) == pytest.approx(alike, abs=1e-6)


@pytest.mark.parametrize(("distance", "cosine"), [(2.5, 0.821), (3.0, 0.786), (0.0, 1.0), (28.0, -1.0)])
def test_the_scale_of_seven_networks(distance: float, cosine: float) -> None:
    assert mean_cosine(distance, 7) == pytest.approx(cosine, abs=5e-4)
    assert squared_distance(mean_cosine(distance, 7), 7) == pytest.approx(distance)


def test_a_row_without_a_member_is_compared_by_the_others() -> None:
    first, second = sides()
    first["a"][1] = np.nan
    second["b"][2] = np.nan
    alike = Ensemble({"a": 2.0, "b": 1.0}).similarity(first, second)
    assert alike[1, 0] == pytest.approx(float(first["b"][1] @ second["b"][0]), abs=1e-6)
    assert alike[0, 2] == pytest.approx(float(first["a"][0] @ second["a"][2]), abs=1e-6)
    assert np.isnan(alike[1, 2])
    assert np.isfinite(np.delete(alike.ravel(), 1 * 4 + 2)).all()


def test_a_member_that_one_side_lacks_is_done_without() -> None:
    first, second = sides()
    ensemble = Ensemble({"a": 1.0, "b": 1.0})
    assert ensemble.similarity({"a": first["a"]}, second) == pytest.approx(first["a"] @ second["a"].T, abs=1e-6)
    assert ensemble.similarity(first, second) != pytest.approx(first["a"] @ second["a"].T, abs=1e-3)
    with pytest.raises(ValueError, match="none of a, b is on both sides"):
        ensemble.similarity({"a": first["a"]}, {"b": second["b"]})


def test_rows_can_be_chosen() -> None:
    first, second = sides()
    ensemble = Ensemble({"a": 1.0, "b": 1.0})
    whole = ensemble.concatenate(first)
    part = whole[np.array([2, 0])]
    other = ensemble.concatenate(second)
    assert len(part) == 2
    assert part.similarity(other).tolist() == whole.similarity(other)[[2, 0]].tolist()


def test_wrong_use_is_refused() -> None:
    first, second = sides()
    with pytest.raises(ValueError, match="at least one member"):
        Ensemble({})
    with pytest.raises(ValueError, match="the weight of a must be above 0, found 0"):
        Ensemble({"a": 0.0})
    ensemble = Ensemble({"a": 1.0, "b": 1.0})
    assert dict(ensemble.without("a").weights) == dict(ensemble.only("b").weights) == {"b": 1.0}
    with pytest.raises(ValueError, match="c is no member; there are a, b"):
        ensemble.without("c")
    with pytest.raises(ValueError, match="found 3 of a, 4 of b"):
        ensemble.concatenate({"a": first["a"], "b": second["b"]})
    with pytest.raises(ValueError, match="found none"):
        ensemble.concatenate({})
    with pytest.raises(ValueError, match="cannot be compared"):
        ensemble.concatenate({"a": first["a"]}).similarity(ensemble.concatenate(second))
