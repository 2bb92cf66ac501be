"""True passages out of who was in view of which camera, and when."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

from evaluation.passages import Passage
from throughline.times import Instant, seconds_between

__all__ = ["Visit", "passages_of"]


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
