"""A vehicle detector as the training loop sees it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inference.catalogue import resolve
from inference.networks.yolox import STRIDES, YoloxNano, from_onnx
from inference.yolox_head import YoloxHead
from throughline.types import FloatArray
from training.detection.assignment import Cells, cells_of
from training.detection.augmentation import Sample, compose
from training.detection.loss import Target, detection_loss
from training.detection.pictures import LabelledPicture, load_pictures
from training.detection.recipe import DetectorRecipe, SourceSettings
from training.detection.teacher import forgotten_in_all
from training.detection.validation import class_free_ap50
from training.errors import FittingError
from training.randomness import generator

__all__ = ["DetectorTask", "split", "starting_network"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Source:
    settings: SourceSettings
    learned: list[LabelledPicture]
    chances: FloatArray
    held_out: list[LabelledPicture]


class DetectorTask:
    """Fits `YoloxNano` to labelled pictures.

    Pictures are drawn by the weights of their sources, and inside a source so that a scene with four times the pictures is
    drawn from twice as often: frames of one scene are much alike.

    Args:
        recipe: The recipe.

    Raises:
        FittingError: a source has no pictures to learn from, or no scene of a name that is to be held out.
        ModelError: the weights to start from are not there.
    """

    def __init__(self, recipe: DetectorRecipe) -> None:
        self.recipe = recipe
        teacher = starting_network(recipe).eval()
        self._sources = [_read(source, teacher, recipe.teacher.sizes) for source in recipe.sources]
        self._network = starting_network(recipe).to(memory_format=torch.channels_last)
        self._augmentation = recipe.augmentation.build()
        self._cells: dict[tuple[int, int], Cells] = {}

    @property
    def network(self) -> YoloxNano:
        """The network that learns."""
        return self._network

    def backbone_parameters(self) -> list[nn.Parameter]:
        """Those of the stem and the stages."""
        return [*self._network.stem.parameters(), *self._network.stages.parameters()]

    def training_batches(self, step: int) -> Iterator[dict[str, Any]]:
        """Batches from a step on: ``images`` (B, 3, H, W) uint8, and lists of ``boxes``, ``classes``, ``ignored``."""
        while True:
            yield self._batch(step)
            step += 1

    def loss(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """The terms ``box``, ``objectness``, ``class``."""
        images: Tensor = batch["images"]
        output = self._network(images.float().contiguous(memory_format=torch.channels_last))
        labels = zip(batch["boxes"], batch["classes"], batch["ignored"], strict=True)
        targets = [Target(*label) for label in labels]
        found = detection_loss(output, targets, self._cells_for(images))
        return {"box": found.box, "objectness": found.objectness, "class": found.classes}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Class-free AP50 of each source's held-out scenes, and their mean as ``AP50``."""
        size = self.recipe.input
        head = YoloxHead((3, size.height, size.width), np.arange(len(self.recipe.classes)), 0.02)
        figures = {
            f"AP50 {source.settings.name}": class_free_ap50(network, head, source.held_out)
            for source in self._sources
            if source.held_out
        }
        return {**figures, "AP50": float(np.mean(list(figures.values())))} if figures else {}

    def description(self) -> dict[str, Any]:
        """Kind of network, classes, size of the input."""
        size = self.recipe.input
        return {"network": "yolox-nano", "classes": list(self.recipe.classes), "input": [size.height, size.width]}

    def state_dict(self) -> dict[str, Any]:
        """Nothing: batches follow from the recipe and the step."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to take up."""

    def _cells_for(self, images: Tensor) -> Cells:
        height, width = images.shape[2:]
        if (height, width) not in self._cells:
            self._cells[height, width] = cells_of(height, width, STRIDES).to(images.device)
        return self._cells[height, width]

    def _batch(self, step: int) -> dict[str, Any]:
        seed = self.recipe.fitting.seed
        sizes = self.recipe.sizes
        weights = np.array([size.weight for size in sizes])
        size = sizes[generator(seed, "size", step).choice(len(sizes), p=weights / weights.sum())]
        samples = [
            self._sample((size.height, size.width), generator(seed, "sample", step, position))
            for position in range(self.recipe.batch)
        ]
        return {
            "images": torch.from_numpy(np.stack([sample.image.transpose(2, 0, 1) for sample in samples])),
            "boxes": [torch.from_numpy(sample.boxes) for sample in samples],
            "classes": [torch.from_numpy(sample.classes) for sample in samples],
            "ignored": [torch.from_numpy(sample.ignored) for sample in samples],
        }

    def _sample(self, size: tuple[int, int], chance: np.random.Generator) -> Sample:
        count = 4 if chance.random() < self._augmentation.mosaic else 1
        return compose([self._draw(chance) for _ in range(count)], size, self._augmentation, chance)

    def _draw(self, chance: np.random.Generator) -> LabelledPicture:
        weights = np.array([source.settings.weight for source in self._sources])
        source = self._sources[chance.choice(len(weights), p=weights / weights.sum())]
        return source.learned[chance.choice(len(source.learned), p=source.chances)]


