"""Hard tests of pairs of sightings, before any evidence is weighed: what cannot be is never scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from matcher.table import SightingTable
from matcher.topology import Topology
from throughline.messages import Gate
from throughline.times import MICROSECONDS
from throughline.types import IntArray

__all__ = ["NO_LINK", "OVERLAP", "PASSED", "REASONS", "SAME_CAMERA", "TRAVEL_WINDOW", "Relations", "relate", "straight"]

PASSED: Final = 0
OVERLAP: Final = 1
SAME_CAMERA: Final = 2
TRAVEL_WINDOW: Final = 3
NO_LINK: Final = 4

REASONS: Final = ("", "same_camera_overlap", "same_camera", "travel_window", "no_link")
"""Name of each gate, as metrics and events print it."""

_RETURN = 60.0
"""Seconds after which a vehicle may come by the same camera again."""


@dataclass(frozen=True, slots=True)
class Relations:
    """What time and roads say about P pairs of sightings.

    Attributes:
        earlier: (P,) slots of those that started first.
        later: (P,) slots of the others.
        link: (P,) number of the road by which the vehicle could have gone straight from one to the other; -1: by none.
        travel: (P,) seconds from the end of ``earlier`` to the start of ``later``; while ``earlier`` is open, the most they
            can be.
        slack: (P,) seconds by which the window was widened for the clocks' doubt.
        rejected: (P,) number of the gate that was not passed, `PASSED`: none.
        impossible: (P,) they cannot be one vehicle at all, not even by way of other cameras.
    """

    earlier: IntArray
    later: IntArray
    link: IntArray
    travel: npt.NDArray[np.float64]
    slack: npt.NDArray[np.float64]
    rejected: npt.NDArray[np.int8]
    impossible: npt.NDArray[np.bool_]

    def only(self, which: npt.NDArray[np.bool_]) -> Relations:
        """Those of the pairs that ``which`` (P,) names."""
        return Relations(
            self.earlier[which],
            self.later[which],
            self.link[which],
            self.travel[which],
            self.slack[which],
            self.rejected[which],
            self.impossible[which],
        )

    def gates(self, place: int, topology: Topology) -> tuple[Gate, ...]:
        """The gates that one pair passed, as events print them."""
        number = int(self.link[place])
        if number < 0:
            return ()
        link, slack = topology.links[number], float(self.slack[place])
        name = REASONS[TRAVEL_WINDOW]
        widened = link.reach + slack
        return (Gate(name, float(self.travel[place]), link.minimum - widened, link.maximum + widened),)


def straight(relations: Relations, group: IntArray, topology: Topology) -> Relations:
    """Without bridges in groups of which two sightings lie straight behind each other: the camera in between has not missed it.

    Args:
        relations: Of P pairs.
        group: (P,) of each pair.
        topology: The roads.
    """
    bridged = (relations.link >= 0) & topology.bridge[relations.link]
    if not bridged.any():
        return relations
    direct = np.bincount(group[(relations.link >= 0) & ~bridged], minlength=int(group.max()) + 1) > 0
    return replace(relations, link=np.where(bridged & direct[group], -1, relations.link))


def relate(table: SightingTable, topology: Topology, first: IntArray, second: IntArray) -> Relations:
    """Tests P pairs of sightings.

    A pair of different cameras that no road joins, or that is further apart than the road allows, may still be one
    vehicle that other cameras saw in between; a pair closer than any listed road allows may not. While the earlier one is open,
    only what no possible end could satisfy is rejected. Clocks that may be wrong widen the window, and where they leave
    open which of two sightings started first, both ways are tried.

    Args:
        table: The sightings.
        topology: The roads.
        first: (P,) slots.
        second: (P,) slots.
    """
    ahead = table.start[second] - table.start[first]
    swapped = ahead < 0
    for place in np.flatnonzero(ahead == 0):
        swapped[place] = table.at(second[place]).id < table.at(first[place]).id
    relations = _directed(table, topology, np.where(swapped, second, first), np.where(swapped, first, second))
    unclear = np.abs(ahead) <= relations.slack * MICROSECONDS
    if unclear.any():
        unclear &= (relations.rejected != PASSED) & (table.camera[first] != table.camera[second])
        places = np.flatnonzero(unclear)
        if len(places):
            _try_the_other_way(table, topology, relations, places)
    return relations


def _try_the_other_way(table: SightingTable, topology: Topology, relations: Relations, places: IntArray) -> None:
    other = _directed(table, topology, relations.later[places], relations.earlier[places])
    passed = other.rejected == PASSED
    places = places[passed]
    other = other.only(passed)
    for name in Relations.__slots__:
        getattr(relations, name)[places] = getattr(other, name)


def _directed(table: SightingTable, topology: Topology, earlier: IntArray, later: IntArray) -> Relations:
    travel = (table.start[later] - table.end[earlier]) / MICROSECONDS
    leaving, coming = table.camera[earlier], table.camera[later]
    still_open = table.open[earlier]
    same = leaving == coming
    slack = topology.slack(table.variance[earlier], table.variance[later])
    link = topology.find(leaving, coming)
    widened = slack + topology.reach[link]
    outside = (travel < topology.minimum[link] - widened) | ((travel > topology.maximum[link] + widened) & ~still_open)
    rejected = np.where(outside, TRAVEL_WINDOW, PASSED).astype(np.int8)
    impossible = travel < topology.soonest[link] - widened
    none = link < 0
    rejected[none] = NO_LINK
    impossible &= ~none & ~topology.unlisted[link]
    if same.any():
        slack[same] = 0.0  # one clock does not disagree with itself
        at_once = (travel <= 0.0) | still_open
        there = np.where(at_once, OVERLAP, np.where(travel <= topology.maximum[link], PASSED, SAME_CAMERA))
        rejected[same] = there[same]
        impossible[same] = (at_once | ((there == SAME_CAMERA) & (travel < _RETURN)))[same]
    link[rejected != PASSED] = -1
    return Relations(earlier, later, link, travel, slack, rejected, impossible)
