from __future__ import annotations

import random
from itertools import pairwise

import pytest

from streams.sampler import Sampler
from throughline.times import after, to_instant

START = 1_800_000_000_000_000


def taken(rate: float, fps: float, frames: int, jitter: float = 0.0, seed: int = 0) -> list[int]:
    """Numbers of the frames taken from a source of ``rate``; ``jitter`` in seconds, uniform to both sides."""
    noise, sampler = random.Random(seed), Sampler(fps)
    times = [after(START, number / rate + noise.uniform(-jitter, jitter)) for number in range(frames)]
    return [number for number, captured in enumerate(times) if sampler.wants(captured)]


@pytest.mark.parametrize(
    ("rate", "fps"),
    [(25, 10), (30, 10), (50, 10), (60, 10), (20, 10), (12, 10), (15, 10), (24, 10), (29.97, 10), (30, 25), (25, 2)],
)
@pytest.mark.parametrize("jitter", [0.0, 0.002])
def test_the_rate_is_met_without_drift(rate: float, fps: float, jitter: float) -> None:
    seconds = 200
    numbers = taken(rate, fps, round(rate * seconds), jitter)
    assert abs(len(numbers) - fps * seconds) <= 2
    gaps = [b - a for a, b in pairwise(numbers)]
    assert max(gaps) <= rate / fps + 1.5
    if jitter == 0.0:
        assert max(gaps[1:]) - min(gaps[1:]) <= 1  # as even as the source allows; the second frame comes early


@pytest.mark.parametrize("seed", range(5))
def test_a_source_of_the_wanted_rate_loses_nothing_to_jitter(seed: int) -> None:
    assert len(taken(10, 10, 2000, jitter=0.02, seed=seed)) == 2000


def test_a_slower_source_is_analysed_whole() -> None:
    assert len(taken(5, 10, 500, jitter=0.05)) == 500


@pytest.mark.parametrize("seed", range(3))
def test_every_second_frame_stays_every_second_frame_under_jitter(seed: int) -> None:
    numbers = taken(20, 10, 2000, jitter=0.002, seed=seed)
    assert {b - a for a, b in pairwise(numbers)} == {2}


def test_a_gap_is_not_made_up_for() -> None:
    sampler = Sampler(10)
    assert sampler.wants(START)
    burst = [after(START, 60.0) + to_instant(number / 100) for number in range(20)]
    assert sum(sampler.wants(captured) for captured in burst) <= 4
