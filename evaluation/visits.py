"""True passages out of who was in view of which camera, and when."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, replace

from evaluation.passages import Passage
from throughline.times import Instant, seconds_between

__all__ = ["LONGEST_GAP", "Visit", "passages_of", "visits_of"]

LONGEST_GAP = 3.0
"""Seconds out of sight after which a vehicle that comes back visits a camera anew."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A vehicle in view of a camera, without a break.

    Attributes:
        vehicle: True vehicle id.
        camera: Camera id.
        first: When it was first seen well.
        last: When it was last seen well.
    """

    vehicle: Hashable
    camera: str
    first: Instant
    last: Instant


def visits_of(vehicle: Hashable, camera: str, seen: Iterable[Instant], *, longest_gap: float = LONGEST_GAP) -> list[Visit]:
    """Visits of one vehicle to one camera, out of the instants at which it was seen, in any order."""
    visits: list[Visit] = []
    for instant in sorted(seen):
        if visits and seconds_between(visits[-1].last, instant) <= longest_gap:
            visits[-1] = replace(visits[-1], last=instant)
        else:
            visits.append(Visit(vehicle, camera, instant, instant))
    return visits


def passages_of(
    visits: Iterable[Visit], *, links: Collection[tuple[str, str]] | None = None, longest: float = float("inf")
) -> list[Passage]:
    """From each visit of a vehicle to its next one at another camera, in the order of the visits' beginnings.

    A vehicle that comes back to the camera it was seen by last makes no passage. One that drives the same link twice makes one.

    Args:
        visits: Of all vehicles and cameras, in any order.
        links: (from, to) of the links that count; None: all.
        longest: Seconds from the end of a visit to the beginning of the next beyond which nobody is asked to know the vehicle.
    """
    before: dict[Hashable, Visit] = {}
    found: dict[Passage, None] = {}
    for visit in sorted(visits, key=lambda one: (one.first, one.last, one.camera, str(one.vehicle))):
        last = before.get(visit.vehicle)
        before[visit.vehicle] = visit
        if last is None or last.camera == visit.camera or seconds_between(last.last, visit.first) > longest:
            continue
        if links is None or (last.camera, visit.camera) in links:
            found[Passage(visit.vehicle, last.camera, visit.camera)] = None
    return list(found)
