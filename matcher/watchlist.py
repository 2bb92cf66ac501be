"""Vehicles to look out for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matcher.evidence.appearance import AppearanceTerm
from matcher.evidence.camera_bias import CameraBias
from matcher.sightings import Looks, Sighting, unpack
from matcher.table import SightingTable
from matcher.topology import Topology
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
    slot: int
    looks: Looks
    until: Instant | None
    found: dict[str, None]


class WatchList:
    """Compares what comes into view with pictures of vehicles that are looked for.

    Args:
        topology: The site's cameras.
        appearance: Compares and calibrates.
        bias: Of the cameras; a picture on the list, whose camera is unknown, is freed of what they share.
    """

    def __init__(self, topology: Topology, appearance: AppearanceTerm, bias: CameraBias) -> None:
        self._appearance = appearance
        self._bias = bias
        self._camera = topology.cameras[0]  # of no meaning here, but a table wants one
        self._table = SightingTable(topology)
        self._asked = self._table.add(self._likeness("", 0))
        self._entries: dict[str, _Entry] = {}
        self._freed = -1

    def __len__(self) -> int:
        return len(self._entries)

    def update(self, watch: Watch) -> None:
        """Adds, replaces or withdraws a vehicle.

        Raises:
            UnreadableMessageError: an embedding is not what it says.
        """
        looks = unpack(watch.embeddings)
        former = self._entries.pop(watch.name, None)
        if former is not None:
            self._table.free(former.slot)
        if looks:
            slot = self._table.add(self._likeness(watch.name, watch.at))
            self._entries[watch.name] = _Entry(slot, looks, watch.until, {})
            self._freed = -1

    def _likeness(self, name: str, at: Instant) -> Sighting:
        return Sighting(name, self._camera, 0, at, at, False, Clock(ClockSource.FILE, 0.0))

    def _free(self) -> None:
        """What has been learned of the cameras comes into force."""
        if self._freed != self._bias.learned:
            self._freed = self._bias.learned
            for entry in self._entries.values():
                self._table.set_looks(entry.slot, self._bias.removed("", entry.looks))

    def hits(self, sighting: Sighting, looks: Looks) -> list[Hit]:
        """The vehicles on the list that this is more likely than not; each once for a tracklet.

        Args:
            sighting: What has come into view.
            looks: How it looks, as it was seen.
        """
        asked = [
            (name, entry)
            for name, entry in self._entries.items()
            if sighting.id not in entry.found and (entry.until is None or sighting.start <= entry.until)
        ]
        if not asked:
            return []
        self._free()
        self._table.set_looks(self._asked, self._bias.removed(sighting.camera, looks))
        slots = np.array([entry.slot for _, entry in asked], np.int64)
        found = self._appearance.similarities(self._table, slots, np.full(len(slots), self._asked, np.int64))
        result = []
        for place, (name, entry) in enumerate(asked):
            if found.basis[place] < 0:
                continue
            similarity = float(found.values[place])
            ratio = self._appearance.calibration(found.bases[found.basis[place]]).ratio(similarity)
            probability = 1.0 / (1.0 + math.exp(-(ratio + _LOG_PRIOR)))
            if probability > 0.5:
                entry.found[sighting.id] = None
                evidence = Evidence("prior", _LOG_PRIOR), Evidence("appearance", ratio, similarity, "cosine")
                result.append(Hit(name, evidence, probability))
        return result

    def forget(self, tracklet: str) -> None:
        """Drops a tracklet."""
        for entry in self._entries.values():
            entry.found.pop(tracklet, None)
