"""The seam to appearance embedders, and to whatever tells attributes of a vehicle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from throughline.types import FloatArray, Pixels

__all__ = ["Describer", "Description", "Embedder"]


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


@dataclass(frozen=True, slots=True)
class Description:
    """What one network says of N crops.

    Attributes:
        vectors: (N, D) float32 with unit rows; D is 0 for a network that only tells attributes.
        attributes: (N, C) float32 by attribute, probabilities in the order of `inference.attributes.ATTRIBUTE_CLASSES`; what is
            missing to 1 is not known, and a row of NaN says nothing.
    """

    vectors: FloatArray
    attributes: Mapping[str, FloatArray]


@runtime_checkable
class Describer(Protocol):
    """A network that tells attributes: an embedder with heads, or one that does nothing else."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of its weights."""
        ...

    @property
    def attributes(self) -> tuple[str, ...]:
        """What it tells; may be nothing."""
        ...

    async def describe(self, crops: Sequence[Pixels], *, camera: str = "") -> Description:
        """Embeds crops and tells their attributes, in one pass.

        Args:
            crops: Each (height, width, 3) uint8, BGR.
            camera: Whose crops these are: where requests wait, cameras take turns.

        Raises:
            InferenceError: it failed on these crops.
            ValueError: a crop has no pixels.
        """
        ...

    def close(self) -> None:
        """Frees what it holds; safe to call twice."""
        ...
