"""The seam to appearance embedders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from throughline.types import FloatArray, Pixels

__all__ = ["Embedder"]


class Embedder(Protocol):
    """Turns pictures of single vehicles into unit vectors whose cosine says how alike they look."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of its weights, or of its definition when it has none."""
        ...

    @property
    def dimension(self) -> int:
        """Length D of each vector."""
        ...

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        """Embeds crops of any size from one pixel up.

        Args:
            crops: Each (height, width, 3) uint8, BGR, in memory or on a GPU.
            camera: Whose crops these are: where requests wait, cameras take turns.

        Returns:
            (N, D) float32 with unit rows, in the order of the crops; (0, D) for none.

        Raises:
            InferenceError: it failed on these crops.
            ValueError: a crop has no pixels.
        """
        ...

    def close(self) -> None:
        """Frees what it holds; safe to call twice."""
        ...
