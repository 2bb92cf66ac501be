"""The weight of each network's cosine, by the name that its vectors carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from throughline.settings import EmbedderSettings

__all__ = ["weight_of", "weights_by_name"]

_DEFAULT: Final = "default"


def weights_by_name(members: Iterable[EmbedderSettings]) -> dict[str, float]:
    """Weights of the site file's networks, for `weight_of`."""
    return {member.name: member.weight for member in members}


def weight_of(weights: Mapping[str, float], name: str) -> float:
    """Weight of a network.

    Which network ``default`` stands for is known only where it was loaded: its weight holds for every name that is not given.
    """
    return weights.get(name, weights.get(_DEFAULT, 1.0))
