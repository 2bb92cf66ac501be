"""Averages how a vehicle looks as a whole and close up: steadier where boxes are loose, at twice the cost."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from inference.embedder import Embedder
from throughline.types import FloatArray, Pixels

__all__ = ["TwoCropEmbedder", "middle"]

_SMALLEST_NORM = 1e-6


class TwoCropEmbedder:
    """Embedder that averages the vector of each crop with that of its middle part, and normalises again.

    Without the last step vectors would be the shorter the less the two agree, and shorter vectors would pass for more alike.

    Args:
        embedder: Makes the vectors; closed with this one.
        share: Share of the crop's width and of its height that the middle part has, between 0 and 1.

    Raises:
        ValueError: the share is no such number.
    """

    def __init__(self, embedder: Embedder, share: float) -> None:
        if not 0.0 < share < 1.0:
            raise ValueError(f"expected a share between 0 and 1, found {share:g}")
        self._embedder, self._share = embedder, share

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._embedder.name

    @property
    def hash(self) -> str:
        """Of the weights and the share: vectors made with another share, or without one, are not comparable."""
        return hashlib.sha256(f"{self._embedder.hash} and its middle {self._share:g}".encode()).hexdigest()[:16]

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return self._embedder.dimension

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        """Embeds crops; see `inference.embedder.Embedder.embed`."""
        vectors = await self._embedder.embed([*crops, *(middle(crop, self._share) for crop in crops)], camera=camera)
        whole, close = vectors[: len(crops)], vectors[len(crops) :]
        norms = np.linalg.norm(whole + close, axis=1, keepdims=True)
        # Two opposite vectors have no mean; the whole vehicle then tells more.
        opposite = norms < _SMALLEST_NORM
        return np.where(opposite, whole, (whole + close) / np.where(opposite, 1.0, norms)).astype(np.float32)

    def close(self) -> None:
        """Frees the embedder."""
        self._embedder.close()


def middle(crop: Pixels, share: float) -> Pixels:
    """The middle part of a crop with this share of its width and height, one pixel at least; a view."""
    height, width = (max(1, round(size * share)) for size in crop.shape[:2])
    top, left = (crop.shape[0] - height) // 2, (crop.shape[1] - width) // 2
    return crop[top : top + height, left : left + width]
