"""From a map to vectors: over all of it, over stripes, or where key points are."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

__all__ = ["GeneralisedMean", "PoolingName", "pool_masks", "pool_stripes", "pooling"]

PoolingName: TypeAlias = Literal["average", "maximum", "gem"]

_SMALLEST = 1e-6


class GeneralisedMean(torch.nn.Module):
    """(mean of x^p)^(1/p) with a p that is learned: 1 is the average, infinity the maximum.

    Radenovic, Tolias, Chum: *Fine-tuning CNN Image Retrieval with No Human Annotation*, arXiv 1711.02512, equation 3.
    """

    def __init__(self, power: float = 3.0) -> None:
        super().__init__()
        self.power = torch.nn.Parameter(torch.tensor(power))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C) from (B, C, H, W); what is below zero counts as zero."""
        powers = features.float().clamp(min=_SMALLEST).pow(self.power.float())  # powers overflow 16 bits
        return powers.mean((2, 3)).pow(1.0 / self.power.float()).to(features.dtype)


class _Average(torch.nn.Module):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.mean((2, 3))


class _Maximum(torch.nn.Module):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.amax((2, 3))


def pooling(name: PoolingName) -> torch.nn.Module:
    """A module from (B, C, H, W) to (B, C).

    Raises:
        ValueError: no pooling has this name.
    """
    known = {"average": _Average, "maximum": _Maximum, "gem": GeneralisedMean}
    if name not in known:
        raise ValueError(f"no pooling is called {name!r}; there are {', '.join(known)}")
    return known[name]()


def pool_stripes(features: torch.Tensor, rows: int, columns: int) -> list[torch.Tensor]:
    """Averages over the cells of a grid of equal parts, row by row.

    Args:
        features: (B, C, H, W).
        rows: Stripes from top to bottom.
        columns: Stripes from left to right.

    Returns:
        rows * columns tensors (B, C).
    """
    cells = F.adaptive_avg_pool2d(features, (rows, columns)).flatten(2)
    return list(cells.unbind(2))


def pool_masks(features: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Averages weighted by masks: each mask is divided by its mass, so that neither its size nor its scale matters.

    Args:
        features: (B, C, H, W).
        masks: (B, K, H, W); what is below zero counts as zero.

    Returns:
        (B, K, C); of an empty mask the plain average over the map.
    """
    weights = masks.float().clamp(min=0).flatten(2) + _SMALLEST
    weights = (weights / weights.sum(2, keepdim=True)).to(features.dtype)
    return torch.bmm(weights, features.flatten(2).transpose(1, 2))
