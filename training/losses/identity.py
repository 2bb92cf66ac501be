"""Cross-entropy over the vehicles of the training set."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["identity_loss", "weighted_mean"]


def identity_loss(logits: Tensor, vehicles: Tensor, *, smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy.

    With smoothing the target of the right class is 1 - smoothing * (C - 1) / C and that of each other one smoothing / C
    (Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7).

    Args:
        logits: (B, C).
        vehicles: (B,) int64 in 0..C-1.
        smoothing: In 0..1.
        weights: (B,) how much each picture counts, such as how well a part is seen in it; default: all alike.

    Returns:
        A scalar; 0 where nothing counts.
    """
    each = functional.cross_entropy(logits, vehicles, label_smoothing=smoothing, reduction="none")
    return weighted_mean(each, weights)


def weighted_mean(each: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of (B,) by weights (B,) that do not learn; 0 where all of them are 0."""
    if weights is None:
        return each.mean() if len(each) else each.sum()
    weights = weights.detach().to(each.dtype)
    mass = weights.sum()
    return (each * weights).sum() / mass.clamp(min=1e-12)
