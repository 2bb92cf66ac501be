"""A budget of pictures that cameras share: never exceeded, nobody starved, little left unused."""

from __future__ import annotations

import numpy as np
import pytest

from streams.crop_budget import CropBudget
from throughline.times import after, to_instant

START = 1_800_000_000_000_000


def spend(budget: CropBudget, camera: str, seconds: float, wanted: int) -> int:
    """What a camera gets of what it wants."""
    got = min(wanted, budget.affordable(camera, after(START, seconds)))
    budget.spend(camera, got)
    return got


def test_one_camera_has_it_all_to_itself() -> None:
    budget = CropBudget(20.0, 1)
    got = [spend(budget, "a", number / 10, 100) for number in range(101)]
    assert got[0] == 20, "what a second brings is there from the start"
    assert sum(got) == 20 + 200
    assert max(got[1:]) <= 3


def test_what_is_not_used_is_saved_for_a_second_and_no_longer() -> None:
    budget = CropBudget(10.0, 1)
    spend(budget, "a", 0, 10)
    assert budget.affordable("a", after(START, 0.5)) == 5
    assert budget.affordable("a", after(START, 600)) == 20, "a second of its own, and a second of what all have in common"


def test_a_busy_camera_uses_what_others_leave() -> None:
    budget = CropBudget(10.0, 10)
    got = {"busy": 0}
    for number in range(600):
        for camera in range(9):
            spend(budget, f"idle{camera}", number / 10, 0)
        got["busy"] += spend(budget, "busy", number / 10, 5)
    assert 9.5 * 60 <= got["busy"] <= 10 * 60 + 20


def test_nobody_is_starved_by_cameras_that_want_more() -> None:
    budget = CropBudget(10.0, 5)
    got = dict.fromkeys("abcde", 0)
    for number in range(600):
        for camera in "abcd":
            got[camera] += spend(budget, camera, number / 10, 50)
        if number % 10 == 0:
            got["e"] += spend(budget, "e", number / 10, 2)
    assert got["e"] == 120, "its share of two a second, although it comes last"
    assert sum(got.values()) <= 10 * 60 + 20


@pytest.mark.parametrize("rate", [0.2, 3.0, 47.0])
def test_the_budget_is_kept_whatever_happens(rate: float) -> None:
    rng = np.random.default_rng(int(rate * 10))
    budget, cameras, seconds = CropBudget(rate, 6), "abcdef", dict.fromkeys("abcdef", 0.0)
    total = 0
    for _ in range(5000):
        camera = cameras[rng.integers(6)]
        seconds[camera] += float(rng.exponential(0.2))
        total += spend(budget, camera, seconds[camera], int(rng.integers(0, 12)))
    at_most = rate * np.mean(list(seconds.values())) + 6 * max(1.0, rate / 6) + max(1.0, rate)
    assert 0.8 * rate * np.mean(list(seconds.values())) < total <= at_most


def test_a_clock_that_goes_back_brings_nothing() -> None:
    budget = CropBudget(10.0, 1)
    spend(budget, "a", 10, 10)
    assert budget.affordable("a", after(START, 5)) == 0
    assert budget.affordable("a", after(START, 10)) == 0
    assert budget.affordable("a", to_instant(1_800_000_010.5)) == 5