def starting_network(recipe: DetectorRecipe) -> YoloxNano:
    """A network with the weights that a recipe starts from.

    Raises:
        FittingError: the model it names has no weights.
        ModelError: the weights are not there, or are no YOLOX-nano's.
    """
    path = resolve(recipe.start.model, "detector").path
    if path is None:
        raise FittingError(f"start.model: {recipe.start.model} has no weights; name a YOLOX-nano")
    return from_onnx(path, recipe.classes, recipe.start.rows)


def split(
    pictures: list[LabelledPicture], settings: SourceSettings
) -> tuple[dict[str, list[LabelledPicture]], list[LabelledPicture]]:
    """Pictures to learn from, by scene, and those of the held-out scenes.

    Raises:
        FittingError: a file has no scene, a scene to hold out is not there, or nothing is left to learn from.
    """
    scenes: dict[str, list[LabelledPicture]] = {}
    for picture in pictures:
        found = re.search(settings.scene, picture.name)
        if found is None:
            raise FittingError(f"sources.{settings.name}.scene: `{settings.scene}` finds nothing in {picture.name}")
        scenes.setdefault(found[0], []).append(picture)
    missing = [scene for scene in settings.held_out if scene not in scenes]
    if missing:
        raise FittingError(
            f"sources.{settings.name}.held_out: there is no scene {', '.join(missing)}; there are {', '.join(sorted(scenes))}"
        )
    held_out = [picture for scene in settings.held_out for picture in scenes.pop(scene)]
    if not scenes:
        raise FittingError(f"sources.{settings.name}: no pictures to learn from in {settings.folder}")
    return scenes, held_out


def _read(settings: SourceSettings, teacher: YoloxNano, sizes: tuple[int, ...]) -> _Source:
    scenes, held_out = split(load_pictures(settings.folder), settings)
    labelled = [picture for scene in scenes.values() for picture in scene]
    regions = forgotten_in_all(labelled, teacher, sizes, settings.forgotten_from)
    learned = [picture.ignoring(boxes) for picture, boxes in zip(labelled, regions, strict=True)]
    chances = np.concatenate([np.full(len(scene), len(scene) ** -0.5) for scene in scenes.values()])
    held_out = [held_out[index] for index in _spread(len(held_out), settings.most_validated)]
    _log.info(
        "%s: %d pictures of %d scenes to learn from, %d vehicles without a label ignored; %d pictures to validate on",
        settings.name,
        len(learned),
        len(scenes),
        sum(len(picture.ignored) for picture in learned),
        len(held_out),
    )
    return _Source(settings, learned, chances / chances.sum(), held_out)


def _spread(count: int, most: int) -> list[int]:
    """At most so many indices, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, most))}) if count else []
