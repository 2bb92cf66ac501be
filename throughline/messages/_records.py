"""The records of ``throughline.tracklets``: everything the matcher decides from."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from throughline.messages._sightings import BestShot, Clock, Embedding, PathPoint
from throughline.times import Instant

__all__ = ["Correction", "MatcherRecord", "Progress", "Tracklet", "TrackletState", "Watch"]

TrackletState: TypeAlias = Literal["opened", "updated", "closed"]


class Tracklet(msgspec.Struct, frozen=True, gc=False, tag="tracklet", tag_field="record"):
    """One vehicle's passage through one camera's view, as known at this revision. Later revisions replace earlier ones.

    Attributes:
        site: Site id.
        camera: Camera id.
        tracklet: Unique for ever: ``<camera>-<start time in microseconds>-<track number>``.
        revision: 0, 1, 2 ... within the tracklet.
        state: ``opened``, ``updated`` or ``closed``.
        start: Capture time of the first sighting.
        end: Capture time of the latest sighting.
        clock: Source and uncertainty of all times in here.
        types: Probability of each vehicle type (names of `throughline.types.VEHICLE_TYPES`), by all that tells them; sums to 1.
        path: Sightings thinned to a few a second, oldest first: those since the last revision, and all of them when closed.
        entry_zone: Zone of the first sighting.
        exit_zone: Zone of the latest sighting.
        heading: Direction of travel in the picture in degrees, 0 = right, 90 = down; absent for a vehicle that stood still.
        orientation: Probability of each side of the vehicle that can be seen (`throughline.types.ORIENTATIONS`), the mean over
            the tracklet; empty when not known, or not changed since the last revision.
        embeddings: One for each model; empty when nothing changed since the last revision, always there when closed.
        attributes: Probability vectors by attribute, means over the tracklet: ``colour`` in the order of
            `throughline.types.VEHICLE_COLOURS`, and ``type``, which ``types`` has taken in already, in that of the types but
            ``vehicle``. What is missing to 1 is not known; those left out have not changed.
        attribute_models: Name and hash of the network that told each of ``attributes``, and ``orientation``, where known.
        best_shot: Reference of the best picture so far.
        quality: 0..1: size, sharpness and completeness of the sightings.
        sightings: Frames in which it was detected.
        close_reason: Why it was closed: ``left``, ``lost``, ``stream_ended``, ``stream_cut`` or ``shutdown``.
    """

    site: str
    camera: str
    tracklet: str
    revision: int
    state: TrackletState
    start: Instant
    end: Instant
    clock: Clock
    types: dict[str, float] = {}
    path: tuple[PathPoint, ...] = ()
    entry_zone: str | None = None
    exit_zone: str | None = None
    heading: float | None = None
    orientation: tuple[float, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    attributes: dict[str, tuple[float, ...]] = {}
    attribute_models: dict[str, tuple[str, str]] = {}
    best_shot: BestShot | None = None
    quality: float = 0.0
    sightings: int = 0
    close_reason: str | None = None

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"tracklet {self.tracklet} ends before it starts")


class Progress(msgspec.Struct, frozen=True, gc=False, tag="progress", tag_field="record"):
    """A camera has reported everything up to an instant; sent every second, also without traffic.

    Attributes:
        site: Site id.
        camera: Camera id.
        complete_to: No tracklet of this camera will be opened before this capture time any more.
        end_of_stream: The camera's footage is over; it will not be waited for.
    """

    site: str
    camera: str
    complete_to: Instant
    end_of_stream: bool = False


class Correction(msgspec.Struct, frozen=True, tag="correction", tag_field="record"):
    """An operator says that two tracklets are the same vehicle, or are not.

    Attributes:
        site: Site id.
        at: When the operator said so, in the site's time.
        first: Tracklet id.
        second: Tracklet id.
        same: Whether they are one vehicle.
        operator: Who said so.
    """

    site: str
    at: Instant
    first: str
    second: str
    same: bool
    operator: str = ""


class Watch(msgspec.Struct, frozen=True, tag="watch", tag_field="record"):
    """A vehicle to look out for; withdrawn by a record with the same name and no embeddings."""

    site: str
    at: Instant
    name: str
    embeddings: tuple[Embedding, ...] = ()
    until: Instant | None = None


MatcherRecord: TypeAlias = Tracklet | Progress | Correction | Watch
"""Everything that stands in ``throughline.tracklets``."""
