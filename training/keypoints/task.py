"""The task of a key-point detector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from inference.networks.network import Network
from training.augmentation import read_picture
from training.data.batches import load_by_step, normalised, stacked
from training.errors import RecipeError
from training.keypoints.annotations import KeyPointSet, read_keypoints
from training.keypoints.recipe import KeyPointAugmentationSettings, KeyPointRecipe
from training.keypoints.targets import correct_points, draw_affine, heatmaps, identity_affine, transform
from training.losses import heatmap_loss
from training.network import build_network
from training.randomness import generator
from training.samplers import ShuffledSampler

__all__ = ["KeyPointBatch", "KeyPointBatches", "KeyPointTask"]


class KeyPointBatch(NamedTuple):
    """B pictures and where their points are.

    Attributes:
        images: (B, 3, height, width) uint8, RGB.
        targets: (B, K, h, w) float32.
        visible: (B, K) bool.
    """

    images: Tensor
    targets: Tensor
    visible: Tensor


class KeyPointBatches(Dataset[KeyPointBatch]):
    """The batch of each step; without a sampler all pictures in their order, not varied.

    Args:
        pictures: The pictures.
        batch: How many a batch has.
        size: (height, width) of the network.
        shape: (h, w) of its heat-maps.
        sigma: Of the targets.
        varied: How pictures are varied, and the seed; None: in their order and as they are.
    """

    def __init__(
        self,
        pictures: KeyPointSet,
        batch: int,
        size: tuple[int, int],
        shape: tuple[int, int],
        sigma: float,
        varied: tuple[KeyPointAugmentationSettings, int] | None = None,
    ) -> None:
        self._pictures, self._batch, self._size, self._shape, self._sigma = pictures, batch, size, shape, sigma
        self._varied = varied
        self._sampler = None if varied is None else ShuffledSampler(len(pictures), batch, varied[1])

    def __len__(self) -> int:
        return -(-len(self._pictures) // self._batch)

    def __getitem__(self, step: int) -> KeyPointBatch:
        every = np.arange(len(self._pictures))
        indices = every[step * self._batch : (step + 1) * self._batch] if self._sampler is None else self._sampler.indices(step)
        items = [self._item(index, step, place) for place, index in enumerate(indices.tolist())]
        images, targets, visible = zip(*items, strict=True)
        return KeyPointBatch(stacked(list(images)), torch.from_numpy(np.stack(targets)), torch.from_numpy(np.stack(visible)))

    def _item(self, index: int, step: int, place: int) -> tuple[Any, Any, Any]:
        picture = read_picture(self._pictures.files[index])
        shape = (picture.shape[0], picture.shape[1])
        affine, flips = identity_affine(shape, self._size), False
        if self._varied is not None:
            settings, seed = self._varied
            affine, flips = draw_affine(shape, self._size, settings, generator(seed, "augmentation", step, place))
        points, seen = self._pictures.points[index], self._pictures.visible[index]
        image, moved, visible = transform(picture, points, seen, affine, self._size, flips=flips)
        return image, heatmaps(moved, visible, self._size, self._shape, self._sigma), visible


class KeyPointTask:
    """Reads the data of a recipe and builds its network; a `training.loop.Task`.

    Raises:
        DataError: the data cannot be used.
        RecipeError: the network gives no heat-maps.
    """

    def __init__(self, recipe: KeyPointRecipe) -> None:
        self.recipe = recipe
        self._built = build_network(recipe.network, {}, recipe.fitting.seed)
        network = self._built.network
        size, shape = network.input_size, _map_shape(network)
        pictures = read_keypoints(recipe.data.training)
        varied = (recipe.augmentation, recipe.fitting.seed)
        self._batches = KeyPointBatches(pictures, recipe.batch, size, shape, recipe.sigma, varied)
        held_out = read_keypoints(recipe.data.validation) if recipe.data.validation else None
        self._validation = None if held_out is None else KeyPointBatches(held_out, recipe.batch, size, shape, recipe.sigma)

    @property
    def network(self) -> Network:
        """The network that learns."""
        return self._built.network

    def backbone_parameters(self) -> list[nn.Parameter]:
        """Those of its backbone."""
        return self.network.backbone_parameters()

    def training_batches(self, step: int) -> Iterator[KeyPointBatch]:
        """The batches from a step on."""
        return load_by_step(self._batches, step, self.recipe.fitting.steps, self.recipe.fitting.workers)

    def loss(self, batch: KeyPointBatch) -> dict[str, Tensor]:
        """The term ``heatmaps``."""
        self._built.hold()
        outputs = self.network(normalised(batch.images, self.network.mean, self.network.std))
        return {"heatmaps": heatmap_loss(outputs["heatmaps"], batch.targets, batch.visible)}

    def validate(self, network: nn.Module) -> dict[str, float]:
        """``PCK``: share of the visible points that are found."""
        if self._validation is None:
            return {}
        device = next(network.parameters()).device
        found = []
        for images, targets, visible in load_by_step(self._validation, 0, len(self._validation), self.recipe.fitting.workers):
            maps = network(normalised(images.to(device), self.network.mean, self.network.std))["heatmaps"]
            found.append(correct_points(maps.float().cpu().numpy(), targets.numpy())[visible.numpy()])
        return {"PCK": float(np.concatenate(found).mean())}

    def description(self) -> dict[str, Any]:
        """The network's name."""
        return self._built.specification()

    def state_dict(self) -> dict[str, Any]:
        """Nothing: batches follow from the recipe and the step."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to take up."""


def _map_shape(network: Network) -> tuple[int, int]:
    """(h, w) of a network's heat-maps."""
    was_training = network.training
    network.eval()
    with torch.no_grad():
        outputs = network(torch.zeros(1, 3, *network.input_size))
    network.train(was_training)
    maps = outputs.get("heatmaps")
    if not isinstance(maps, Tensor):
        raise RecipeError(f"network: a key-point recipe needs a network that gives heat-maps; this gives {', '.join(outputs)}")
    return maps.shape[2], maps.shape[3]
