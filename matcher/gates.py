"""Hard tests of a pair of sightings, before any evidence is weighed: what cannot be is never scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from matcher.sightings import Sighting
from matcher.topology import Link, Topology
from throughline.messages import Gate
from throughline.times import seconds_between

__all__ = ["NO_LINK", "OVERLAP", "SAME_CAMERA", "TRAVEL_WINDOW", "Relation", "relate"]

OVERLAP: Final = "same_camera_overlap"
SAME_CAMERA: Final = "same_camera"
TRAVEL_WINDOW: Final = "travel_window"
NO_LINK: Final = "no_link"

_RETURN = 60.0
"""Seconds after which a vehicle may come by the same camera again."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What time and roads say about two sightings.

    Attributes:
        earlier: The one that started first.
        later: The other one.
        link: The road by which the vehicle could have gone straight from one to the other; None: by none.
        travel: Seconds from the end of ``earlier`` to the start of ``later``; while ``earlier`` is open, the most they can be.
        slack: Seconds by which the window was widened for the clocks' doubt.
        rejected: Gate that the pair did not pass, if any.
        impossible: They cannot be one vehicle at all, not even by way of other cameras.
    """

    earlier: Sighting
    later: Sighting
    link: Link | None
    travel: float
    slack: float = 0.0
    rejected: str | None = None
    impossible: bool = False

    @property
    def travel_known(self) -> bool:
        """Whether ``travel`` is final."""
        return not self.earlier.open

    def gates(self) -> tuple[Gate, ...]:
        """The gates passed, as events print them."""
        if self.link is None:
            return ()
        low, high = self.link.minimum - self.slack, self.link.maximum + self.slack
        return (Gate(TRAVEL_WINDOW, self.travel, low, high),)


def relate(first: Sighting, second: Sighting, topology: Topology) -> Relation:
    """Tests two sightings.

    A pair of different cameras that no road joins, or that is further apart than the road allows, may still be one
    vehicle that other cameras saw in between; a pair closer than the road allows may not. While the earlier one is open,
    only what no possible end could satisfy is rejected. Clocks that may be wrong widen the window, and where they leave
    open which of two sightings started first, both ways are tried.
    """
    earlier, later = (first, second) if first.order <= second.order else (second, first)
    relation = _directed(earlier, later, topology)
    if relation.rejected is None or earlier.camera == later.camera:
        return relation
    if seconds_between(earlier.start, later.start) <= relation.slack:
        other = _directed(later, earlier, topology)
        if other.rejected is None:
            return other
    return relation


def _directed(earlier: Sighting, later: Sighting, topology: Topology) -> Relation:
    travel = seconds_between(earlier.end, later.start)
    link = topology.link(earlier.camera, later.camera)
    if earlier.camera == later.camera:
        return _same_camera(earlier, later, link, travel)
    slack = topology.slack(earlier.camera, earlier.clock, later.camera, later.clock)
    if link is None:
        return Relation(earlier, later, None, travel, slack, NO_LINK)
    if travel < link.minimum - slack:
        return Relation(earlier, later, None, travel, slack, TRAVEL_WINDOW, impossible=True)
    if travel > link.maximum + slack and not earlier.open:
        return Relation(earlier, later, None, travel, slack, TRAVEL_WINDOW)
    return Relation(earlier, later, link, travel, slack)


def _same_camera(earlier: Sighting, later: Sighting, link: Link | None, travel: float) -> Relation:
    if travel <= 0.0 or earlier.open:
        return Relation(earlier, later, None, travel, rejected=OVERLAP, impossible=True)
    if link is not None and travel <= link.maximum:
        return Relation(earlier, later, link, travel)
    return Relation(earlier, later, None, travel, rejected=SAME_CAMERA, impossible=travel < _RETURN)
