"""The supervised contrastive loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from training.losses.identity import weighted_mean

__all__ = ["contrastive_loss"]


def contrastive_loss(
    features: Tensor,
    vehicles: Tensor,
    *,
    temperature: float,
    excluded: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Each picture must pick those of its vehicle out of the batch by their cosines.

    Khosla et al.: "Supervised Contrastive Learning", arXiv 2004.11362, equation 2.

    Args:
        features: (B, D).
        vehicles: (B,) int64.
        temperature: By which cosines are divided.
        excluded: (B, B) bool, pairs that are not used as negatives.
        weights: (B,) how much each picture counts; default: all alike.

    Returns:
        The mean over the pictures that have another one of their vehicle; 0 where none has.
    """
    with torch.autocast(features.device.type, enabled=False):
        units = functional.normalize(features.float())
        logits = units @ units.T / temperature
        same = vehicles[:, None] == vehicles[None, :]
        itself = torch.eye(len(vehicles), dtype=torch.bool, device=same.device)
        left_out = itself if excluded is None else itself | (excluded & ~same)
        shares = logits.masked_fill(left_out, -torch.inf).log_softmax(1)
        positives = same & ~itself
        counts = positives.sum(1)
        usable = counts > 0
        each = -shares.masked_fill(~positives, 0.0).sum(1)[usable] / counts[usable]
        return weighted_mean(each, None if weights is None else weights[usable])
