"""What gives way when live cameras bring more than can be analysed: named steps, taken and taken back one by one.

Without them a machine that is too slow drops whichever frames come while it is busy. The steps of the site file ask for less
instead, in an order that the user knows: first fewer looks at vehicles that were looked at already, then fewer frames, evenly
left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import structlog

from throughline.settings.pressure import PressureSettings, PressureStep
from throughline.telemetry.metrics import Metrics

__all__ = ["NO_STEP", "Pressure", "PressurePolicy", "StepChange"]

StepChange: TypeAlias = Literal["taken", "taken_back"]

NO_STEP: Final = "none"
"""What the metrics call it when no step is in force."""

_FEWEST: Final = 10
"""Frames from which a share is worth something."""
_LONGEST: Final = 16.0
"""Times ``recover_after``: a machine that is always too slow tries again that often."""


class PressurePolicy:
    """Which step is in force. Pure: the time is told.

    Every ``over`` seconds the share of frames that came to nothing in time is looked at. Above ``most_late`` the next step
    is taken. Below half of that for ``recover_after``, the last one is taken back, on trial: if it must be taken again within
    that time, the next trial waits twice as long.

    Args:
        settings: Section ``streams.pressure`` of the site file.
    """

    def __init__(self, settings: PressureSettings) -> None:
        self._settings = settings
        self._level = 0
        self._began: float | None = None
        self._frames = self._late = 0
        self._calm_since: float | None = None
        self._patience = 1.0
        self._tried: float | None = None

    @property
    def level(self) -> int:
        """How many steps are taken."""
        return self._level

    @property
    def step(self) -> PressureStep | None:
        """The step in force; None: all that the site file asks for is done."""
        return self._settings.steps[self._level - 1] if self._level else None

    def observe(self, now: float, frames: int, late: int) -> StepChange | None:
        """Takes in what became of frames.

        Args:
            now: Seconds on any clock that never goes back.
            frames: Frames that were to be analysed.
            late: How many of them were not, or not in time.

        Returns:
            What has changed.
        """
        self._began = now if self._began is None else self._began
        self._frames += frames
        self._late += late
        if now - self._began < self._settings.over or self._frames < _FEWEST:
            return None
        share = self._late / self._frames
        self._began, self._frames, self._late = now, 0, 0
        if share > self._settings.most_late:
            return self._take(now)
        if share > self._settings.most_late / 2:
            self._calm_since = None
            return None
        return self._calm(now)

    def _take(self, now: float) -> StepChange | None:
        self._calm_since = None
        if self._level == len(self._settings.steps):
            return None
        if self._tried is not None and now - self._tried < self._settings.recover_after:  # the trial has failed
            self._patience = min(2.0 * self._patience, _LONGEST)
        self._tried = None
        self._level += 1
        return "taken"

    def _calm(self, now: float) -> StepChange | None:
        calm_since = self._calm_since = now if self._calm_since is None else self._calm_since
        if self._tried is not None and now - self._tried >= self._settings.recover_after:
            self._tried, self._patience = None, 1.0  # the trial has succeeded
        if not self._level or now - calm_since < self._settings.recover_after * self._patience:
            return None
        self._level -= 1
        self._tried = self._calm_since = now
        return "taken_back"


class Pressure:
    """The policy at work for the live cameras of one site; any thread may tell and ask.

    Args:
        site: Site id, for metrics.
        settings: Section ``streams.pressure`` of the site file.
        metrics: What is counted.
        clock: Seconds that never go back.
    """

    def __init__(
        self, site: str, settings: PressureSettings, metrics: Metrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._site, self._settings, self._metrics, self._clock = site, settings, metrics, clock
        self._policy = PressurePolicy(settings)
        self._lock = threading.Lock()
        self._log = structlog.get_logger(__name__).bind(site=site)
        self._show()

    def analysed(self, seconds: float) -> None:
        """A frame was analysed, which took so long from when it was begun."""
        self._observe(1, int(seconds > self._settings.slow))

    def missed(self, frames: int) -> None:
        """Frames gave way to newer ones before they could be analysed."""
        self._observe(frames, frames)

    @property
    def embed_interval(self) -> float:
        """By which ``tracking.embed_interval`` is to be stretched, 1 or more."""
        step = self._policy.step
        return 1.0 if step is None else step.embed_interval

    def rate(self, fps: float) -> float:
        """Share of a camera's ``fps`` that is to be analysed: not below ``least_fps``, as far as it has so many."""
        step = self._policy.step
        return 1.0 if step is None else min(1.0, max(step.analysed_rate, self._settings.least_fps / fps))

    def _observe(self, frames: int, late: int) -> None:
        with self._lock:
            former = self._policy.step
            change = self._policy.observe(self._clock(), frames, late)
            step = self._policy.step
            if change is None:
                return
            changed = step if change == "taken" else former
            if changed is not None:
                self._metrics.pressure_changes.labels(self._site, changed.name, change).inc()
            self._show()
        self._log.warning("pressure step", change=change, in_force=NO_STEP if step is None else step.name)

    def _show(self) -> None:
        names = (NO_STEP, *(step.name for step in self._settings.steps))
        for number, name in enumerate(names):
            self._metrics.pressure_step.labels(self._site, name).set(number == self._policy.level)
