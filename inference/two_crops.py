"""Averages how a vehicle looks as a whole and close up: steadier where boxes are loose, at twice the cost."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from inference.embedder import Describer, Description, Embedder
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

    @property
    def attributes(self) -> tuple[str, ...]:
        """What the embedder tells beside its vectors."""
        return self._embedder.attributes if isinstance(self._embedder, Describer) else ()

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        """Embeds crops; see `inference.embedder.Embedder.embed`."""
        return (await self.describe(crops, camera=camera)).vectors

    async def describe(self, crops: Sequence[Pixels], *, camera: str = "") -> Description:
        """Embeds crops and tells the attributes of the whole ones; see `inference.embedder.Describer.describe`."""
        both = [*crops, *(middle(crop, self._share) for crop in crops)]
        if not isinstance(self._embedder, Describer):
            return Description(self._mean(await self._embedder.embed(both, camera=camera), len(crops)), {})
        told = await self._embedder.describe(both, camera=camera)
        attributes = {name: rows[: len(crops)] for name, rows in told.attributes.items()}
        return Description(self._mean(told.vectors, len(crops)), attributes)

    def close(self) -> None:
        """Frees the embedder."""
        self._embedder.close()

    @staticmethod
    def _mean(vectors: FloatArray, count: int) -> FloatArray:
        whole, close = vectors[:count], vectors[count:]
        norms = np.linalg.norm(whole + close, axis=1, keepdims=True)
        # Two opposite vectors have no mean; the whole vehicle then tells more.
        opposite = norms < _SMALLEST_NORM
        return np.where(opposite, whole, (whole + close) / np.where(opposite, 1.0, norms)).astype(np.float32)


def middle(crop: Pixels, share: float) -> Pixels:
    """The middle part of a crop with this share of its width and height, one pixel at least; a view."""
    height, width = (max(1, round(size * share)) for size in crop.shape[:2])
    top, left = (crop.shape[0] - height) // 2, (crop.shape[1] - width) // 2
    return crop[top : top + height, left : left + width]
