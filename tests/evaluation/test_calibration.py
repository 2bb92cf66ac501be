from __future__ import annotations

import numpy as np
import pytest

from evaluation.calibration import calibration_report


def test_honest_probabilities_have_no_error() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    report = calibration_report(p, rng.random(20_000) < p)
    assert report.error < 0.015
    assert [part.count for part in report.bins] == [2000] * 10


def test_boastful_ones_have() -> None:
    report = calibration_report([0.9] * 100, [True] * 60 + [False] * 40, possible=200)
    assert report.error == pytest.approx(0.3, abs=0.31)
    whole = calibration_report([0.9] * 100, [True] * 60 + [False] * 40, bins=1)
    assert whole.error == pytest.approx(0.3)
    assert (report.count, report.coverage) == (100, 0.5)


def test_bins_are_of_equal_mass_and_in_order() -> None:
    report = calibration_report([0.9, 0.1, 0.2, 0.8], [1, 0, 0, 1], bins=2)
    assert [(part.count, part.right) for part in report.bins] == [(2, 0.0), (2, 1.0)]
    assert report.error == pytest.approx(0.15)


def test_few_or_no_decisions() -> None:
    assert len(calibration_report([0.5, 0.6], [1, 0]).bins) == 2
    empty = calibration_report([], [], possible=5)
    assert (empty.error, empty.count, empty.coverage) == (0.0, 0, 0.0)


@pytest.mark.parametrize(("p", "right", "possible"), [([0.5], [1, 0], None), ([1.2], [1], None), ([0.5, 0.5], [1, 0], 1)])
def test_what_makes_no_sense_is_refused(p: list[float], right: list[int], possible: int | None) -> None:
    with pytest.raises(ValueError, match=r"expected|0\.\.1|possible"):
        calibration_report(p, right, possible=possible)
