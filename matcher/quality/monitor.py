"""Watches decisions as they are made, and takes stock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matcher.gallery import Gallery
from matcher.posterior import Posterior
from matcher.quality.cycles import Triple, check_cycles, triple
from matcher.quality.drift import EmbeddingDrift
from matcher.quality.report import Judged, QualityReport, bin_of
from matcher.scoring import Scorer
from matcher.sightings import Looks
from matcher.vehicles import Vehicles
from throughline.times import Instant, after

__all__ = ["QualityMonitor"]

_TAKING_STOCK = 30.0
"""Seconds of event time between two reports."""
_CYCLE_EVERY = 4
"""One join in so many has its cycle checked, which costs as much as weighing three pairs."""
_AT_ONCE = 32
"""Triples that are weighed in one go, at least."""


class _Guess(NamedTuple):
    """A provisional decision: the tracklet that one follows (None: it is a new vehicle), and how probable that is."""

    joined: str | None
    probability: float


@dataclass(slots=True)
class _Join:
    """A first final join, and whether it still stands."""

    joined: str
    probability: float
    stands: bool = True


class QualityMonitor:
    """Sees decisions, provisional and final, and has no influence on any.

    What it counts stands in the matcher's state, so it goes on after a restart.

    Args:
        scorer: Weighs pairs, for cycles.
        gallery: The sightings decided on.
        vehicles: The grouping as decided.

    Attributes:
        report: What was found until the latest stocktaking; replaced at each.
    """

    def __init__(self, scorer: Scorer, gallery: Gallery, vehicles: Vehicles) -> None:
        self._scorer, self._gallery, self._vehicles = scorer, gallery, vehicles
        self._drift = EmbeddingDrift()
        self._choices: Counter[str] = Counter()
        self._provisional: Counter[str] = Counter()
        self._cycles: Counter[str] = Counter()
        self._decided: Counter[tuple[str, str]] = Counter()
        self._arrivals: Counter[str] = Counter()
        self._judged: dict[tuple[str, int], Judged] = {}
        self._guesses: dict[str, _Guess] = {}
        self._joins: dict[str, _Join] = {}
        self._count = 0
        self._triples: list[tuple[Triple, tuple[str, ...]]] = []
        self._stocktaking: Instant | None = None
        self.report = QualityReport()

    def advance(self, now: Instant) -> None:
        """Event time has come to ``now``, all that is due then has been decided: looks back, and takes stock if it is time."""
        if len(self._triples) >= _AT_ONCE:
            self._check_cycles()
        if self._stocktaking is None or now >= after(self._stocktaking, _TAKING_STOCK):
            self._stocktaking = now
            self.take_stock()

    def take_stock(self) -> None:
        """Renews the report."""
        self._check_cycles()
        self.report = QualityReport(
            self._choices.copy(),
            self._provisional.copy(),
            self._cycles.copy(),
            self._decided.copy(),
            self._arrivals.copy(),
            self._judged.copy(),
            self._drift.distances(),
        )

    def closed(self, camera: str, looks: Looks) -> None:
        """A tracklet is complete, and looked like this."""
        self._drift.learn(camera, looks)

    def guessed(self, tracklet: str, joined: str | None, probability: float) -> None:
        """A provisional decision: the tracklet that this one follows; None: it is a new vehicle."""
        self._guesses[tracklet] = _Guess(joined, probability)

    def decided(self, found: Sequence[tuple[int, Posterior]]) -> None:
        """First final decisions, by slot, after their vehicles have been settled."""
        for slot, weighed in found:
            self._decide(slot, weighed)

    def _decide(self, slot: int, weighed: Posterior) -> None:
        sighting, join = self._scorer.table.at(slot), weighed.join
        self._choices["first" if weighed.margin >= 0.0 else "given_way"] += 1
        self._decided[sighting.camera, "new" if join is None else "joined"] += 1
        if join is not None:
            self._arrivals[join.link.name] += 1
            self._joins[sighting.id] = _Join(join.joined.id, weighed.probability)
            self._look_around(slot)
        guess = self._guesses.pop(sighting.id, None)
        if guess is None:
            return
        if guess.joined is None:
            self._provisional["kept" if join is None else "changed"] += 1
            return
        together = self._are_together(slot, guess.joined)
        if together is not None:
            self._provisional["kept" if together else "changed"] += 1
            self._judge("provisional", guess.probability, together)

    def _are_together(self, slot: int, tracklet: str) -> bool | None:
        """Whether a sighting and a tracklet are one vehicle, as decided by now; None: the tracklet is forgotten."""
        vehicle, other = self._vehicles.of(slot), self._gallery.slot(tracklet)
        return None if vehicle is None or other is None else other in vehicle.members

    def _judge(self, stage: str, probability: float, stood: bool) -> None:
        place = stage, bin_of(probability)
        self._judged[place] = self._judged.get(place, Judged()).and_one(probability, stood)

    def _look_around(self, slot: int) -> None:
        self._count += 1
        vehicle = self._vehicles.of(slot)
        if vehicle is None or self._count % _CYCLE_EVERY:
            return
        found = triple(self._scorer, slot, vehicle)
        if found is not None:
            self._triples.append((found, tuple(self._scorer.table.at(one).id for one in found)))

    def _check_cycles(self) -> None:
        there = [
            slots
            for slots, tracklets in self._triples
            if all(self._gallery.slot(tracklet) == slot for slot, tracklet in zip(slots, tracklets, strict=True))
        ]
        self._triples.clear()
        self._cycles.update(check_cycles(self._scorer, there))

    def revised(self, slot: int) -> None:
        """A final decision was changed: it is seen whether the first one still stands."""
        join = self._joins.get(self._scorer.table.at(slot).id)
        if join is not None:
            together = self._are_together(slot, join.joined)
            join.stands = join.stands if together is None else together

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet, which nothing will change any more; unknown ids are fine."""
        self._guesses.pop(tracklet, None)
        join = self._joins.pop(tracklet, None)
        if join is not None:
            self._judge("confirmed", join.probability, join.stands)
