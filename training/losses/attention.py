"""The self-attention constraint (SAC)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["attention_loss"]


def attention_loss(maps: Sequence[Tensor]) -> Tensor:
    """How far the attention maps of shallow stages are from the deepest one's.

    Self-attention learning for re-identification (BMVC 2018): the sum of the Frobenius norms of the differences, each over
    the whole batch, so that it grows with the root of the batch. Gradients flow into both maps of a pair.

    Args:
        maps: (B, positions) each, of unit length per picture, the deepest last; two at least.

    Raises:
        ValueError: there is only one map.
    """
    if len(maps) < 2:
        raise ValueError("the attention loss compares stages: the network must give the maps of two at least")
    deepest = maps[-1].float()
    return torch.stack([torch.linalg.vector_norm(deepest - shallow.float()) for shallow in maps[:-1]]).sum()
