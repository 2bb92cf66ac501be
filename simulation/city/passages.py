"""Who passed which camera when, and how long the ways between cameras took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulation.city.cameras import Floats
from simulation.city.sightings import Sightings
from simulation.city.visibility import side_degrees

__all__ = ["LONGEST_GAP", "Passage", "journeys", "passages", "travel_times"]

LONGEST_GAP: Final = 4.0
"""Seconds that a vehicle may be out of a view, or hidden, within one passage."""
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
        side: Which side of the vehicle was seen, on the whole: degrees clockwise from its front, -180..180.
    """

    camera: str
    vehicle: int
    start: float
    end: float
    side: float


def passages(sightings: Iterable[Sightings]) -> list[Passage]:
    """The passages of all vehicles through all views, by start.

    Args:
        sightings: Of each camera; those that shall count as seen, such as `simulation.city.truth.annotated` ones.
    """
    found = []
    for camera in sightings:
        if not len(camera):
            continue
        seen = camera.where(np.lexsort((camera.frames, camera.vehicles)).astype(np.int64))
        vehicles, times = seen.vehicles, seen.frames / camera.fps
        sides = np.exp(1j * np.radians(side_degrees(seen.orientations)))
        new = np.flatnonzero((np.diff(vehicles) != 0) | (np.diff(times) > LONGEST_GAP)) + 1
        starts, ends = np.concatenate(([0], new)), np.concatenate((new, [len(times)])) - 1
        found += [
            Passage(
                camera.camera,
                int(vehicles[start]),
                float(times[start]),
                float(times[end]),
                float(np.degrees(np.angle(sides[start : end + 1].sum()))),
            )
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            if times[end] - times[start] >= LEAST_SECONDS
        ]
    return sorted(found, key=lambda passage: (passage.start, passage.camera, passage.vehicle))


def journeys(found: Iterable[Passage]) -> dict[tuple[str, str], list[tuple[Passage, Passage]]]:
    """Pairs of passages of one vehicle of which the second followed the first, by their cameras, by the second's start.

    A passage follows another one if no third, in between by its start, lasted longer than the first: then another view lies on
    the way. Returns to the same camera are no links.

    Args:
        found: Of `passages`, by start.
    """
    of_vehicle: dict[int, list[Passage]] = {}
    for passage in found:
        of_vehicle.setdefault(passage.vehicle, []).append(passage)
    pairs: dict[tuple[str, str], list[tuple[Passage, Passage]]] = {}
    for way in of_vehicle.values():
        for index, later in enumerate(way):
            latest = -np.inf
            for earlier in reversed(way[:index]):
                if earlier.end > latest and earlier.camera != later.camera:
                    pairs.setdefault((earlier.camera, later.camera), []).append((earlier, later))
                latest = max(latest, earlier.end)
    for link in pairs.values():
        link.sort(key=lambda pair: (pair[1].start, pair[1].vehicle))
    return dict(sorted(pairs.items()))


def travel_times(found: Iterable[Passage]) -> dict[tuple[str, str], Floats]:
    """Seconds (N,) from the end of one view to the start of the next, of all `journeys`; negative where views overlap."""
    return {link: np.array([later.start - earlier.end for earlier, later in pairs]) for link, pairs in journeys(found).items()}
