from __future__ import annotations

import numpy as np
import pytest

from streams.tracklets.views import Views


def _unit(*values: float) -> np.ndarray:
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def test_the_mean_goes_by_quality_and_has_unit_length() -> None:
    views = Views(5)
    views.add(_unit(1, 0, 0, 0), 0.9)
    views.add(_unit(0, 1, 0, 0), 0.3)
    mean = views.embedding("m", "0" * 16, 0).vector()
    np.testing.assert_allclose(mean, _unit(3, 1, 0, 0), atol=1e-3)


def test_the_worst_view_makes_room() -> None:
    views = Views(2)
    for axis, quality in enumerate((0.5, 0.2, 0.8)):
        views.add(np.eye(4, dtype=np.float32)[axis], quality)
    assert views.qualities == [0.5, 0.8]
    assert len(views) == 2
    assert views.embedding("m", "0" * 16, 0).vector()[1] == 0


def test_exemplars_are_good_and_unlike_each_other() -> None:
    views = Views(10)
    views.add(_unit(1, 0, 0), 0.9)
    views.add(_unit(1, 0.01, 0), 0.89)  # nearly the best, and nearly the same
    views.add(_unit(0, 1, 0), 0.4)
    views.add(_unit(0, 0, 1), 0.2)
    exemplars = views.embedding("m", "0" * 16, 3).exemplar_vectors()
    np.testing.assert_allclose(exemplars, np.eye(3), atol=2e-3)


@pytest.mark.parametrize(("wanted", "given"), [(0, 0), (2, 2), (9, 3)])
def test_no_more_exemplars_than_wanted_or_there(wanted: int, given: int) -> None:
    views = Views(5)
    for axis in range(3):
        views.add(np.eye(3, dtype=np.float32)[axis], 0.5)
    assert len(views.embedding("m", "0" * 16, wanted).exemplars) == given


def test_opposite_views_still_have_a_mean() -> None:
    views = Views(5)
    views.add(_unit(1, 0), 0.5)
    views.add(_unit(-1, 0), 0.5)
    assert np.linalg.norm(views.embedding("m", "0" * 16, 2).vector()) == pytest.approx(1, abs=1e-3)
