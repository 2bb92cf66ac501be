"""Reads metrics back: those of a running product, or of this process."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Scrape", "ready"]


@dataclass(frozen=True)
class Scrape:
    """All samples of one visit: ``(name, labels) -> value``."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    def of(cls, port: int) -> Self:
        """Visits /metrics on loopback.

        Raises:
            OSError: nobody answers.
        """
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            return cls.parse(response.read())

    @classmethod
    def parse(cls, exposition: bytes) -> Self:
        """Reads Prometheus' text format."""
        text = exposition.decode()
        return cls(
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    def total(self, name: str, **labels: str) -> float:
        """Sum over all label sets that contain ``labels``."""
        return sum(value for (found, has), value in self.samples.items() if found == name and labels.items() <= has)

    def quantile(self, name: str, share: float, since: Scrape | None = None, **labels: str) -> float:
        """A quantile of a histogram, linear within its bucket as Prometheus reckons; NaN without observations."""
        buckets: dict[float, float] = {}
        for (found, has), value in self.samples.items():
            if found == f"{name}_bucket" and labels.items() <= has:
                edge = float(dict(has)["le"])
                before = 0.0 if since is None else since.samples.get((found, has), 0.0)
                buckets[edge] = buckets.get(edge, 0.0) + value - before
        edges = sorted(buckets)
        if not edges or buckets[edges[-1]] == 0:
            return float("nan")
        rank = share * buckets[edges[-1]]
        low, below = 0.0, 0.0
        for edge in edges:
            if buckets[edge] >= rank:
                if edge == float("inf"):
                    return low
                inside = buckets[edge] - below
                return low + (edge - low) * ((rank - below) / inside if inside else 1.0)
            low, below = edge, buckets[edge]
        return low


def ready(port: int) -> bool:
    """Whether /readyz answers 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
