"""The log-odds that two sets of sightings are one vehicle, with every term's share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.camera_bias import CameraBias
from matcher.evidence.prior import PriorTerm
from matcher.evidence.term import Comparison, Pair, Term
from matcher.evidence.travel_time import TravelTimeTerm
from matcher.evidence.vehicle_type import VehicleTypeTerm
from matcher.gates import relate
from matcher.sightings import Sighting
from matcher.topology import Topology
from throughline.messages import Evidence
from throughline.settings import Site

__all__ = ["RecentScores", "Score", "Scorer"]


@dataclass(frozen=True, slots=True)
class Score:
    """The log-odds of a join, and what they are made of."""

    log_odds: float
    comparison: Comparison
    evidence: tuple[Evidence, ...]


class Scorer:
    """Gates and scores, with what was computed for a pair kept as long as both sightings are.

    Args:
        site: Which terms count, and the weights of the networks.
        topology: Links.
    """

    def __init__(self, site: Site, topology: Topology) -> None:
        matching = site.matching
        self._topology = topology
        self.camera_bias = CameraBias()
        self.prior = PriorTerm(matching.new_vehicle_prior)
        self.appearance = AppearanceTerm({embedder.model: embedder.weight for embedder in site.models.embedders})
        self.travel_time = TravelTimeTerm()
        self.vehicle_type = VehicleTypeTerm()
        switched: tuple[tuple[Term, bool], ...] = (
            (self.prior, True),
            (self.appearance, matching.appearance),
            (self.travel_time, matching.travel_time),
            (self.vehicle_type, matching.vehicle_type),
        )
        self._terms = tuple(term for term, on in switched if on)
        self._pairs: dict[Sighting, dict[Sighting, Pair]] = {}
        self._said: dict[frozenset[str], bool] = {}

    @property
    def looks_count(self) -> bool:
        """Whether appearance is weighed."""
        return self.appearance in self._terms

    def pair(self, first: Sighting, second: Sighting) -> Pair:
        """What is known of two sightings together."""
        known = self._pairs.setdefault(first, {}).get(second)
        if known is None:
            relation = relate(first, second, self._topology)
            known = Pair(relation, None if relation.impossible else self.appearance.similarity(first, second))
            self._pairs[first][second] = known
            self._pairs.setdefault(second, {})[first] = known
        return known

    def say(self, first: str, second: str, *, same: bool) -> None:
        """An operator's word about two tracklets; the latest counts."""
        self._said[frozenset((first, second))] = same

    def forget(self, sighting: Sighting) -> None:
        """Drops what was kept for a sighting that is no longer looked at."""
        for other in self._pairs.pop(sighting, {}):
            if other is not sighting:
                self._pairs[other].pop(sighting, None)

    def compare(self, left: Iterable[Sighting], right: Iterable[Sighting]) -> Comparison | None:
        """The pairs of two vehicles' sightings; None where they cannot be one vehicle, or no road joins them."""
        lefts, rights = tuple(left), tuple(right)
        pairs: list[Pair] = []
        linked = False
        for one in lefts:
            for other in rights:
                pair = self.pair(one, other)
                if pair.relation.impossible or (self._said and self._said.get(frozenset((one.id, other.id))) is False):
                    return None
                linked = linked or pair.relation.link is not None
                pairs.append(pair)
        return Comparison(lefts, rights, tuple(pairs)) if linked else None

    def score(self, left: Iterable[Sighting], right: Iterable[Sighting]) -> Score | None:
        """The log-odds that both are one vehicle; None where gates reject it."""
        comparison = self.compare(left, right)
        if comparison is None:
            return None
        evidence = self._weigh(comparison)
        return Score(sum(part.llr for part in evidence), comparison, evidence)

    def _weigh(self, comparison: Comparison) -> tuple[Evidence, ...]:
        parts: Sequence[Evidence | None] = [term.weigh(comparison) for term in self._terms]
        return tuple(part for part in parts if part is not None)


class RecentScores:
    """Scores kept for a while, so that a joint decision that is made again and again computes only what is new.

    Args:
        scorer: Computes them.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self._scores: dict[tuple[tuple[Sighting, ...], tuple[Sighting, ...]], Score | None] = {}

    def score(self, left: Iterable[Sighting], right: Iterable[Sighting]) -> Score | None:
        """As `Scorer.score` gives, or gave since the last `refresh`."""
        key = tuple(left), tuple(right)
        if key not in self._scores:
            self._scores[key] = self.scorer.score(*key)
        return self._scores[key]

    def refresh(self) -> None:
        """What has been learned since the last time comes into force."""
        self._scores.clear()
