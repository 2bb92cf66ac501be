"""The loss of key points' heat-maps."""

from __future__ import annotations

from torch import Tensor

__all__ = ["heatmap_loss"]


def heatmap_loss(maps: Tensor, targets: Tensor, visible: Tensor) -> Tensor:
    """Half the mean square of the difference, over the points that are visible.

    Xiao, Wu, Wei: "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018. A point that is not visible says
    nothing: its map is multiplied by 0, and the mean is still over all points and pictures.

    Args:
        maps: (B, K, H, W).
        targets: (B, K, H, W), Gaussians with a peak of 1.
        visible: (B, K), 1 where the point is annotated as seen, 0 elsewhere.
    """
    squares = (maps.float() - targets).square().mean((2, 3))
    return 0.5 * (squares * visible.to(squares.dtype)).mean()
