"""BNNeck: one vector for distances, another, whitened, for the classifier."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import torch

from inference.networks.heads import classifier

__all__ = ["BnNeck", "EmbeddingTap", "NeckOutput"]

EmbeddingTap: TypeAlias = Literal["before", "after"]


class NeckOutput(NamedTuple):
    """What a neck gives.

    Attributes:
        before: (B, D) before batch normalisation: for the triplet loss.
        after: (B, D) after it.
        identity: (B, classes) logits; None if the neck has no classifier.
    """

    before: torch.Tensor
    after: torch.Tensor
    identity: torch.Tensor | None


class BnNeck(torch.nn.Module):
    """Dropout, reduction, batch normalisation, classifier.

    Luo, Gu, Liao, Lai, Jiang: *Bag of Tricks and a Strong Baseline for Deep Person Re-identification*, arXiv 1903.07071,
    section 3.6; here with a reduction in front.

    Args:
        features: Length of the pooled vector.
        size: Length D of the embedding; None: no reduction, D is `features`.
        classes: Identities of the classifier; 0: none.
        dropout: Share of the pooled values that training drops.
        reduction_bias: Whether the reduction adds a bias.
        classifier_bias: Whether the classifier adds a bias.
    """

    def __init__(
        self,
        features: int,
        size: int | None,
        classes: int,
        *,
        dropout: float = 0.5,
        reduction_bias: bool = True,
        classifier_bias: bool = True,
    ) -> None:
        super().__init__()
        self.size = features if size is None else size
        self.dropout = torch.nn.Dropout(dropout)
        self.reduction: torch.nn.Module = torch.nn.Identity()
        if size is not None:
            reduction = torch.nn.Linear(features, size, bias=reduction_bias)
            torch.nn.init.kaiming_normal_(reduction.weight, mode="fan_out")
            if reduction_bias:
                torch.nn.init.zeros_(reduction.bias)
            self.reduction = reduction
        self.normalisation = torch.nn.BatchNorm1d(self.size)
        self.classifier = classifier(self.size, classes, bias=classifier_bias) if classes else None

    def forward(self, pooled: torch.Tensor) -> NeckOutput:
        """From pooled vectors (B, features)."""
        before = self.reduction(self.dropout(pooled))
        after = self.normalisation(before)
        return NeckOutput(before, after, None if self.classifier is None else self.classifier(after))
