"""Cross-entropy over an attribute's classes, where some labels are unknown and some unsure."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from training.losses.identity import weighted_mean

__all__ = ["attribute_loss"]


def attribute_loss(
    logits: Tensor,
    classes: Tensor,
    certainty: Tensor,
    *,
    unknown: Literal["ignore", "even"] = "ignore",
    smoothing: float = 0.0,
    class_weights: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy of an attribute.

    Args:
        logits: (B, C).
        classes: (B,) int64; -1: unknown.
        certainty: (B,) float, how much each label counts: 1 a sure one, less an unsure one.
        unknown: What a picture without a label says: nothing, or that all classes are equally likely.
        smoothing: In 0..1, as in `identity_loss`.
        class_weights: (C,) how much each class counts; what is unknown counts 1.

    Returns:
        Losses times certainty and class weight, divided by the number of pictures that say something; 0 where none does.
    """
    known = classes >= 0
    each = functional.cross_entropy(logits, classes.clamp(min=0), label_smoothing=smoothing, reduction="none")
    weights = certainty.to(each.dtype)
    if class_weights is not None:
        weights = torch.where(known, weights * class_weights[classes.clamp(min=0)], weights)
    if unknown == "even":
        blank = -functional.log_softmax(logits, 1).mean(1)
        return (torch.where(known, each, blank) * weights).sum() / max(len(classes), 1)
    return weighted_mean(each * weights, known.to(each.dtype))
