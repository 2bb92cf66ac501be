"""The rate, step by step."""

from __future__ import annotations

import itertools
import math

import pytest
from pydantic import ValidationError

from training.loop.schedules import rate_factor
from training.settings import ScheduleSettings


def factors(settings: dict[str, object], steps: int) -> list[float]:
    schedule = ScheduleSettings.model_validate(settings)
    return [rate_factor(schedule, step, steps) for step in range(steps)]


def test_warm_up_and_milestones_step_by_step() -> None:
    found = factors({"warm_up": {"steps": 4}, "milestones": [6, 8], "factor": 0.1}, 10)
    assert found == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01])


def test_a_warm_up_starts_where_it_is_told_and_never_exceeds_the_full_rate() -> None:
    found = factors({"warm_up": {"steps": 100, "start": 0.01}}, 120)
    assert found[0] == pytest.approx(0.01 + 0.99 / 100)
    assert found[99] == 1.0
    assert max(found) == 1.0
    assert [b - a for a, b in itertools.pairwise(found[:100])] == pytest.approx([0.0099] * 99)


def test_the_reference_systems_epochs_in_steps() -> None:
    """Its first part: base x (epoch * L + step + 1) / (L * W) with L = 16 steps and W = 20 epochs, x 0.1 after 50, 70, 90."""
    found = factors({"warm_up": {"steps": 320}, "milestones": [800, 1120, 1440]}, 1600)
    for epoch in range(100):
        for place in range(16):
            expected = min(1.0, (epoch * 16 + place + 1) / (16 * 20)) * 0.1 ** ((epoch >= 50) + (epoch >= 70) + (epoch >= 90))
            assert found[epoch * 16 + place] == pytest.approx(expected)


def test_cosine_falls_from_the_full_rate_to_what_is_left() -> None:
    found = factors({"kind": "cosine", "warm_up": {"steps": 5}, "final": 0.02}, 25)
    assert found[5] == 1.0
    assert found[24] == pytest.approx(0.02)
    assert found[10] == pytest.approx(0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * 5 / 19)))
    assert all(later < earlier for earlier, later in itertools.pairwise(found[5:]))


@pytest.mark.parametrize("milestones", [[5, 5], [6, 5], [0, 3]])
def test_milestones_must_rise(milestones: list[int]) -> None:
    with pytest.raises(ValidationError, match="rising order"):
        ScheduleSettings.model_validate({"milestones": milestones})
