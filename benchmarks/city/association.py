"""The tracklets of a city through the matcher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.city.cameras import Arrival
from matcher.engine import Matcher
from matcher.posterior import Posterior
from matcher.scoring import Scores
from matcher.sightings import Sighting
from throughline.messages import MatchEvent
from throughline.settings import Site
from throughline.times import Instant
from throughline.types import IntArray

__all__ = ["Associated", "associated"]


@dataclass(frozen=True, slots=True)
class Associated:
    """What the matcher made of a city.

    Attributes:
        events: All events, in order.
        told: By event id, when the record came that it followed from: capture times, as if machine and network took no time.
        weighed: By tracklet id, when it was first weighed against others that it could follow.
        matcher: As it was at the end.
    """

    events: tuple[MatchEvent, ...]
    told: Mapping[str, Instant]
    weighed: Mapping[str, Instant]
    matcher: Matcher

    def ids(self, tracklets: Iterable[str]) -> dict[str, int]:
        """Global number by tracklet id; tracklets that nothing was published about are vehicles of their own."""
        vehicle = {e.tracklet.tracklet: e.vehicle for e in self.events if e.kind in ("confirmed", "revised", "retracted", "new")}
        numbers: dict[str, int] = {}
        return {one: numbers.setdefault(vehicle.get(one, f"nothing is known of {one}"), len(numbers) + 1) for one in tracklets}


def associated(site: Site, arrivals: Iterable[Arrival]) -> Associated:
    """Gives records to the matcher of a site, in their order."""
    matcher = Matcher(site)
    events: list[MatchEvent] = []
    told: dict[str, Instant] = {}
    first = _FirstWeighed(matcher)
    matcher.be_watched(first)
    for at, record in arrivals:
        first.now = at
        for event in matcher.process(record):
            events.append(event)
            told[event.event] = at
    return Associated(tuple(events), told, first.weighed, matcher)


class _FirstWeighed:
    """Notes when tracklets are compared for the first time; see `matcher.witness.Witness`."""

    def __init__(self, matcher: Matcher) -> None:
        self._table = matcher.scorer.table
        self.now: Instant = 0
        self.weighed: dict[str, Instant] = {}

    def begin(self) -> None:
        """Nothing is kept from step to step."""

    def compared(self, lefts: IntArray, rights: IntArray, scores: Scores) -> None:  # noqa: ARG002 - that it was is enough
        for slot in np.unique(rights[rights >= 0]).tolist():
            self.weighed.setdefault(self._table.at(slot).id, self.now)

    def decided(self, event: MatchEvent, sighting: Sighting, found: Posterior) -> None:
        """Events are taken from what the matcher returns."""
