"""Decisions as match events, with ids that the same decision always has."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import msgspec

from matcher.posterior import Posterior
from matcher.sightings import Sighting
from matcher.witness import Witness
from throughline.messages import Evidence, MatchEvent, MatchKind, RunnerUp
from throughline.settings import Site
from throughline.times import Instant

__all__ = ["EventWriter", "configuration_hash", "digest"]


def digest(*parts: str) -> str:
    """16 hexadecimal digits that stand for these texts."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()


def configuration_hash(site: Site) -> str:
    """Of the settings that decide: equal hashes mean that the same records give the same decisions."""
    whole = site.model_dump(mode="json", by_alias=True)
    deciding = {name: whole[name] for name in ("site", "links", "groups", "unlisted_links", "unlisted_travel", "matching")}
    deciding["cameras"] = [{name: camera[name] for name in ("id", "clock", "ground", "matching")} for camera in whole["cameras"]]
    deciding["embedders"] = whole["models"]["embedders"]
    deciding["closed_after"] = site.tracking.closed_after
    return digest(msgspec.json.encode(deciding, order="sorted").decode())


class EventWriter:
    """Numbers the events of a site and fills in what all of them say."""

    def __init__(self, site: Site) -> None:
        self._site = site.site
        self._configuration = configuration_hash(site)
        self._sequence = 0
        self.witness: Witness | None = None

    def write(
        self,
        kind: MatchKind,
        sighting: Sighting,
        *,
        vehicle: str,
        at: Instant,
        ordinal: int,
        found: Posterior,
        replaces: str | None = None,
        reason: str | None = None,
    ) -> MatchEvent:
        """One event.

        Args:
            kind: What kind of decision.
            sighting: What it is about.
            vehicle: Global vehicle id.
            at: Event time of the decision.
            ordinal: How many decisions of this kind about this tracklet came before.
            found: The evidence, and the sighting that it was joined to.
            replaces: Event that this one takes the place of.
            reason: Why a decision was changed.
        """
        join = found.join
        self._sequence += 1
        event = MatchEvent(
            event=digest(self._site, sighting.id, kind, str(ordinal), vehicle, "" if join is None else join.joined.id),
            sequence=self._sequence,
            kind=kind,
            site=self._site,
            vehicle=vehicle,
            tracklet=sighting.reference(),
            at=at,
            joined=None if join is None else join.joined.reference(),
            link=None if join is None else join.link.name,
            travel_time=None if join is None else join.travel,
            probability=found.probability,
            log_odds=0.0 if join is None else join.log_odds,
            evidence=() if join is None else join.evidence,
            gates=() if join is None else join.gates,
            runner_up=_finite(found.runner_up),
            margin=None if math.isinf(found.margin) else found.margin,
            replaces=replaces,
            reason=reason,
            configuration=self._configuration,
            models=dict(sighting.models),
        )
        if self.witness is not None:
            self.witness.decided(event, sighting, found)
        return event

    def watchlist(
        self, sighting: Sighting, name: str, vehicle: str, evidence: Sequence[Evidence], probability: float
    ) -> MatchEvent:
        """A vehicle on a watch list was seen."""
        self._sequence += 1
        return MatchEvent(
            event=digest(self._site, sighting.id, "watchlist", name),
            sequence=self._sequence,
            kind="watchlist",
            site=self._site,
            vehicle=vehicle,
            tracklet=sighting.reference(),
            at=sighting.end,
            probability=probability,
            log_odds=sum(part.llr for part in evidence),
            evidence=tuple(evidence),
            reason=name,
            configuration=self._configuration,
            models=dict(sighting.models),
        )


def _finite(runner_up: RunnerUp) -> RunnerUp | None:
    return None if math.isinf(runner_up.log_odds) else runner_up
