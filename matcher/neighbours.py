"""Which sightings could follow one another by road and time: the sparse graph that decisions are made on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from matcher.gates import NO_LINK, OVERLAP, SAME_CAMERA, TRAVEL_WINDOW
from matcher.scoring import Scorer
from matcher.sightings import Gallery, Sighting
from matcher.topology import Link, Topology
from throughline.times import after

__all__ = ["Neighbours"]


class Neighbours:
    """Pairs that passed the gates, kept up to date as sightings come, change and go.

    The work for a sighting grows with the vehicles within the windows of its camera's links, not with the number of
    cameras or with what the gallery holds.
    """

    def __init__(self, topology: Topology, scorer: Scorer) -> None:
        self.gallery = Gallery()
        self._topology, self._scorer = topology, scorer
        self._of: dict[str, dict[str, None]] = {}

    def of(self, tracklet: str) -> tuple[str, ...]:
        """Ids of the tracklets that could be the same vehicle as this one, straight before or after it."""
        return tuple(self._of.get(tracklet, ()))

    def put(self, sighting: Sighting, rejected: Counter[str] | None = None) -> None:
        """Adds a sighting or replaces its former revision; counts the pairs that gates rejected into ``rejected``."""
        self.remove(sighting.id)
        passed: dict[str, None] = {}
        tested: set[str] = set()
        for candidate in self._reachable(sighting):
            if candidate.id not in tested:
                tested.add(candidate.id)
                if self._scorer.pair(candidate, sighting).relation.link is not None:
                    passed[candidate.id] = None
        if rejected is not None:
            self._count(sighting, passed, rejected)
        self.gallery.put(sighting)
        self._of[sighting.id] = passed
        for other in passed:
            self._of[other][sighting.id] = None

    def remove(self, tracklet: str) -> None:
        """Forgets a sighting; unknown ids are fine."""
        for other in self._of.pop(tracklet, ()):
            self._of[other].pop(tracklet, None)
        self.gallery.remove(tracklet)

    def together(self, sighting: Sighting) -> Iterator[Sighting]:
        """Other sightings of the same camera that were in view at the same time: certainly other vehicles."""
        for other in self.gallery.ended(sighting.camera, sighting.start, after(sighting.end, 3600.0)):
            if other.start <= sighting.end and other.id != sighting.id:
                yield other

    def every_open(self) -> Iterator[Sighting]:
        """Sightings of all cameras whose end is not known yet."""
        for camera in self._topology.cameras:
            yield from self.gallery.opened(camera)

    def _reachable(self, sighting: Sighting) -> Iterator[Sighting]:
        """A superset of the pairs that pass, by the indices."""
        own = self._topology.link(sighting.camera, sighting.camera)
        for link in (*self._topology.incoming(sighting.camera), *([own] if own else [])):
            yield from self._before(sighting, link)
        for link in (*self._topology.outgoing(sighting.camera), *([own] if own else [])):
            yield from self._behind(sighting, link)

    def _slack(self, sighting: Sighting) -> float:
        # A tracklet's own clock may be worse than the site file says; the exact test comes in `relate`.
        return self._topology.largest_slack + 5.0 * sighting.clock.uncertainty + 1.0

    def _before(self, sighting: Sighting, link: Link) -> Iterable[Sighting]:
        slack = self._slack(sighting)
        first, last = after(sighting.start, -link.maximum - slack), after(sighting.start, -link.minimum + slack)
        yield from self.gallery.ended(link.from_, first, last)
        yield from self.gallery.opened(link.from_)

    def _behind(self, sighting: Sighting, link: Link) -> Iterable[Sighting]:
        slack = self._slack(sighting)
        first = after(sighting.end, link.minimum - slack)
        last = after(sighting.end, (1e6 if sighting.open else link.maximum) + slack)
        return self.gallery.started(link.to, first, last)

    def _count(self, sighting: Sighting, passed: Iterable[str], rejected: Counter[str]) -> None:
        by_camera: Counter[str] = Counter()
        for tracklet in passed:
            other = self.gallery.get(tracklet)
            if other is not None:
                by_camera[other.camera] += 1
        linked = {link.from_ for link in self._topology.incoming(sighting.camera)}
        linked |= {link.to for link in self._topology.outgoing(sighting.camera)}
        in_reach = sum(self.gallery.count(camera) for camera in linked)
        own = self.gallery.count(sighting.camera)
        overlapping = sum(1 for _ in self.together(sighting))
        rejected[OVERLAP] += overlapping
        rejected[SAME_CAMERA] += own - overlapping - by_camera[sighting.camera]
        rejected[TRAVEL_WINDOW] += in_reach - sum(by_camera[camera] for camera in linked)
        rejected[NO_LINK] += len(self.gallery) - in_reach - own
