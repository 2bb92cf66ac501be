"""Recipes of networks that look at one crop: re-identification, type, colour, orientation, alone or together."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from training.augmentation import AugmentationSettings
from training.data import SourceSettings
from training.network import NetworkSettings
from training.settings import Recipe, Section

__all__ = [
    "AppearanceRecipe",
    "AttributeSettings",
    "HardIdentitySettings",
    "IdentityCameraSettings",
    "IdentitySettings",
    "ShuffledSettings",
    "SourcePartsSettings",
]


class ValidationSettings(Section):
    """What is looked at now and then, and never learned from."""

    query: tuple[SourceSettings, ...] = Field(min_length=1, description="Pictures that are looked for.")
    gallery: tuple[SourceSettings, ...] = Field((), description="Pictures that are searched; default: the queries themselves.")
    flip: bool = Field(False, description="Average each vector with that of the mirrored picture, and normalise it again.")
    batch: int = Field(64, ge=1, description="Pictures at a time.")


class DataSettings(Section):
    """Pictures to learn from."""

    training: tuple[SourceSettings, ...] = Field(
        min_length=1, description="Sources; the vehicles of the second are numbered after those of the first, and so on."
    )
    validation: ValidationSettings | None = Field(None, description="Pictures to judge by.")
    cache: bool = Field(False, description="Keep the training's pictures in memory once read (each worker its own).")


class IdentitySettings(Section):
    """P vehicles of K pictures a batch."""

    kind: Literal["identities"] = Field(description="How batches are drawn.")
    identities: int = Field(ge=2, description="P.")
    images: int = Field(4, ge=2, description="K.")


class IdentityCameraSettings(Section):
    """P vehicles of K pictures a batch, those from different cameras."""

    kind: Literal["identities-and-cameras"] = Field(description="How batches are drawn.")
    identities: int = Field(ge=2, description="P.")
    images: int = Field(4, ge=2, description="K.")


class HardIdentitySettings(Section):
    """P vehicles of K pictures a batch, among them such as the network confuses."""

    kind: Literal["hard-identities"] = Field(description="How batches are drawn.")
    identities: int = Field(ge=2, description="P, a multiple of `anchors`.")
    images: int = Field(4, ge=2, description="K.")
    anchors: int = Field(ge=1, description="Vehicles a batch that bring such as look like them.")
    nearest: float = Field(0.05, gt=0, le=1, description="Share of all vehicles that counts as looking like one.")
    refresh: int = Field(500, ge=1, description="Steps after which it is found out anew who looks like whom.")


class ShuffledSettings(Section):
    """Every picture once an epoch."""

    kind: Literal["shuffled"] = Field(description="How batches are drawn.")
    batch: int = Field(ge=2, description="Pictures a batch.")


class PartSettings(Section):
    """What one source brings to a batch."""

    identities: int = Field(ge=1, description="Vehicles.")
    images: int = Field(4, ge=2, description="Pictures of each.")


class SourcePartsSettings(Section):
    """So many vehicles of each source a batch."""

    kind: Literal["by-source"] = Field(description="How batches are drawn.")
    parts: tuple[PartSettings, ...] = Field(min_length=1, description="One for each of `data.training`, in its order.")


SamplingSettings: TypeAlias = Annotated[
    IdentitySettings | IdentityCameraSettings | HardIdentitySettings | SourcePartsSettings | ShuffledSettings,
    Field(discriminator="kind"),
]


class IdentityLossSettings(Section):
    """Cross-entropy over the vehicles, summed over the parts of networks that classify parts."""

    weight: float = Field(1.0, ge=0, description="Its weight; 0: the network has no classifier of vehicles.")
    smoothing: float = Field(0.0, ge=0, lt=1, description="Label smoothing.")


class TripletLossSettings(Section):
    """Batch-hard triplets, summed over the parts of networks that give several features."""

    weight: float = Field(0.0, ge=0, description="Its weight.")
    margin: float = Field(0.5, ge=0, description="Margin.")
    normalise: bool = Field(True, description="Whether features are brought to unit length first.")


class ContrastiveLossSettings(Section):
    """Supervised contrast, summed over the parts of networks that give several features."""

    weight: float = Field(0.0, ge=0, description="Its weight.")
    temperature: float = Field(0.1, gt=0, description="By which cosines are divided.")


class AttentionLossSettings(Section):
    """The self-attention constraint, of networks that give attention maps."""

    weight: float = Field(0.0, ge=0, description="Its weight.")


class LossSettings(Section):
    """What is minimised, besides the attributes' own losses."""

    identity: IdentityLossSettings = Field(default_factory=IdentityLossSettings, description="Cross-entropy of vehicles.")
    triplet: TripletLossSettings = Field(default_factory=TripletLossSettings, description="Triplets.")
    attention: AttentionLossSettings = Field(default_factory=AttentionLossSettings, description="Attention.")
    contrastive: ContrastiveLossSettings = Field(default_factory=ContrastiveLossSettings, description="Contrast.")
    gap: int | None = Field(
        None,
        ge=0,
        description="Two pictures of one sequence that are at most this many frames apart are never a negative pair of triplets "
        "or contrast: where a set's vehicles were linked by a program, they may be the same.",
    )
    by_visibility: bool = Field(True, description="Whether parts count by how well they are seen, where the network tells.")


