"""What gives way under too much work, as the site file configures it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from throughline.settings._fields import Identifier, Seconds, Section

__all__ = ["PressureSettings", "PressureStep"]


class PressureStep(Section):
    """What is asked for while a step is in force."""

    name: Identifier = Field(description="What metrics and logs call it.")
    analysed_rate: float = Field(1.0, gt=0, le=1, description="Share of each camera's `fps` that is analysed.")
    embed_interval: float = Field(
        1.0, ge=1, le=100, description="By which `tracking.embed_interval` is stretched; the first look at a vehicle never waits."
    )


class PressureSettings(Section):
    """What gives way, step by step, when live cameras bring more than this machine can analyse."""

    steps: tuple[PressureStep, ...] = Field(
        (
            PressureStep(name="fewer-looks", embed_interval=3),
            PressureStep(name="fewer-frames", embed_interval=3, analysed_rate=0.75),
            PressureStep(name="half-the-frames", embed_interval=6, analysed_rate=0.5),
            PressureStep(name="least", embed_interval=6, analysed_rate=0.25),
        ),
        description="Taken one after the other, and taken back in the opposite order; none: frames are dropped as they come.",
    )
    most_late: float = Field(
        0.15, gt=0, lt=1, description="Share of frames not analysed in time beyond which the next step is taken."
    )
    slow: Seconds = Field(1.0, gt=0, description="A frame whose analysis takes longer than this was not analysed in time.")
    over: Seconds = Field(5.0, gt=0, description="Time over which the share is taken.")
    recover_after: Seconds = Field(
        20.0, gt=0, description="A step is taken back, on trial, after so long without trouble; twice as long after each failure."
    )
    least_fps: float = Field(3.0, gt=0, description="No step makes a camera's analysed rate lower than this.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [step.name for step in self.steps]
        if len(set(names)) < len(names) or "none" in names:
            raise ValueError("`steps` need names that differ, other than `none`")
        return self
