"""Passes fill up, begin in time, and cameras take turns."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from inference.batching import PassPlanner


def planner(pictures: int = 4, wait: float = 0.01, each: int = 64) -> PassPlanner[str]:
    return PassPlanner(pictures, wait, each)


def test_nothing_is_due_when_nothing_waits() -> None:
    one = planner()
    assert one.due() == one.oldest() == math.inf
    assert one.take() == []
    assert len(one) == 0


def test_a_pass_begins_when_the_oldest_request_has_waited_or_when_it_is_full() -> None:
    one = planner()
    one.add("a1", "a", 1, 5.0)
    one.add("b1", "b", 2, 5.005)
    assert one.due() == pytest.approx(5.01)
    one.add("c1", "c", 1, 5.006)
    assert one.due() == -math.inf
    assert one.take() == ["a1", "b1", "c1"]
    assert one.due() == math.inf


def test_cameras_take_turns_and_each_keeps_its_order() -> None:
    one = planner(pictures=3)
    for number in range(5):
        one.add(f"a{number}", "a", 1, number)
    one.add("b0", "b", 1, 10)
    one.add("c0", "c", 1, 11)
    assert [one.take(), one.take(), one.take()] == [["a0", "b0", "c0"], ["a1", "a2", "a3"], ["a4"]]


def test_what_does_not_fit_begins_the_next_pass_and_smaller_ones_of_others_fill_up() -> None:
    one = planner(pictures=4)
    for name, size in (("a", 2), ("b", 3), ("c", 2)):
        one.add(f"{name}0", name, size, 0.0)
    assert [one.take(), one.take(), one.take()] == [["a0", "c0"], ["b0"], []]


def test_one_that_is_larger_than_a_pass_is_taken_alone() -> None:
    one = planner(pictures=4)
    one.add("a0", "a", 1, 0.0)
    one.add("b0", "b", 9, 0.0)
    one.add("c0", "c", 1, 0.0)
    assert [one.take(), one.take()] == [["a0", "c0"], ["b0"]]


def test_a_row_that_is_full_takes_no_more() -> None:
    one = planner(each=2)
    assert [one.add(f"a{number}", "a", 1, 0.0) for number in range(3)] == [True, True, False]
    assert one.add("b0", "b", 1, 0.0)
    assert len(one) == 3
    assert one.clear() == ["a0", "a1", "b0"]
    assert len(one) == 0
    assert one.due() == math.inf


def test_a_greedy_camera_does_not_slow_the_others_down() -> None:
    """Ten cameras ask for one picture in each round, one asks for thirty more; passes have room for eight."""
    one = PassPlanner[tuple[str, int]](8, 0.0, each=10_000)
    waited: dict[str, list[int]] = {}
    for now in range(50):
        for camera in range(10):
            one.add((f"c{camera}", now), f"c{camera}", 1, now)
        for _ in range(30):
            one.add(("greedy", now), "greedy", 1, now)
        for _ in range(2):
            for name, since in one.take():
                waited.setdefault(name, []).append(now - since)
    modest = [delay for camera, delays in waited.items() if camera != "greedy" for delay in delays]
    assert len(modest) == 500, "all were served"
    assert max(modest) == 0, "in the round in which they came"


@pytest.mark.parametrize("seed", range(5))
def test_everything_is_served_once_and_passes_are_as_full_as_they_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = PassPlanner[tuple[str, int, int]](6, 0.01)
    added, served = Counter[tuple[str, int, int]](), Counter[tuple[str, int, int]]()
    for number in range(300):
        if rng.random() < 0.6:
            camera, size = f"c{rng.integers(5)}", int(rng.integers(0, 9))
            if one.add((camera, number, size), camera, size, number):
                added[camera, number, size] += 1
        else:
            waiting = len(one)
            taken = one.take()
            assert bool(taken) == (waiting > 0)
            assert len(taken) <= 1 or sum(size for _, _, size in taken) <= 6
            served.update(taken)
    while taken := one.take():
        served.update(taken)
    assert served == added
