"""The tracklets of a city through the matcher, as it is and with parts of it switched off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks._association_sets import with_matching
from benchmarks.city.cameras import Arrival
from matcher.engine import Matcher
from matcher.posterior import Posterior
from matcher.scoring import Scores
from matcher.sightings import Sighting
from throughline.messages import MatchEvent
from throughline.settings import MatchingSettings, Site
from throughline.times import Instant
from throughline.types import IntArray

__all__ = ["ABLATIONS", "BASELINES", "Associated", "Variant", "associated"]


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


@dataclass(frozen=True, slots=True)
class Variant:
    """The matcher with something changed.

    Attributes:
        name: As tables print it.
        site: What becomes of the site file.
    """

    name: str
    site: Callable[[Site], Site]


_EVIDENCE = ("appearance", "colour", "direction", "ground_position", "orientation", "travel_time", "vehicle_size", "vehicle_type")


def _switched(**switches: Any) -> Callable[[Site], Site]:
    return lambda site: with_matching(site, switches)


def _only(*kept: str) -> Callable[[Site], Site]:
    return _switched(**{name: name in kept for name in _EVIDENCE})


def _no_roads(site: Site) -> Site:
    """Every camera leads to every other one, at any time within the broad window of unlisted links."""
    return site.model_copy(update={"links": (), "unlisted_links": "allow"})


BASELINES = (
    Variant("appearance only, no roads", lambda site: _no_roads(_only("appearance")(site))),
    Variant("travel windows only, no looks", _only("travel_time")),
)
"""What would be left of the matcher in a product that knows only looks, or only roads."""

ABLATIONS = (
    *(Variant(f"`{name}` off", _switched(**{name: False})) for name in _EVIDENCE),
    Variant("roads not listed, `allow`", _no_roads),
    Variant("roads not listed, `learn`", lambda site: _no_roads(site).model_copy(update={"unlisted_links": "learn"})),
    Variant("`window: hard`", _switched(window="hard")),
    Variant("`same_camera` off", _switched(same_camera={"enabled": False})),
    Variant("`exemplar_weight: 0`", _switched(exemplar_weight=0.0)),
    Variant("`reranking` on", _switched(reranking={"enabled": True})),
)
"""Each kind of evidence and each constraint switched off, or on where it is off."""

assert set(_EVIDENCE) <= set(MatchingSettings.model_fields)  # noqa: S101 - misspelt switches would switch nothing
