"""The batch-hard triplet loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from training.losses.identity import weighted_mean

__all__ = ["batch_hard_triplet"]

_LEAST_SQUARE = 1e-12


def batch_hard_triplet(
    features: Tensor,
    vehicles: Tensor,
    *,
    margin: float,
    normalise: bool = True,
    excluded: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Each picture's farthest of the same vehicle must be nearer than its nearest of another one, by a margin.

    Hermans, Beyer, Leibe: "In Defense of the Triplet Loss for Person Re-Identification", arXiv 1703.07737, equation 5, with
    Euclidean distances. Squared distances are held above 1e-12 before the root, whose slope has no bound at 0.

    Args:
        features: (B, D).
        vehicles: (B,) int64.
        margin: In units of the distance, which is at most 2 of normalised features.
        normalise: Whether features are brought to unit length first.
        excluded: (B, B) bool, pairs that are not used as negatives, such as two tracks that may be one vehicle's.
        weights: (B,) how much each picture counts as an anchor; default: all alike.

    Returns:
        The mean over the anchors that have a negative; 0 where none has.
    """
    with torch.autocast(features.device.type, enabled=False):  # differences of near vectors vanish in half precision
        features = features.float()
        if normalise:
            features = functional.normalize(features)
        squares = features.square().sum(1)
        distances = (squares[:, None] + squares[None, :] - 2.0 * features @ features.T).clamp(min=_LEAST_SQUARE).sqrt()
    same = vehicles[:, None] == vehicles[None, :]
    negatives = ~same if excluded is None else ~same & ~excluded
    positive = distances.masked_fill(~same, -torch.inf).amax(1)
    negative = distances.masked_fill(~negatives, torch.inf).amin(1)
    usable = negatives.any(1)
    hinge = functional.relu(margin + positive - negative)[usable]
    return weighted_mean(hinge, None if weights is None else weights[usable])
