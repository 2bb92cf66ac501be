"""What networks tell of one vehicle, over all its pictures that they were shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from throughline.types import FloatArray

__all__ = ["AttributeMean"]


@dataclass(slots=True)
class AttributeMean:
    """Quality-weighted mean of probabilities.

    Attributes:
        total: (C,) sum of what was told times the quality of the picture.
        weight: Sum of the qualities.
        pictures: How many were looked at.
    """

    total: npt.NDArray[np.float64]
    weight: float = 0.0
    pictures: int = 0

    @classmethod
    def of(cls, classes: int) -> AttributeMean:
        """Nothing told yet of so many classes."""
        return cls(np.zeros(classes))

    def add(self, probabilities: FloatArray, quality: float) -> None:
        """Takes in what was told of one picture, (C,)."""
        weight = max(quality, 1e-3)  # the worst picture says something, too
        self.total += weight * probabilities.astype(np.float64)
        self.weight += weight
        self.pictures += 1

    def mean(self) -> tuple[float, ...]:
        """(C,); what is missing to 1 is not known."""
        return tuple((self.total / self.weight).tolist()) if self.weight else ()
