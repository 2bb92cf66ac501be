"""Who passed which camera when, and how long the ways between cameras took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulation.city.cameras import Floats
from simulation.city.sightings import Sightings

__all__ = ["Passage", "passages", "travel_times"]

LONGEST_GAP: Final = 4.0
"""Seconds that a vehicle may be out of a view, or hidden, within one passage."""
LEAST_VISIBLE: Final = 0.3
LEAST_INSIDE: Final = 0.3
"""Shares of a vehicle that have to be visible, and in the picture, for it to count as seen."""
LEAST_SECONDS: Final = 0.5
"""Passages that are shorter count for nothing."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A vehicle's way through one view.

    Attributes:
        camera: Camera id.
        vehicle: Its number.
        start: Seconds, first sighting.
        end: Seconds, last sighting.
    """

    camera: str
    vehicle: int
    start: float
    end: float


def passages(sightings: Iterable[Sightings]) -> list[Passage]:
    """The passages of all vehicles through all views, by start; what is hidden or cut off for its larger part is not seen."""
    found = []
    for camera in sightings:
        seen = camera.where((camera.visible >= LEAST_VISIBLE) & (camera.inside >= LEAST_INSIDE))
        if not len(seen):
            continue
        order = np.lexsort((seen.frames, seen.vehicles))
        vehicles, times = seen.vehicles[order], seen.frames[order] / camera.fps
        new = np.flatnonzero((np.diff(vehicles) != 0) | (np.diff(times) > LONGEST_GAP)) + 1
        starts, ends = np.concatenate(([0], new)), np.concatenate((new, [len(times)])) - 1
        found += [
            Passage(camera.camera, int(vehicles[start]), float(times[start]), float(times[end]))
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            if times[end] - times[start] >= LEAST_SECONDS
        ]
    return sorted(found, key=lambda passage: (passage.start, passage.camera, passage.vehicle))


def travel_times(found: Iterable[Passage]) -> Mapping[tuple[str, str], Floats]:
    """Seconds from the end of one view to the start of the next, for each pair of cameras and each vehicle that went there.

    A passage follows another one if no third, in between by its start, lasted longer than the first: then another view lies on
    the way. Where views overlap, the time is negative. Returns to the same camera are no links.

    Args:
        found: Of `passages`, by start.
    """
    of_vehicle: dict[int, list[Passage]] = {}
    for passage in found:
        of_vehicle.setdefault(passage.vehicle, []).append(passage)
    times: dict[tuple[str, str], list[float]] = {}
    for way in of_vehicle.values():
        for index, later in enumerate(way):
            latest = -np.inf
            for earlier in reversed(way[:index]):
                if earlier.end > latest and earlier.camera != later.camera:
                    times.setdefault((earlier.camera, later.camera), []).append(later.start - earlier.end)
                latest = max(latest, earlier.end)
    return {link: np.array(values) for link, values in sorted(times.items())}