class AttributeSettings(Section):
    """A classifier of its own, such as of types."""

    classes: tuple[str, ...] = Field(min_length=2, description="Labels, in the order of the network's outputs.")
    aliases: dict[str, str | None] = Field(default_factory=dict, description="Other labels; null: it means unknown.")
    column: str | None = Field(None, description="Name of the label in the sources; default: the attribute's.")
    weight: float = Field(1.0, gt=0, description="Weight of its cross-entropy.")
    smoothing: float = Field(0.0, ge=0, lt=1, description="Label smoothing.")
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Classes count by (1 / their pictures) to this power: 0 all alike, 1 as if all were as frequent.",
    )
    unknown: Literal["ignore", "even"] = Field(
        "ignore", description="Pictures without a label say nothing, or that all classes are equally likely."
    )
    unsure_mark: str = Field("?", description="Ends a label that its author doubts.")
    unsure_weight: float = Field(0.5, ge=0, le=1, description="How much such a label counts.")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("a class is named twice")
        for alias, name in self.aliases.items():
            if name is not None and name not in self.classes:
                raise ValueError(f"the alias {alias} means {name}, which is no class")
        return self


class AppearanceRecipe(Recipe):
    """A network that looks at one crop."""

    task: Literal["reid", "type", "colour", "orientation"] = Field(description="What it is for.")
    network: NetworkSettings = Field(description="The network.")
    data: DataSettings = Field(description="The pictures.")
    sampling: SamplingSettings = Field(description="What makes a batch.")
    augmentation: AugmentationSettings = Field(default_factory=AugmentationSettings, description="How pictures are varied.")
    losses: LossSettings = Field(default_factory=LossSettings, description="What is minimised.")
    attributes: dict[str, AttributeSettings] = Field(default_factory=dict, description="Classifiers besides that of vehicles.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.task not in ("reid", *self.attributes):
            raise ValueError(f"a recipe for {self.task} needs attributes.{self.task}")
        if "orientation" in self.attributes and (self.augmentation.flip or self._flips_validation):
            raise ValueError("a mirrored vehicle shows its other side: with attributes.orientation every `flip` must be off")
        if isinstance(self.sampling, ShuffledSettings) and (self.losses.triplet.weight or self.losses.contrastive.weight):
            raise ValueError("triplets and contrast need several pictures of each vehicle: sampling.kind must not be shuffled")
        if isinstance(self.sampling, HardIdentitySettings) and not self._classifies_all:
            raise ValueError(
                "hard identities are found by the classifier of vehicles: losses.identity.weight must not be 0, and all sources "
                "must be classified"
            )
        return self

    @property
    def _classifies_all(self) -> bool:
        return self.losses.identity.weight > 0 and all(source.classified for source in self.data.training)

    @property
    def _flips_validation(self) -> bool:
        return self.data.validation is not None and self.data.validation.flip
