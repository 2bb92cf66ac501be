"""What a recipe for a detector holds."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from training.detection.augmentation import Augmentation
from training.settings import Recipe, Section

__all__ = ["AugmentationSettings", "DetectorRecipe", "SizeSettings", "SourceSettings", "StartSettings", "TeacherSettings"]


class SourceSettings(Section):
    """A folder of labelled pictures (``images/``, ``labels/``), and how often it is drawn from."""

    name: str = Field(description="Its name in the validation's figures.")
    folder: Path = Field(description="Where it lies.")
    weight: float = Field(1.0, gt=0, description="How often it is drawn from, beside the others.")
    scene: str = Field(r"^.*$", description="Regular expression: what it finds in a file's name is the name of its scene.")
    held_out: tuple[str, ...] = Field((), description="Scenes that nothing is learned from: the validation's.")
    most_validated: int = Field(40, ge=1, description="Pictures of the held-out scenes that a validation looks at.")
    forgotten_from: float = Field(
        0.35, gt=0, le=1, description="Vehicles that the teacher sees with this score and no label has are ignored."
    )


class StartSettings(Section):
    """The weights to start from."""

    model: str = Field(description="A YOLOX-nano: name in the catalogue, or path of an ONNX file.")
    rows: tuple[int, ...] = Field(description="Which of its classes are ours, in our order.")
    kept: float = Field(
        0.0, ge=0, lt=1, description="Their share in the file that comes of it: the more, the less is forgotten (and learned)."
    )


class TeacherSettings(Section):
    """Who finds the vehicles that labels have forgotten: the weights of the start."""

    sizes: tuple[int, ...] = Field((416, 832), description="Lengths of the longer side at which it looks, in pixels.")


class SizeSettings(Section):
    """A size of the network's input."""

    height: int = Field(gt=0, multiple_of=32, description="Pixels.")
    width: int = Field(gt=0, multiple_of=32, description="Pixels.")
    weight: float = Field(1.0, gt=0, description="How often a batch has it, beside the others.")


class AugmentationSettings(Section):
    """How much pictures are changed; see `training.detection.augmentation.Augmentation`."""

    mosaic: float = Field(0.4, ge=0, le=1, description="Share of samples put together from four pictures.")
    scale: tuple[float, float] = Field((0.6, 1.6), description="Least and largest factor on the size that just fits.")
    mirror: float = Field(0.5, ge=0, le=1, description="Share of pictures that are mirrored.")
    hue: float = Field(10.0, ge=0, le=90, description="Largest turn of the hue, of a circle of 180.")
    saturation: float = Field(0.5, ge=0, le=1, description="Largest relative change of the saturation.")
    brightness: float = Field(0.4, ge=0, le=1, description="Largest relative change of the brightness.")
    grey: float = Field(0.05, ge=0, le=1, description="Share of pictures that lose their colour.")
    blur: float = Field(0.15, ge=0, le=1, description="Share of samples with blur, noise or coarse JPEG.")
    least_side: float = Field(4.0, ge=0, description="Smaller boxes become ignore regions, in pixels of the sample.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale: expected two factors above 0 in rising order, found {self.scale}")
        return self

    def build(self) -> Augmentation:
        """The augmentation itself."""
        return Augmentation(**self.model_dump())


class DetectorRecipe(Recipe):
    """How a vehicle detector of the YOLOX-nano type is fitted."""

    classes: tuple[str, ...] = Field(
        ("car", "motorcycle", "bus", "truck"), description="Names of its classes; labels count them."
    )
    start: StartSettings = Field(description="Weights to start from.")
    teacher: TeacherSettings = Field(default_factory=TeacherSettings, description="Finds forgotten vehicles.")
    sources: tuple[SourceSettings, ...] = Field(min_length=1, description="Data.")
    sizes: tuple[SizeSettings, ...] = Field(min_length=1, description="Sizes that batches are drawn in.")
    batch: int = Field(16, ge=1, description="Samples of a batch.")
    augmentation: AugmentationSettings = Field(default_factory=AugmentationSettings, description="Changes to pictures.")
    input: SizeSettings = Field(description="The input of the exported network, at which it is validated.")

    @model_validator(mode="after")
    def _one_row_each(self) -> Self:
        if len(self.start.rows) != len(self.classes):
            raise ValueError(
                f"start.rows: expected one for each of the {len(self.classes)} classes, found {len(self.start.rows)}"
            )
        return self
