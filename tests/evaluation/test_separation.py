"""How far apart two kinds of similarities lie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.separation import separation


def test_by_hand() -> None:
    found = separation([0.9, 0.5, 0.5, 0.1, np.nan], [True, True, False, False, True])
    assert found.pairs == (2, 2)
    assert [found.same, found.different] == pytest.approx([0.7, 0.3])
    assert [found.same_deviation, found.different_deviation] == pytest.approx([0.2, 0.2])
    assert found.area == pytest.approx((1 + 1 + 1 + 0.5) / 4)


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(2)
    values, same = np.round(rng.normal(size=60), 1), rng.random(60) < 0.4
    values[same] += 0.7
    pairs = [(mine > other) + 0.5 * (mine == other) for mine in values[same] for other in values[~same]]
    assert separation(values, same).area == pytest.approx(np.mean(pairs))


def test_one_kind_alone_has_no_area() -> None:
    found = separation([0.5], [True])
    assert math.isnan(found.area)
    assert found.to_json()["area_under_roc"] is None
    assert found.to_json()["different_mean"] is None
    with pytest.raises(ValueError, match=r"expected \(P,\) and \(P,\)"):
        separation([0.5], [True, False])
