"""What gives way under too much work, and when it comes back."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from streams.pressure import Pressure, PressurePolicy
from streams.sampler import Thinner
from throughline.settings.pressure import PressureSettings, PressureStep
from throughline.telemetry.metrics import Metrics

STEPS = (
    PressureStep(name="one", embed_interval=2),
    PressureStep(name="two", embed_interval=2, analysed_rate=0.5),
    PressureStep(name="three", embed_interval=4, analysed_rate=0.25),
)
SETTINGS = PressureSettings(steps=STEPS, most_late=0.2, over=2.0, recover_after=10.0, least_fps=3.0, slow=0.5)


def play(
    policy: PressurePolicy, late: Callable[[float, int], float], until: float, start: float = 0.0
) -> list[tuple[float, str, int]]:
    """Ten frames a second, a share of which is late at a time and level; returns when which level was reached."""
    changes: list[tuple[float, str, int]] = []
    debt = 0.0
    for number in range(round(start * 10), round(until * 10)):
        now = number / 10
        debt += late(now, policy.level)
        missed, debt = int(debt), debt - int(debt)
        if change := policy.observe(now, 1, missed):
            changes.append((now, change, policy.level))
    return changes


def test_without_trouble_nothing_gives_way() -> None:
    policy = PressurePolicy(SETTINGS)
    assert play(policy, lambda now, level: 0.15, 100) == []
    assert policy.step is None


def test_steps_are_taken_one_by_one_until_it_is_enough() -> None:
    policy = PressurePolicy(SETTINGS)
    changes = play(policy, lambda now, level: 0.15 if level >= 2 else 0.5, 60)
    assert [(change, level) for _, change, level in changes] == [("taken", 1), ("taken", 2)]
    first, second = (now for now, _, _ in changes)
    assert 2.0 <= first <= 2.2
    assert second - first == pytest.approx(2.0, abs=0.2), "each step has time to show what it brings"
    assert policy.step == STEPS[1]


def test_there_is_an_end_to_steps() -> None:
    policy = PressurePolicy(SETTINGS)
    changes = play(policy, lambda now, level: 1.0, 60)
    assert [level for _, _, level in changes] == [1, 2, 3]
    assert policy.step == STEPS[-1]
    assert play(PressurePolicy(PressureSettings(steps=())), lambda now, level: 1.0, 60) == []


def test_when_trouble_is_over_everything_comes_back() -> None:
    policy = PressurePolicy(SETTINGS)
    play(policy, lambda now, level: 1.0, 10)
    changes = play(policy, lambda now, level: 0.0, 100, start=10)
    assert [(change, level) for _, change, level in changes] == [("taken_back", 2), ("taken_back", 1), ("taken_back", 0)]
    assert all(9.9 <= later - sooner <= 14 for (sooner, _, _), (later, _, _) in itertools.pairwise(changes))


def test_a_step_that_is_needed_is_tried_without_ever_more_rarely() -> None:
    policy = PressurePolicy(SETTINGS)
    changes = play(policy, lambda now, level: 0.0 if level >= 1 else 0.6, 3000)
    back = [now for now, change, _ in changes if change == "taken_back"]
    gaps = [later - sooner for sooner, later in itertools.pairwise(back)]
    assert gaps[0] < gaps[1] < gaps[2] < gaps[3]
    assert gaps[-1] == pytest.approx(16 * 10, rel=0.1), "but never gives up"


def test_a_trial_that_went_well_makes_the_next_one_as_early_as_the_first() -> None:
    policy = PressurePolicy(SETTINGS)
    play(policy, lambda now, level: 0.0 if level >= 1 else 0.6, 500)
    assert [level for _, _, level in play(policy, lambda now, level: 0.0, 800, start=500)][-1] == 0
    again = play(policy, lambda now, level: 0.6 if now < 810 else 0.0, 860, start=800)
    taken = [now for now, change, _ in again if change == "taken"]
    back = [now for now, change, _ in again if change == "taken_back"]
    assert back[0] - taken[-1] < 20


def test_a_few_frames_say_nothing() -> None:
    policy = PressurePolicy(SETTINGS)
    for number in range(9):
        assert policy.observe(number, 1, 1) is None
    assert policy.observe(9.0, 1, 1) == "taken"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"throughline_{name}", {"site": "harbour", **labels}) or 0.0


def test_steps_are_told_in_metrics_and_logs_and_change_what_is_asked_for() -> None:
    metrics, clock = Metrics(), Clock()
    pressure = Pressure("harbour", SETTINGS, metrics, clock)
    assert value(metrics, "pressure_step", step="none") == 1
    assert (pressure.rate(10), pressure.embed_interval) == (1, 1)
    with capture_logs() as logs:
        for _ in range(2):
            for _ in range(22):
                clock.now += 0.1
                pressure.analysed(0.1)
                pressure.missed(1)
    assert [(entry["change"], entry["in_force"]) for entry in logs] == [("taken", "one"), ("taken", "two")]
    assert (pressure.rate(10), pressure.rate(4), pressure.rate(2), pressure.embed_interval) == (0.5, 0.75, 1, 2)
    assert [value(metrics, "pressure_step", step=name) for name in ("none", "one", "two", "three")] == [0, 0, 1, 0]
    assert value(metrics, "pressure_changes_total", step="two", change="taken") == 1
    for _ in range(200):
        clock.now += 0.1
        pressure.analysed(0.1)
    assert value(metrics, "pressure_changes_total", step="two", change="taken_back") == 1
    assert value(metrics, "pressure_step", step="one") == 1


def test_frames_that_take_too_long_are_late() -> None:
    for seconds, step in ((0.4, "none"), (0.6, "one")):
        metrics, clock = Metrics(), Clock()
        pressure = Pressure("harbour", SETTINGS, metrics, clock)
        for _ in range(25):
            clock.now += 0.1
            pressure.analysed(seconds)
        assert value(metrics, "pressure_step", step=step) == 1


def test_threads_may_tell_at_once() -> None:
    metrics = Metrics()
    pressure = Pressure("harbour", PressureSettings(over=1), metrics, itertools.count(0.0, 0.01).__next__)

    def tell() -> None:
        for _ in range(500):
            pressure.missed(1)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pressure.rate(100) == 0.25
    assert sum(value(metrics, "pressure_changes_total", step=step.name, change="taken") for step in PressureSettings().steps) == 4


@pytest.mark.parametrize("share", [1.0, 0.75, 0.5, 0.3, 0.25])
def test_frames_are_left_out_evenly(share: float) -> None:
    thinner = Thinner()
    kept = [number for number in range(400) if thinner.keeps(share)]
    assert len(kept) == pytest.approx(400 * share, abs=1)
    gaps = {later - sooner for sooner, later in itertools.pairwise(kept)}
    assert max(gaps) - min(gaps) <= 1


def test_steps_need_names_of_their_own() -> None:
    for names in (("a", "a"), ("none",)):
        with pytest.raises(ValidationError, match="names that differ"):
            PressureSettings(steps=tuple(PressureStep(name=name) for name in names))
