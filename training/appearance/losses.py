"""From what a network gives to the terms that are minimised."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from inference.networks.network import Outputs
from training.appearance.recipe import AppearanceRecipe
from training.data.batches import CropBatch
from training.errors import RecipeError
from training.losses import attention_loss, attribute_loss, batch_hard_triplet, contrastive_loss, identity_loss

__all__ = ["appearance_losses"]


def appearance_losses(
    outputs: Outputs, batch: CropBatch, recipe: AppearanceRecipe, class_weights: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weighted terms of a batch: ``identity``, ``triplet``, ``contrastive``, ``attention`` and each attribute's by its name.

    Where the network gives an output for each of several parts, a term is the sum over the parts. Where it also tells how
    well each part is seen, pictures count by that.

    Args:
        outputs: Of the network in training mode.
        batch: What it looked at.
        recipe: Which terms.
        class_weights: (C,) by attribute.

    Raises:
        RecipeError: the network lacks an output that the recipe asks for.
    """
    losses = recipe.losses
    visibility = outputs.get("visibility") if losses.by_visibility else None
    terms: dict[str, Tensor] = {}
    if losses.identity.weight:
        each = [
            _identity(part, batch.vehicles, losses.identity.smoothing, weights)
            for part, weights in _parts(outputs, "identity", visibility)
        ]
        terms["identity"] = losses.identity.weight * torch.stack(each).sum()
    excluded = _excluded(batch, losses.gap)
    if losses.triplet.weight:
        triplet = partial(batch_hard_triplet, margin=losses.triplet.margin, normalise=losses.triplet.normalise, excluded=excluded)
        each = [triplet(part, batch.vehicles, weights=weights) for part, weights in _parts(outputs, "feature", visibility)]
        terms["triplet"] = losses.triplet.weight * torch.stack(each).sum()
    if losses.contrastive.weight:
        contrast = partial(contrastive_loss, temperature=losses.contrastive.temperature, excluded=excluded)
        each = [contrast(part, batch.vehicles, weights=weights) for part, weights in _parts(outputs, "feature", visibility)]
        terms["contrastive"] = losses.contrastive.weight * torch.stack(each).sum()
    if losses.attention.weight:
        maps = [part for part, _ in _parts(outputs, "attention", None)]
        terms["attention"] = losses.attention.weight * attention_loss(maps)
    for name, settings in recipe.attributes.items():
        (logits, _), *_ = _parts(outputs, name, None)
        terms[name] = settings.weight * attribute_loss(
            logits,
            batch.classes[name],
            batch.certainty[name],
            unknown=settings.unknown,
            smoothing=settings.smoothing,
            class_weights=class_weights.get(name),
        )
    return terms


def _identity(logits: Tensor, vehicles: Tensor, smoothing: float, weights: Tensor | None) -> Tensor:
    """Over the vehicles that the classifier knows; those of unclassified sources are numbered after them."""
    known = vehicles < logits.shape[1]
    seen = None if weights is None else weights[known]
    return identity_loss(logits[known], vehicles[known], smoothing=smoothing, weights=seen)


def _parts(outputs: Outputs, name: str, visibility: Tensor | tuple[Tensor, ...] | None) -> list[tuple[Tensor, Tensor | None]]:
    """An output's parts, each (B, ...) float32 with the weights (B,) of its pictures."""
    if name not in outputs:
        raise RecipeError(
            f"the recipe minimises a loss of `{name}`, which the network does not give; it gives {', '.join(outputs)}"
        )
    output = outputs[name]
    parts = [output] if isinstance(output, Tensor) else list(output)
    seen: list[Tensor | None] = [None] * len(parts)
    if isinstance(visibility, Tensor) and visibility.shape[1] == len(parts):
        seen = list(visibility.unbind(1))
    return [(part.float(), weights) for part, weights in zip(parts, seen, strict=True)]


def _excluded(batch: CropBatch, gap: int | None) -> Tensor | None:
    """(B, B) pairs of one sequence that are near in time; None without a gap."""
    if gap is None:
        return None
    sequences, frames = batch.sequences, batch.frames
    same = (sequences[:, None] == sequences[None, :]) & (sequences >= 0)[:, None]
    return same & ((frames[:, None] - frames[None, :]).abs() <= gap)
