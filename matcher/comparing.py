"""What two runs over the same tracklets decided otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from throughline.messages import MatchEvent, MatchKind

__all__ = ["Change", "Changes", "Difference", "compare"]

Change: TypeAlias = Literal["another", "joined", "parted", "only_before", "only_after"]
"""Joined to another tracklet; joined, and was new before; new, and was joined before; decided in one of the runs only."""

_FINAL = frozenset(("confirmed", "revised", "retracted", "new"))


@dataclass(frozen=True, slots=True)
class Difference:
    """A tracklet that was decided otherwise.

    Attributes:
        tracklet: Its id.
        camera: Its camera.
        change: What has changed.
        before: The last final decision about it in the first run, if there is one.
        after: In the second.
    """

    tracklet: str
    camera: str
    change: Change
    before: MatchEvent | None
    after: MatchEvent | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed from one run to the other.

    Attributes:
        events: Events of each kind, before and after.
        tracklets: Tracklets decided in either.
        differences: Those decided otherwise, by time.
        same_pairs: Pairs of tracklets that are one vehicle in both.
        lost_pairs: Pairs that were one vehicle before only.
        gained_pairs: Pairs that are one vehicle after only.
    """

    events: Mapping[MatchKind, tuple[int, int]]
    tracklets: int
    differences: tuple[Difference, ...]
    same_pairs: int
    lost_pairs: int
    gained_pairs: int

    def count(self, change: Change) -> int:
        """Tracklets with this change."""
        return sum(1 for one in self.differences if one.change == change)


def compare(before: Iterable[MatchEvent], after: Iterable[MatchEvent]) -> Changes:
    """Compares the final decisions of two runs: by tracklet, and by who is one vehicle with whom.

    Args:
        before: Events of the one, in order.
        after: Events of the other.
    """
    (kinds_before, last_before), (kinds_after, last_after) = _read(before), _read(after)
    differences = []
    for tracklet in last_before.keys() | last_after.keys():
        one, other = last_before.get(tracklet), last_after.get(tracklet)
        change, known = _change(one, other), one or other
        if change is not None and known is not None:
            differences.append(Difference(tracklet, known.tracklet.camera, change, one, other))
    differences.sort(key=lambda one: ((one.before or one.after).tracklet.start, one.tracklet))  # type: ignore[union-attr]  # one is there
    both = Counter((last_before[one].vehicle, last_after[one].vehicle) for one in last_before.keys() & last_after.keys())
    same = _pairs(both)
    return Changes(
        {kind: (kinds_before[kind], kinds_after[kind]) for kind in sorted(kinds_before.keys() | kinds_after.keys())},
        len(last_before.keys() | last_after.keys()),
        tuple(differences),
        same,
        _pairs(Counter(event.vehicle for event in last_before.values())) - same,
        _pairs(Counter(event.vehicle for event in last_after.values())) - same,
    )


def _read(events: Iterable[MatchEvent]) -> tuple[Counter[MatchKind], dict[str, MatchEvent]]:
    """How many there are of each kind, and the last final decision about each tracklet."""
    kinds: Counter[MatchKind] = Counter()
    last: dict[str, MatchEvent] = {}
    for event in events:
        kinds[event.kind] += 1
        if event.kind in _FINAL:
            last[event.tracklet.tracklet] = event
    return kinds, last


def _change(before: MatchEvent | None, after: MatchEvent | None) -> Change | None:
    if before is None:
        return "only_after"
    if after is None:
        return "only_before"
    one, other = (None if event.joined is None else event.joined.tracklet for event in (before, after))
    if one == other:
        return None
    return "joined" if one is None else "parted" if other is None else "another"


def _pairs(sizes: Mapping[Any, int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())
