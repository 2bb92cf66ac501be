"""Batches of crops, by step, from as many processes as one likes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.augmentation import AugmentationSettings, Picture, augment, read_picture, stretch
from training.data.crops import AttributeLabels, CropSet
from training.randomness import generator
from training.samplers import Sampler

__all__ = ["CropBatch", "CropBatches", "ValidationCrops", "load_by_step", "normalised", "stacked"]

Batch = TypeVar("Batch")


class CropBatch(NamedTuple):
    """B pictures and what is known of them.

    Attributes:
        images: (B, 3, height, width) uint8, RGB.
        vehicles: (B,) int64.
        sequences: (B,) int64, -1 where not known.
        frames: (B,) int64, -1 where not known.
        classes: (B,) int64 by attribute, -1 where not known.
        certainty: (B,) float32 by attribute.
    """

    images: Tensor
    vehicles: Tensor
    sequences: Tensor
    frames: Tensor
    classes: dict[str, Tensor]
    certainty: dict[str, Tensor]


class CropBatches(Dataset[CropBatch]):
    """The batch of each step.

    Args:
        crops: The pictures.
        attributes: Labels of the pictures, by attribute.
        sampler: Which pictures make a batch.
        augmentation: How they are varied.
        size: (height, width) of the network.
        mean: Of its normalisation.
        std: Of its normalisation.
        seed: The recipe's.
        cache: Whether pictures, once read and stretched, stay in memory.
    """

    def __init__(
        self,
        crops: CropSet,
        attributes: Mapping[str, AttributeLabels],
        sampler: Sampler,
        augmentation: AugmentationSettings,
        *,
        size: tuple[int, int],
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        seed: int,
        cache: bool,
    ) -> None:
        self._crops, self._attributes, self._sampler = crops, attributes, sampler
        self._augmentation, self._size, self._mean, self._std, self._seed = augmentation, size, mean, std, seed
        self._cached: dict[int, Picture] | None = {} if cache else None

    def __getitem__(self, step: int) -> CropBatch:
        indices = self._sampler.indices(step)
        pictures = [self._picture(index, step, place) for place, index in enumerate(indices.tolist())]
        return CropBatch(
            images=stacked(pictures),
            vehicles=torch.from_numpy(self._crops.vehicles[indices]),
            sequences=torch.from_numpy(self._crops.sequences[indices]),
            frames=torch.from_numpy(self._crops.frames[indices]),
            classes={name: torch.from_numpy(labels.classes[indices]) for name, labels in self._attributes.items()},
            certainty={name: torch.from_numpy(labels.certainty[indices]) for name, labels in self._attributes.items()},
        )

    def _picture(self, index: int, step: int, place: int) -> Picture:
        random = generator(self._seed, "augmentation", step, place)
        return augment(self._read(index), self._size, self._augmentation, random, mean=self._mean, std=self._std)

    def _read(self, index: int) -> Picture:
        if self._cached is None:
            return read_picture(self._crops.files[index])
        if index not in self._cached:
            picture = read_picture(self._crops.files[index])
            self._cached[index] = stretch(picture, self._augmentation.stretch or self._size)
        return self._cached[index]


class ValidationCrops(Dataset[Tensor]):
    """Batches of pictures in their order, only stretched: (B, 3, height, width) uint8, RGB.

    Args:
        crops: The pictures.
        size: (height, width) of the network.
        batch: B; the last may be smaller.
    """

    def __init__(self, crops: CropSet, size: tuple[int, int], batch: int) -> None:
        self._crops, self._size, self._batch = crops, size, batch

    def __len__(self) -> int:
        return -(-len(self._crops) // self._batch)

    def __getitem__(self, number: int) -> Tensor:
        files = self._crops.files[number * self._batch : (number + 1) * self._batch]
        return stacked([stretch(read_picture(path), self._size) for path in files])


def load_by_step(dataset: Dataset[Batch], first: int, end: int, workers: int) -> Iterator[Batch]:
    """The items ``first`` to ``end - 1`` of a dataset in order, prepared ahead by worker processes if there are any."""
    return iter(
        DataLoader(
            dataset,
            batch_size=None,
            sampler=range(first, end),
            num_workers=workers,
            worker_init_fn=_quiet_worker,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # it draws a seed for its workers: not from the generator that the losses draw from
        )
    )


def normalised(images: Tensor, mean: tuple[float, float, float], std: tuple[float, float, float]) -> Tensor:
    """What networks take, from images (B, 3, height, width) uint8: ``(images / 255 - mean) / std`` as float32."""
    offset = torch.tensor(mean, device=images.device).reshape(3, 1, 1)
    scale = torch.tensor(std, device=images.device).reshape(3, 1, 1)
    return (images.float() / 255.0 - offset) / scale


def stacked(pictures: list[Picture]) -> Tensor:
    """(B, 3, height, width) uint8 from pictures of one size."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def _quiet_worker(_number: int) -> None:
    cv2.setNumThreads(1)
