"""How well a network finds vehicles again and tells their attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from evaluation.reid import Views, score_reid
from inference.networks.network import Network
from training.data import UNKNOWN, AttributeLabels, CropSet
from training.data.batches import ValidationCrops, load_by_step, normalised

__all__ = ["Seen", "ValidationSet", "look", "validate"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """Pictures to judge by.

    Attributes:
        crops: All of them, those that are looked for first.
        queries: How many those are.
        searches_itself: Whether the gallery is the queries; otherwise it is the rest.
        attributes: Labels of all pictures, by attribute.
    """

    crops: CropSet
    queries: int
    searches_itself: bool
    attributes: Mapping[str, AttributeLabels]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network says of N pictures.

    Attributes:
        embeddings: (N, D) of unit length; None of a network that gives none.
        chosen: (N,) most likely class, by attribute.
    """

    embeddings: Floats | None
    chosen: Mapping[str, npt.NDArray[np.int64]]


def look(network: Network, crops: CropSet, attributes: tuple[str, ...], *, batch: int, flip: bool, workers: int) -> Seen:
    """Runs a network over pictures.

    Args:
        network: In evaluation mode.
        crops: The pictures.
        attributes: Which of its classifiers to read.
        batch: Pictures at a time.
        flip: Average each vector with the mirrored picture's, and normalise it again; likewise logits.
        workers: Processes that read pictures.
    """
    device = next(network.parameters()).device
    vectors: list[Floats] = []
    chosen: dict[str, list[npt.NDArray[np.int64]]] = {name: [] for name in attributes}
    pictures = ValidationCrops(crops, network.input_size, batch)
    for images in load_by_step(pictures, 0, len(pictures), workers):
        values = normalised(images.to(device), network.mean, network.std)
        views = [network(values), network(values.flip(3))] if flip else [network(values)]
        if "embedding" in views[0]:
            mean = torch.stack([functional.normalize(view["embedding"].float()) for view in views]).mean(0)
            vectors.append(functional.normalize(mean).cpu().numpy())
        for name in attributes:
            logits = torch.stack([view[name].float() for view in views]).mean(0)
            chosen[name].append(logits.argmax(1).cpu().numpy())
    return Seen(np.concatenate(vectors) if vectors else None, {name: np.concatenate(parts) for name, parts in chosen.items()})


def validate(network: nn.Module, validation: ValidationSet, *, batch: int, flip: bool, workers: int) -> dict[str, float]:
    """Figures in 0..1.

    ``mAP``, ``mAP of the top 100``, ``rank 1``, ``rank 5``; and by attribute ``<name> accuracy`` and ``<name> accuracy by
    class``, the mean over the classes that occur. What cannot be told is left out.
    """
    if not isinstance(network, Network):
        raise TypeError(f"expected a network of the registry, found {type(network).__name__}")
    seen = look(network, validation.crops, tuple(validation.attributes), batch=batch, flip=flip, workers=workers)
    figures: dict[str, float] = {}
    if seen.embeddings is not None:
        figures.update(_reid(seen.embeddings, validation))
    for name, labels in validation.attributes.items():
        known = labels.classes != UNKNOWN
        right = (seen.chosen[name] == labels.classes)[known]
        truth = labels.classes[known]
        figures[f"{name} accuracy"] = float(right.mean())
        figures[f"{name} accuracy by class"] = float(np.mean([right[truth == one].mean() for one in np.unique(truth)]))
    return figures


def _reid(embeddings: Floats, validation: ValidationSet) -> dict[str, float]:
    queries = slice(0, validation.queries)
    gallery = queries if validation.searches_itself else slice(validation.queries, None)
    crops = validation.crops
    score = score_reid(
        embeddings[queries] @ embeddings[gallery].T,
        Views(crops.vehicles[queries], crops.cameras[queries]),
        Views(crops.vehicles[gallery], crops.cameras[gallery]),
    )
    if not len(score.queries):
        return {}
    return {
        "mAP": score.mean_average_precision,
        "mAP of the top 100": score.top_mean_average_precision,
        "rank 1": score.rank(1),
        "rank 5": score.rank(5),
    }
