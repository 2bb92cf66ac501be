"""How a network is fitted, whatever it is: steps, rates, precision, averages, checkpoints. The part all recipes share."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

__all__ = [
    "AveragingSettings",
    "FittingSettings",
    "OptimiserSettings",
    "Recipe",
    "ScheduleSettings",
    "Section",
    "WarmUpSettings",
]


class Section(BaseModel):
    """A part of a recipe: unknown fields are errors, so that a typo is found, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WarmUpSettings(Section):
    """The rate rises in a straight line over the first steps."""

    steps: int = Field(0, ge=0, description="Steps until the full rate; 0: it is full at once.")
    start: float = Field(0.0, ge=0, le=1, description="Share of the rate that the line starts from, before the first step.")


class ScheduleSettings(Section):
    """How the rate goes on after the warm-up."""

    warm_up: WarmUpSettings = Field(default_factory=WarmUpSettings, description="The first steps.")
    kind: Literal["steps", "cosine"] = Field("steps", description="Falls at `milestones`, or along half a cosine.")
    milestones: tuple[int, ...] = Field(
        (), description="steps: where the rate is multiplied by `factor`, counted from the start."
    )
    factor: float = Field(0.1, gt=0, le=1, description="steps: by how much it falls at each.")
    final: float = Field(0.0, ge=0, le=1, description="cosine: share of the rate that is left at the end.")

    @field_validator("milestones")
    @classmethod
    def _rising(cls, milestones: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in itertools.pairwise(milestones)) or min(milestones, default=1) < 1:
            raise ValueError("expected steps in rising order, each at least 1")
        return milestones


class OptimiserSettings(Section):
    """Which optimiser, and its rates."""

    kind: Literal["adam", "adamw", "sgd"] = Field("adam", description="sgd: with Nesterov's momentum.")
    rate: float = Field(gt=0, description="Learning rate of new layers, once warmed up.")
    backbone_factor: float = Field(
        0.1, ge=0, description="The backbone's rate is `rate` times this; 0: its weights do not learn."
    )
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay.")
    decay_norms: bool = Field(True, description="Whether it also holds for biases and the scales of norms.")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd: the momentum.")
    clip_norm: float | None = Field(None, gt=0, description="Gradients longer than this are scaled down to it.")


class AveragingSettings(Section):
    """An exponential moving average of the weights, which is then what is validated and kept."""

    enabled: bool = Field(False, description="Whether to keep it.")
    decay: float = Field(0.9998, ge=0, lt=1, description="Share of the average that survives a step; less in the first steps.")


class FittingSettings(Section):
    """How long and how a network is fitted."""

    steps: int = Field(ge=1, description="Batches to learn from.")
    seed: int = Field(0, ge=0, description="Decides everything that is drawn.")
    optimiser: OptimiserSettings = Field(description="Optimiser and its rates.")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="The rate over time.")
    averaging: AveragingSettings = Field(default_factory=AveragingSettings, description="Average of the weights.")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="What layers compute in where it is safe; float16 needs a GPU, and scales its gradients."
    )
    validate_every: int = Field(1000, ge=1, description="Steps between validations; the last step is always validated.")
    validate_from: int = Field(0, ge=0, description="No validation before this step.")
    choose_by: str | None = Field(None, description="Which of the validation's figures the best weights have most of.")
    log_every: int = Field(20, ge=1, description="Steps between two rows of the curves, which hold means over them.")
    checkpoint_every: int = Field(200, ge=1, description="Steps between checkpoints: what a kill can lose.")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto: the first GPU where there is one.")
    deterministic: bool = Field(False, description="Only algorithms that repeat exactly, on a GPU too, where they are slower.")
    workers: int = Field(0, ge=0, description="Processes that prepare batches; 0: the training's own. They change no result.")
    threads: int | None = Field(None, ge=1, description="Threads that compute on the CPU; default: as many as cores are allowed.")
    tensorboard: bool | None = Field(None, description="Curves for TensorBoard too; default: if it is installed.")

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.schedule.warm_up.steps > self.steps:
            raise ValueError(f"a warm-up of {self.schedule.warm_up.steps} steps does not fit into {self.steps}")
        return self


class Recipe(Section):
    """What every recipe holds; each task's own adds its data, network and losses."""

    description: str = Field(description="What comes of it, in a sentence or two.")
    fitting: FittingSettings = Field(description="How it is fitted.")

    def what_counts(self) -> dict[str, Any]:
        """The fields that decide the result, for a checkpoint to know its recipe by; JSON values."""
        data: dict[str, Any] = json.loads(self.model_dump_json(exclude={"description": True, "fitting": _FREE_TO_CHANGE}))
        return data

    def differences(self, earlier: Mapping[str, Any]) -> list[str]:
        """Where this recipe differs from one whose `what_counts` was saved: ``field: old -> new`` for each.

        Fields that the program did not have yet when it was saved count by their defaults.
        """
        try:
            old = type(self).model_validate({**earlier, "description": self.description}).what_counts()
        except ValidationError:
            old = dict(earlier)
        return _differences(old, self.what_counts())


def _differences(old: Any, new: Any, field: str = "") -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        names = sorted({*old, *new})
        return [one for name in names for one in _differences(old.get(name), new.get(name), f"{field}.{name}".lstrip("."))]
    return [] if old == new else [f"{field}: {old} -> {new}"]


_FREE_TO_CHANGE: dict[str, bool] = {
    "device": True,
    "workers": True,
    "threads": True,
    "checkpoint_every": True,
    "tensorboard": True,
}
