"""Where a stage of a backbone looks: the attention maps of the self-attention constraint (SAC).

Self-attention learning for re-identification (BMVC 2018): maps of shallow stages are drawn towards that of the deepest. The
maps cost nothing when the network is used: only training asks for them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

__all__ = ["attention_maps"]


def attention_maps(features: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """One map for each stage: the mean over channels of squared values, of unit length.

    Args:
        features: (B, C, H, W) of each stage, the deepest last. Larger maps are max-pooled to the size of the last.

    Returns:
        (B, h * w) for each stage, h and w those of the last.
    """
    size = features[-1].shape[2:]
    maps = []
    for stage in features:
        pooled = stage if stage.shape[2:] == size else F.adaptive_max_pool2d(stage, (size[0], size[1]))
        maps.append(F.normalize(pooled.float().square().mean(1).flatten(1), dim=1))
    return tuple(maps)
