"""The seam between evidence and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from matcher.gates import Relation
from matcher.sightings import ModelKey, Sighting
from throughline.messages import Evidence

__all__ = ["Comparison", "Pair", "Similarity", "Term"]


@dataclass(frozen=True, slots=True)
class Similarity:
    """How alike two sightings look.

    Attributes:
        value: Weighted cosine over the networks that both have.
        basis: Those networks; similarities compare only on the same basis.
        exemplars: Single views were compared beside the means.
    """

    value: float
    basis: tuple[ModelKey, ...]
    exemplars: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sightings: what time and roads say, and how alike they look (None: not known)."""

    relation: Relation
    similarity: Similarity | None


@dataclass(frozen=True)
class Comparison:
    """Two sets of sightings, each of one vehicle, asked whether both are the same vehicle.

    Attributes:
        left: Sightings of one vehicle, by start.
        right: Sightings of the other.
        pairs: All pairs of one from each; none is impossible.
    """

    left: tuple[Sighting, ...]
    right: tuple[Sighting, ...]
    pairs: tuple[Pair, ...]

    @cached_property
    def linked(self) -> tuple[Relation, ...]:
        """The pairs between which a road leads straight."""
        return tuple(pair.relation for pair in self.pairs if pair.relation.link is not None)

    def main(self) -> Relation:
        """The pair by which events explain the join: linked, and closest in time."""
        return min(self.linked, key=lambda relation: (abs(relation.travel), relation.earlier.order, relation.later.order))


class Term(Protocol):
    """One kind of evidence."""

    @property
    def name(self) -> str:
        """As events print it."""
        ...

    def weigh(self, comparison: Comparison) -> Evidence | None:
        """The evidence of this kind; None: there is none."""
        ...
