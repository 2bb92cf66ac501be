"""The learning rate as a function of the step alone: nothing to save, nothing to step out of order."""

from __future__ import annotations

import math

from training.settings import ScheduleSettings

__all__ = ["rate_factor"]


def rate_factor(schedule: ScheduleSettings, step: int, steps: int) -> float:
    """Share of the full rate at a step.

    The warm-up is the straight line from ``start`` before the first step to 1 in the last of its steps; it is cut off
    there, so the rate never exceeds the full one. The rest counts steps from the start of the training, warm-up included.

    Args:
        schedule: What the recipe says.
        step: From 0.
        steps: How many there are in all.
    """
    warm_up = schedule.warm_up
    if step < warm_up.steps:
        return warm_up.start + (1.0 - warm_up.start) * (step + 1) / warm_up.steps
    if schedule.kind == "steps":
        return schedule.factor ** sum(step >= milestone for milestone in schedule.milestones)
    done = (step - warm_up.steps) / max(1, steps - 1 - warm_up.steps)
    return schedule.final + (1.0 - schedule.final) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
