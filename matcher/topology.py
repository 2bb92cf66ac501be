"""Which camera's view leads to which, and how long it may take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import numpy.typing as npt

from throughline.settings import LinkDefaults, Site, TravelSettings
from throughline.times import Instant, after
from throughline.types import IntArray

__all__ = ["Link", "Topology"]

_STANDARD_DEVIATIONS = 3.0
"""How many of them a gate is widened by, for the clocks of both cameras."""
_WORTH_A_THOUGHT = 5.0
"""Log-odds that a travel time beyond a soft window may cost."""
_FRAGMENT = (0.0, 0.3, 3.5)
"""Seconds from the end of a broken track to the start of its continuation in the same camera: least, typical, most."""
_IN_VIEW = (0.0, 10.0, 60.0)
"""Seconds that a vehicle was in view of a camera that has missed it: least, typical, most."""
_FRAGMENT_LOG_PRIOR = -3.0
"""One vehicle rarely makes two tracks in one camera."""


@dataclass(frozen=True, slots=True)
class Link:
    """A directed road from one view to another.

    Attributes:
        from_: Camera that a vehicle leaves.
        to: Camera that it comes to; the same one for the continuation of a broken track.
        minimum: Least seconds from the end of a track to the start of the next; negative for overlapping views.
        typical: Most likely seconds.
        maximum: Most seconds.
        opposite_view: The cameras see opposite sides of a vehicle.
        log_prior: Added to the log-odds of each join by this link.
        listed: The site file names it; what nobody has listed excludes nothing.
        reach: Seconds beyond the window, on either side, that are weighed instead of rejected.
        bridge: It leads by way of one camera that has missed the vehicle.
    """

    from_: str
    to: str
    minimum: float
    typical: float
    maximum: float
    opposite_view: bool = False
    log_prior: float = 0.0
    listed: bool = True
    reach: float = 0.0
    bridge: bool = False

    @property
    def name(self) -> str:
        """``<from>-><to>``, as events print it."""
        return f"{self.from_}->{self.to}"

    @property
    def window(self) -> float:
        """Length of the time window in seconds."""
        return self.maximum - self.minimum


class Topology:
    """The links of a site, with what holds for pairs of cameras that no link joins.

    A listed link overrides that of a group; ``both_ways`` makes two. Where ``unlisted_links`` is ``deny`` there is no
    road between other cameras; with ``allow`` a vehicle may turn up within a broad window, as by any link; with ``learn``
    too, and how many do is learned (see `matcher.evidence.prior` and `matcher.evidence.travel_time`).

    Cameras miss vehicles: behind a lorry, while their stream stalls, where a track breaks. Where listed links lead from one
    camera to another by way of a third, and none straight, a *bridge* does, for vehicles that the third has missed.

    Attributes:
        cameras: Camera ids, in the order of the site file.
        links: All links, by their numbers; those from a camera to itself come last, in the order of `cameras`.
        between: How many links lead from one camera to another; the others are from a camera to itself.
        minimum: (L,) of each link, seconds.
        maximum: (L,) of each link, seconds.
        soonest: (L,) least seconds, also by way of one other camera: where views overlap that may be sooner than straight on.
        log_prior: (L,) of each link.
        reach: (L,) of each link, seconds.
        from_: (L,) number of the camera that each link leads away from.
        unlisted: (L,) whether the site file names none.
        learned: (L,) whether what is not listed is learned.
        bridge: (L,) whether it is a bridge.
        calibrations: From pixels to the ground, of each of `cameras`; None: not calibrated.
    """

    def __init__(self, site: Site) -> None:
        self._clocks = {camera.id: camera.clock for camera in site.cameras}
        self._drifting = any(clock.drift > 0.0 for clock in self._clocks.values())
        self._slack_when_set = self._largest({camera: clock.uncertainty for camera, clock in self._clocks.items()})
        self._links: dict[tuple[str, str], Link] = {}
        self._window, self._reach = site.matching.window, _WORTH_A_THOUGHT / site.matching.window_penalty
        self._add_groups(site)
        self._add_listed(site)
        if site.unlisted_links != "deny":
            self._add_unlisted(site.unlisted_travel)
        elif site.matching.missed_share > 0.0:
            self._add_bridges()
        self._learns = site.unlisted_links == "learn"
        self._fragments = {camera: Link(camera, camera, *_FRAGMENT, log_prior=_FRAGMENT_LOG_PRIOR) for camera in self._clocks}
        straight = [link for link in self._links.values() if not link.bridge]
        bridges = [link for link in self._links.values() if link.bridge]
        self._incoming, self._outgoing = (self._by_camera(straight, incoming=side) for side in (True, False))
        self._bridges_to, self._bridges_from = (self._by_camera(bridges, incoming=side) for side in (True, False))
        self.cameras = tuple(self._clocks)
        self.calibrations = tuple(camera.ground for camera in site.cameras)
        self._numbers = {camera: number for number, camera in enumerate(self.cameras)}
        self._number_links()

    def _add_groups(self, site: Site) -> None:
        for group in site.groups.values():
            if group.link is not None:
                for first, second in permutations(group.cameras, 2):
                    self._add(first, second, group.link)

    def _add_listed(self, site: Site) -> None:
        listed = {(link.from_, link.to) for link in site.links}
        for link in site.links:
            self._add(link.from_, link.to, link)
            if link.both_ways and (link.to, link.from_) not in listed:
                self._add(link.to, link.from_, link)

    def _add_unlisted(self, travel: TravelSettings) -> None:
        for first, second in permutations(self._clocks, 2):
            if (first, second) not in self._links:
                self._links[first, second] = Link(first, second, travel.min, travel.mode, travel.max, listed=False)

    def _add_bridges(self) -> None:
        straight = tuple(self._links.values())
        leading_from = self._by_camera(straight, incoming=False)
        for first in straight:
            for second in leading_from[first.to]:
                ends = first.from_, second.to
                if first.from_ == second.to:
                    continue
                way = _one_behind_the_other(first, second)
                known = self._links.get(ends)
                if known is None:
                    self._links[ends] = way
                elif known.bridge:
                    self._links[ends] = _either(known, way)

    def _add(self, first: str, second: str, said: LinkDefaults) -> None:
        travel = said.travel
        reach = self._reach if (said.window or self._window) == "soft" else 0.0
        self._links[first, second] = Link(first, second, travel.min, travel.mode, travel.max, said.opposite_view, reach=reach)

    def _number_links(self) -> None:
        """Links as arrays, in the order of ``from`` and ``to``, the continuations of broken tracks behind them."""

        def code(link: Link) -> int:
            return self._numbers[link.from_] * len(self._numbers) + self._numbers[link.to]

        ordered = sorted(self._links.values(), key=code)
        self._codes = np.array([code(link) for link in ordered], np.int64)
        self.between = len(ordered)
        self.links = (*ordered, *self._fragments.values())
        self.minimum = np.array([link.minimum for link in self.links])
        self.maximum = np.array([link.maximum for link in self.links])
        self.soonest = np.array([self._soonest(link) for link in self.links])
        self.log_prior = np.array([link.log_prior for link in self.links])
        self.reach = np.array([link.reach for link in self.links])
        self.from_ = np.array([self._numbers[link.from_] for link in self.links])
        self.unlisted = np.array([not link.listed for link in self.links])
        self.learned = self.unlisted & self._learns
        self.bridge = np.array([link.bridge for link in self.links])

    def _soonest(self, link: Link) -> float:
        ways = (
            first.minimum + second.minimum
            for first in self._outgoing[link.from_]
            if first.listed and (second := self._links.get((first.to, link.to))) is not None and second.listed
        )
        return min((link.minimum, *ways))

    def find(self, first: IntArray, second: IntArray) -> IntArray:
        """Numbers of the links that lead from cameras ``first`` to cameras ``second`` (P,), as `links` has them; -1: none."""
        found: IntArray = np.where(first == second, len(self._codes) + first, -1)
        if len(self._codes):
            codes = first * len(self._numbers) + second
            places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
            found = np.where(self._codes[places] == codes, places, found)
        return found

    def number(self, camera: str) -> int:
        """Place of a camera in `cameras`."""
        return self._numbers[camera]

    def variance(self, camera: str, at: Instant) -> float:
        """Of a camera's clock at an instant, as the site file says, in seconds squared."""
        return self._clocks[camera].uncertainty_at(at) ** 2

    def _by_camera(self, links: Iterable[Link], *, incoming: bool) -> dict[str, tuple[Link, ...]]:
        result: dict[str, list[Link]] = {camera: [] for camera in self._clocks}
        for link in links:
            result[link.to if incoming else link.from_].append(link)
        return {camera: tuple(sorted(found, key=lambda link: link.name)) for camera, found in result.items()}

    def __contains__(self, camera: str) -> bool:
        return camera in self._clocks

    def link(self, first: str, second: str) -> Link | None:
        """The road from ``first`` to ``second``; None: there is none. From a camera to itself: a track that broke."""
        return self._fragments.get(first) if first == second else self._links.get((first, second))

    def incoming(self, camera: str) -> tuple[Link, ...]:
        """Links that lead to ``camera``."""
        return self._incoming[camera]

    def outgoing(self, camera: str) -> tuple[Link, ...]:
        """Links that lead away from ``camera``."""
        return self._outgoing[camera]

    def bridges_to(self, camera: str) -> tuple[Link, ...]:
        """Bridges that lead to ``camera``."""
        return self._bridges_to[camera]

    def bridges_from(self, camera: str) -> tuple[Link, ...]:
        """Bridges that lead away from ``camera``."""
        return self._bridges_from[camera]

    @staticmethod
    def slack(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Seconds by which the window between two clocks of these variances is widened on either side, for their doubt."""
        return np.asarray(_STANDARD_DEVIATIONS * np.sqrt(first + second))

    @staticmethod
    def deviation(slack: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Standard deviation, in seconds, of the difference between two clocks for which windows are widened by ``slack``."""
        return slack / _STANDARD_DEVIATIONS

    def largest_slack(self, first: Instant, last: Instant) -> float:
        """Bound on `slack` for clocks as uncertain as the site file says, in seconds.

        Args:
            first: Start of a sighting.
            last: Its end; others are at most the longest travel time away from either.
        """
        if not self._drifting:
            return self._slack_when_set
        reach = self.longest_travel
        around = after(first, -reach), after(last, reach)
        return self._largest({camera: max(map(clock.uncertainty_at, around)) for camera, clock in self._clocks.items()})

    @staticmethod
    def _largest(uncertainty: Mapping[str, float]) -> float:
        worst = sorted(uncertainty.values())[-2:]
        return _STANDARD_DEVIATIONS * math.sqrt(sum(part * part for part in worst))

    @property
    def longest_travel(self) -> float:
        """Most seconds that any link allows, a soft window's reach included."""
        return max((link.maximum + link.reach for link in self._links.values()), default=0.0)


def _one_behind_the_other(first: Link, second: Link) -> Link:
    """The bridge over the camera that two links have in common."""
    least, typical, most = (sum(times) for times in zip(_times(first), _IN_VIEW, _times(second), strict=True))
    opposite = first.opposite_view is not second.opposite_view
    return Link(first.from_, second.to, max(least, 0.0), max(typical, 0.0), most, opposite, listed=False, bridge=True)


def _either(one: Link, other: Link) -> Link:
    """The bridge that stands for two, by way of different cameras."""
    return replace(
        one,
        minimum=min(one.minimum, other.minimum),
        typical=min(one.typical, other.typical),
        maximum=max(one.maximum, other.maximum),
        opposite_view=one.opposite_view and other.opposite_view,
    )


def _times(link: Link) -> tuple[float, float, float]:
    return link.minimum, link.typical, link.maximum
