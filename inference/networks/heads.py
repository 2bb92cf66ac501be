"""Linear classifiers: of identities, and of attributes by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch

__all__ = ["AttributeHeads", "classifier"]


def classifier(features: int, classes: int, *, bias: bool = True) -> torch.nn.Linear:
    """A linear classifier that starts without opinion: weights of standard deviation 0.001, no bias."""
    linear = torch.nn.Linear(features, classes, bias=bias)
    torch.nn.init.normal_(linear.weight, std=0.001)
    if bias:
        torch.nn.init.zeros_(linear.bias)
    return linear


class AttributeHeads(torch.nn.Module):
    """One classifier for each attribute, all on the same vector.

    A vehicle whose label is unknown or unsure is a matter of the loss, not of the network: its logits are the same.

    Args:
        features: Length of the vector.
        classes: Classes by attribute; ``identity`` is no attribute and is left out.
    """

    def __init__(self, features: int, classes: Mapping[str, int]) -> None:
        super().__init__()
        self.names = tuple(name for name in classes if name != "identity")
        self.classifiers = torch.nn.ModuleList(classifier(features, classes[name]) for name in self.names)

    def forward(self, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits (B, classes) by attribute, from vectors (B, features)."""
        return {name: head(vectors) for name, head in zip(self.names, self.classifiers, strict=True)}
