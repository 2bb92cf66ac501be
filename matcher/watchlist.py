"""Vehicles to look out for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.camera_bias import CameraBias
from matcher.sightings import Appearance, Sighting
from throughline.messages import Clock, Evidence, Watch
from throughline.times import Instant
from throughline.types import ClockSource

__all__ = ["Hit", "WatchList"]

_LOG_PRIOR = -4.6
"""One tracklet in a hundred is assumed to be a given vehicle on the list."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A tracklet that probably shows a vehicle on the list."""

    name: str
    evidence: tuple[Evidence, ...]
    probability: float


@dataclass(slots=True)
class _Entry:
    likeness: Sighting
    until: Instant | None
    found: dict[str, None]


class WatchList:
    """Compares what comes into view with pictures of vehicles that are looked for.

    Args:
        appearance: Compares and calibrates.
        bias: Of the cameras; a picture on the list, whose camera is unknown, is freed of what they share.
    """

    def __init__(self, appearance: AppearanceTerm, bias: CameraBias) -> None:
        self._appearance = appearance
        self._bias = bias
        self._entries: dict[str, _Entry] = {}

    def update(self, watch: Watch) -> None:
        """Adds, replaces or withdraws a vehicle.

        Raises:
            UnreadableMessageError: an embedding is not what it says.
        """
        if not watch.embeddings:
            self._entries.pop(watch.name, None)
            return
        looks = {(found.model, found.hash): Appearance(found.vector(), found.exemplar_vectors()) for found in watch.embeddings}
        clock = Clock(ClockSource.FILE, 0.0)
        likeness = Sighting(watch.name, "", 0, watch.at, watch.at, False, clock, looks)
        self._entries[watch.name] = _Entry(likeness, watch.until, {})

    def hits(self, sighting: Sighting) -> list[Hit]:
        """The vehicles on the list that this is more likely than not; each once for a tracklet."""
        result = []
        for name, entry in self._entries.items():
            if sighting.id in entry.found or (entry.until is not None and sighting.start > entry.until):
                continue
            similarity = self._appearance.similarity(self._bias.removed(entry.likeness), sighting)
            if similarity is None:
                continue
            ratio = self._appearance.calibration(similarity).ratio(similarity.value)
            probability = 1.0 / (1.0 + math.exp(-(ratio + _LOG_PRIOR)))
            if probability > 0.5:
                entry.found[sighting.id] = None
                evidence = Evidence("prior", _LOG_PRIOR), Evidence("appearance", ratio, similarity.value, "cosine")
                result.append(Hit(name, evidence, probability))
        return result

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet."""
        for entry in self._entries.values():
            entry.found.pop(tracklet, None)
