"""How long something took: quantiles of durations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["QUANTILES", "Delays"]

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
"""Shares by the names that reports give them."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Durations of the same kind.

    Attributes:
        seconds: Each of them, in no order.
    """

    seconds: tuple[float, ...] = ()

    @classmethod
    def pooled(cls, parts: Iterable[Delays]) -> Delays:
        """All of several together."""
        return cls(tuple(one for part in parts for one in part.seconds))

    def quantile(self, share: float) -> float:
        """The least duration that at least ``share`` of all do not exceed: one that was measured; NaN without any."""
        if not self.seconds:
            return float("nan")
        return float(np.quantile(self.seconds, share, method="inverted_cdf"))

    def quantiles(self) -> dict[str, float]:
        """`quantile` of each of `QUANTILES`."""
        return {name: self.quantile(share) for name, share in QUANTILES.items()}

    def to_json(self) -> dict[str, object]:
        """How many, and plain quantiles in seconds; None without any."""
        return {"count": len(self.seconds), **{name: one if self.seconds else None for name, one in self.quantiles().items()}}
