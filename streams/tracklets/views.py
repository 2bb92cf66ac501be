"""The embeddings of one tracklet: the views that were computed, and what is told about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from throughline.messages import Embedding
from throughline.types import FloatArray

__all__ = ["Views"]


@dataclass(slots=True)
class Views:
    """Views of one vehicle by one model, the best ones where there are too many.

    Attributes:
        most: How many are kept.
        vectors: (D,) unit rows.
        qualities: Quality of each, 0..1.
    """

    most: int
    vectors: list[FloatArray] = field(default_factory=list)
    qualities: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.vectors)

    def add(self, vector: FloatArray, quality: float) -> None:
        """Adds a unit vector (D,); when there are too many, it takes the place of the worst."""
        if len(self.vectors) >= self.most:
            worst = min(range(len(self.vectors)), key=self.qualities.__getitem__)
            del self.vectors[worst], self.qualities[worst]
        self.vectors.append(vector)
        self.qualities.append(quality)

    def embedding(self, model: str, hash: str, exemplars: int) -> Embedding:  # noqa: A002 - the field's name
        """The quality-weighted mean, unit length, and up to ``exemplars`` single views, best first.

        Exemplars are good and unlike each other: the best view first, then whichever has the largest product of quality and
        cosine distance to the ones chosen.
        """
        rows = np.stack(self.vectors)
        qualities = np.maximum(np.array(self.qualities, np.float32), np.float32(1e-3))
        mean = qualities @ rows
        norm = float(np.linalg.norm(mean))
        mean = rows[int(qualities.argmax())] if norm < 1e-6 else mean / np.float32(norm)
        return Embedding.of(model, hash, mean, rows[_diverse(rows, qualities, exemplars)])


def _diverse(rows: FloatArray, qualities: FloatArray, count: int) -> list[int]:
    if count == 0:
        return []
    chosen = [int(qualities.argmax())]
    distance = 1 - rows @ rows[chosen[0]]
    while len(chosen) < min(count, len(rows)):
        worth = qualities * np.maximum(distance, np.float32(1e-6))
        worth[chosen] = -1
        best = int(worth.argmax())
        chosen.append(best)
        distance = np.minimum(distance, 1 - rows @ rows[best])
    return chosen
