"""Recipes of key-point detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from training.data.sources import FoldSettings
from training.network import NetworkSettings
from training.settings import Recipe, Section

__all__ = ["KeyPointAugmentationSettings", "KeyPointRecipe", "KeyPointSource", "RotationSettings"]


class KeyPointSource(Section):
    """Annotated pictures: a text file with a path, 20 pairs x y and, optionally, an orientation a line."""

    path: Path = Field(description="Folder of the set.")
    annotation: str = Field(description="The file, within the folder; the paths in it are relative to the folder.")
    fold: FoldSettings | None = Field(None, description="A share of its vehicles (the name up to the first `_`); default: all.")


class KeyPointDataSettings(Section):
    """Pictures to learn from and to judge by."""

    training: tuple[KeyPointSource, ...] = Field(min_length=1, description="To learn from.")
    validation: tuple[KeyPointSource, ...] = Field((), description="To judge by; never learned from.")


class RotationSettings(Section):
    """Pictures are turned about their centre, by a normally distributed angle."""

    probability: float = Field(0.6, ge=0, le=1, description="How often.")
    deviation: float = Field(40.0, ge=0, description="Standard deviation in degrees.")
    most: float = Field(80.0, ge=0, le=180, description="Largest angle in degrees.")


class KeyPointAugmentationSettings(Section):
    """How pictures are varied, their points with them."""

    scale: float = Field(
        0.3, ge=0, lt=1, description="Standard deviation of the size's factor around 1, and how far from 1 it may be."
    )
    rotation: RotationSettings = Field(default_factory=RotationSettings, description="Turned.")
    flip: float = Field(0.5, ge=0, le=1, description="How often left and right are swapped, and the left and right points.")


class KeyPointRecipe(Recipe):
    """A network that finds the 20 key points of a vehicle."""

    task: Literal["keypoints"] = Field(description="What it is for.")
    network: NetworkSettings = Field(description="The network.")
    data: KeyPointDataSettings = Field(description="The pictures.")
    batch: int = Field(ge=2, description="Pictures a batch.")
    augmentation: KeyPointAugmentationSettings = Field(
        default_factory=KeyPointAugmentationSettings, description="How pictures are varied."
    )
    sigma: float = Field(2.0, gt=0, description="Standard deviation of a target's peak, in cells of the heat-map.")
