"""The task of a network that looks at one crop."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inference.networks.network import Network
from training.appearance.losses import appearance_losses
from training.appearance.recipe import (
    AppearanceRecipe,
    AttributeSettings,
    HardIdentitySettings,
    IdentityCameraSettings,
    ShuffledSettings,
    SourcePartsSettings,
)
from training.appearance.validation import ValidationSet, validate
from training.data import UNKNOWN, AttributeLabels, CropSet, SourceSettings, combine, read_source
from training.data.batches import CropBatch, CropBatches, load_by_step, normalised
from training.errors import RecipeError
from training.network import BuiltNetwork, build_network
from training.samplers import HardIdentitySampler, IdentityCameraSampler, IdentitySampler, Sampler, ShuffledSampler, SourceSampler

__all__ = ["AppearanceTask"]


class AppearanceTask:
    """Reads the data of a recipe and builds its network; a `training.loop.Task`.

    Raises:
        DataError: the data cannot be used.
        RecipeError: the registry has no such network, or it has no such option.
    """

    def __init__(self, recipe: AppearanceRecipe) -> None:
        self.recipe = recipe
        unclassified = {number for number, source in enumerate(recipe.data.training) if not source.classified}
        self.crops = _read(recipe.data.training, unclassified)
        labels = _attributes(self.crops, recipe.attributes)
        self._built = _build(recipe, self.crops.classified)
        self._network = self._built.network
        self._sampler = _sampler(recipe, self.crops)
        self._batches = CropBatches(
            self.crops,
            labels,
            self._sampler,
            recipe.augmentation,
            size=self._network.input_size,
            mean=self._network.mean,
            std=self._network.std,
            seed=recipe.fitting.seed,
            cache=recipe.data.cache,
        )
        self._class_weights = {
            name: _class_weights(labels[name], len(settings.classes), settings.balance)
            for name, settings in recipe.attributes.items()
            if settings.balance
        }
        self._validation = _validation(recipe)

    @property
    def network(self) -> Network:
        """The network that learns."""
        return self._network

    def backbone_parameters(self) -> list[nn.Parameter]:
        """Those of its backbone."""
        return self._network.backbone_parameters()

    def training_batches(self, step: int) -> Iterator[CropBatch]:
        """The batches from a step on; with hard identities, up to the step at which they are found anew."""
        end = self.recipe.fitting.steps
        sampling = self.recipe.sampling
        if isinstance(self._sampler, HardIdentitySampler) and isinstance(sampling, HardIdentitySettings):
            if step and step % sampling.refresh == 0:
                self._sampler.look_like(_prototypes(self._network, self.crops.classified))
            end = min(end, (step // sampling.refresh + 1) * sampling.refresh)
        return load_by_step(self._batches, step, end, self.recipe.fitting.workers)

    def loss(self, batch: CropBatch) -> dict[str, Tensor]:
        """The recipe's terms; see `training.appearance.losses`."""
        network = self._network
        self._built.hold()
        outputs = network(normalised(batch.images, network.mean, network.std))
        weights = {name: value.to(batch.images.device) for name, value in self._class_weights.items()}
        with torch.autocast(batch.images.device.type, enabled=False):
            return appearance_losses(outputs, batch, self.recipe, weights)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """mAP, ranks and accuracies; see `training.appearance.validation`."""
        settings = self.recipe.data.validation
        if settings is None or self._validation is None:
            return {}
        return validate(network, self._validation, batch=settings.batch, flip=settings.flip, workers=self.recipe.fitting.workers)

    def description(self) -> dict[str, Any]:
        """The network's name, its classes and what they are called."""
        labels = {name: list(settings.classes) for name, settings in self.recipe.attributes.items()}
        return {**self._built.specification(), "labels": labels}

    def state_dict(self) -> dict[str, Any]:
        """Which vehicles look alike, where that decides the batches."""
        if not isinstance(self._sampler, HardIdentitySampler) or self._sampler.near is None:
            return {}
        return {"near": torch.from_numpy(self._sampler.near)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state_dict` gave."""
        if isinstance(self._sampler, HardIdentitySampler):
            self._sampler.restore(state["near"].numpy() if "near" in state else None)


def _read(sources: Sequence[SourceSettings], unclassified: Collection[int] = ()) -> CropSet:
    return combine([(str(source.path), read_source(source)) for source in sources], unclassified=unclassified)


def _attributes(crops: CropSet, attributes: Mapping[str, AttributeSettings]) -> dict[str, AttributeLabels]:
    return {
        name: crops.attribute(
            settings.column or name,
            settings.classes,
            aliases=settings.aliases,
            unsure_mark=settings.unsure_mark,
            unsure_weight=settings.unsure_weight,
        )
        for name, settings in attributes.items()
    }


def _build(recipe: AppearanceRecipe, vehicles: int) -> BuiltNetwork:
    classes = {"identity": vehicles if recipe.losses.identity.weight else 0}
    classes.update({name: len(attribute.classes) for name, attribute in recipe.attributes.items()})
    built = build_network(recipe.network, classes, recipe.fitting.seed)
    stretched, size = recipe.augmentation.stretch, built.network.input_size
    if stretched is not None and (stretched[0] < size[0] or stretched[1] < size[1]):
        raise RecipeError(
            f"augmentation.stretch: {list(stretched)} is less than the network's {list(size)}, which is cut out of it"
        )
    return built


def _sampler(recipe: AppearanceRecipe, crops: CropSet) -> Sampler:
    sampling, seed = recipe.sampling, recipe.fitting.seed
    if isinstance(sampling, ShuffledSettings):
        return ShuffledSampler(len(crops), sampling.batch, seed)
    if isinstance(sampling, IdentityCameraSettings):
        return IdentityCameraSampler(crops.vehicles, crops.cameras, sampling.identities, sampling.images, seed)
    if isinstance(sampling, SourcePartsSettings):
        parts = [(part.identities, part.images) for part in sampling.parts]
        return SourceSampler(crops.vehicles, crops.sources, parts, seed)
    if isinstance(sampling, HardIdentitySettings):
        return HardIdentitySampler(
            crops.vehicles,
            sampling.identities,
            sampling.images,
            seed,
            anchors=sampling.anchors,
            nearest=sampling.nearest,
        )
    return IdentitySampler(crops.vehicles, sampling.identities, sampling.images, seed)


def _class_weights(labels: AttributeLabels, classes: int, balance: float) -> Tensor:
    """(classes,), of mean 1 over the labelled pictures; a class without pictures weighs nothing."""
    counts = np.bincount(labels.classes[labels.classes != UNKNOWN], minlength=classes)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -balance, 0.0)
    return torch.from_numpy((weights * counts.sum() / (weights * counts).sum()).astype(np.float32))


def _validation(recipe: AppearanceRecipe) -> ValidationSet | None:
    settings = recipe.data.validation
    if settings is None:
        return None
    queries = len(_read(settings.query))
    crops = _read([*settings.query, *settings.gallery])
    return ValidationSet(crops, queries, not settings.gallery, _attributes(crops, recipe.attributes))


def _prototypes(network: nn.Module, vehicles: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(vehicles, D) the rows of the classifiers of vehicles, side by side."""
    rows = [
        module.weight.detach().float().cpu()
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and name.rsplit(".", 1)[-1] == "classifier" and module.out_features == vehicles
    ]
    if not rows:
        raise RecipeError("sampling: hard identities are found by a classifier of vehicles, which this network does not have")
    return torch.cat(rows, 1).numpy()
