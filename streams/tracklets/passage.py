"""All that is known of one vehicle's passage so far: the accumulators behind a tracklet's records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from streams.tracklets.attributes import AttributeMean
from streams.tracklets.path import VehiclePath
from streams.tracklets.views import Views
from throughline.messages import BestShot, Clock
from throughline.times import Instant
from throughline.types import VEHICLE_TYPES, ClockSource, FloatArray, IntArray

__all__ = ["Passage", "worse_clock"]

_UNKNOWN = VEHICLE_TYPES.index("vehicle")
_PRIOR = np.where(np.arange(len(VEHICLE_TYPES)) == _UNKNOWN, 1.0, 0.1)
_TRUST = {ClockSource.RTCP: 0, ClockSource.FILE: 1, ClockSource.ARRIVAL: 2}


@dataclass(slots=True)
class Passage:
    """One track between its first sighting and its last record.

    Attributes:
        tracklet: Id of the tracklet.
        start: Capture time of the first sighting.
        end: Capture time of the latest sighting.
        clock: The least certain clock of its sightings.
        confirmed: Capture time of the frame that confirmed it.
        path: Where it went.
        entry_zone: Zone of the first sighting.
        views: By model.
        box: (4,) latest box, corners in pixels.
        velocity: (2,) of its centre, pixels a second.
        exit_zone: Zone of the latest sighting.
        sightings: Number of frames in which it was seen.
        votes: (5,) score-weighted votes for each vehicle type, by the detector.
        attributes: What networks told, by attribute.
        quality: Of its best picture.
        best_shot: The best picture that was kept.
        shots: Best pictures so far.
        asked: When an embedding was last asked for.
        asked_box: Where it was then.
        asked_quality: Quality of the best picture that was asked for.
        new_embeddings: Embeddings have come since the last record.
        new_attributes: Attributes have been told since the last record.
        seen_again: It was seen since the last record.
        revision: Of the next record; 0 as long as there was none.
        recorded: Capture time of the last record.
        ended: Its track has ended.
    """

    tracklet: str
    start: Instant
    end: Instant
    clock: Clock
    confirmed: Instant
    path: VehiclePath
    entry_zone: str | None
    views: dict[str, Views]
    box: FloatArray
    velocity: FloatArray
    exit_zone: str | None = None
    sightings: int = 0
    votes: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(VEHICLE_TYPES)))
    attributes: dict[str, AttributeMean] = field(default_factory=dict)
    quality: float = 0.0
    best_shot: BestShot | None = None
    shots: int = 0
    asked: Instant | None = None
    asked_box: FloatArray | None = None
    asked_quality: float = 0.0
    new_embeddings: bool = False
    new_attributes: bool = False
    seen_again: bool = False
    revision: int = 0
    recorded: Instant = 0
    ended: bool = False

    @property
    def opened(self) -> bool:
        """Whether Kafka knows of it."""
        return self.revision > 0

    @property
    def embedded(self) -> int:
        """How many views of it networks have looked at, by the one that has most."""
        views, told = (len(views) for views in self.views.values()), (mean.pictures for mean in self.attributes.values())
        return max((*views, *told), default=0)

    def vote(self, classes: IntArray | Iterable[int], scores: FloatArray | Iterable[float]) -> None:
        """Counts detections (indices into `VEHICLE_TYPES`) with their scores."""
        for index, score in zip(classes, scores, strict=True):
            self.votes[int(index)] += float(score)

    def types(self) -> dict[str, float]:
        """Probability of each vehicle type; sums to 1.

        ``vehicle`` is the share that is not known: it starts near 1 and shrinks with every vote for a type, while a detection
        of unknown type says nothing. A network that tells types from pictures of the vehicle has as much say as the detector in
        all its frames; where the detector knows no types, a vote for each picture.
        """
        votes = np.where(np.arange(len(VEHICLE_TYPES)) == _UNKNOWN, 0.0, self.votes)
        told = self.attributes.get("type")
        if told is not None and told.pictures:
            votes[: len(told.total)] += max(votes.sum(), told.pictures) * np.array(told.mean())
        weights = _PRIOR + votes
        return {name: float(share) for name, share in zip(VEHICLE_TYPES, weights / weights.sum(), strict=True)}


def worse_clock(first: Clock, second: Clock) -> Clock:
    """The one of two clocks that can be trusted less."""
    return max(first, second, key=lambda clock: (_TRUST[clock.source], clock.uncertainty))
