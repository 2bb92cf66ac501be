"""What the matcher keeps of a tracklet's revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec
import numpy as np

from matcher.paths import GroundPath, continued, ground_path
from throughline.messages import BestShot, Clock, Embedding, Tracklet, TrackletRef, UnreadableMessageError
from throughline.times import Instant
from throughline.types import ORIENTATIONS, VEHICLE_COLOURS, FloatArray

__all__ = ["Looks", "ModelKey", "Sighting", "look", "unpack"]

ModelKey: TypeAlias = tuple[str, str]
"""Name and hash of a network: only vectors of one network compare."""

Looks: TypeAlias = Mapping[ModelKey, FloatArray]
"""Appearance by network: (1 + K, D) float32 with unit rows, the mean first, then K single views."""

_SURELY = 1.001
"""The largest probability that there is, with some room for rounding."""


class Sighting(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One revision of a tracklet; how it looks is kept in `matcher.table.SightingTable`.

    Attributes:
        id: Tracklet id.
        camera: Camera id.
        revision: Revision of the tracklet.
        start: First sighting.
        end: Latest sighting.
        open: The vehicle is still in view, so ``end`` may yet grow.
        clock: Source and uncertainty of the times.
        types: Probability by vehicle type.
        models: Networks that have seen it.
        best_shot: Reference of the best picture.
        path: Where it went on the ground, if that is known.
        colour: Probability by colour (`throughline.types.VEHICLE_COLOURS`); empty: not known.
        orientation: Probability by side that is seen (`throughline.types.ORIENTATIONS`); empty: not known.
    """

    id: str
    camera: str
    revision: int
    start: Instant
    end: Instant
    open: bool
    clock: Clock
    types: Mapping[str, float] = {}
    models: tuple[ModelKey, ...] = ()
    best_shot: BestShot | None = None
    path: GroundPath | None = None
    colour: tuple[float, ...] = ()
    orientation: tuple[float, ...] = ()

    @property
    def order(self) -> tuple[Instant, str]:
        """Sorts sightings by their start; the id breaks ties."""
        return self.start, self.id

    def after(self, former: Sighting | None) -> Sighting:
        """This revision, with what it leaves out because it has not changed since the ``former`` one."""
        if former is None:
            return self
        left_out = (former.colour and not self.colour) or (former.orientation and not self.orientation)
        if self.models and self.types and self.best_shot and former.path is None and not left_out:
            return self
        return Sighting(
            self.id,
            self.camera,
            self.revision,
            self.start,
            self.end,
            self.open,
            self.clock,
            self.types or former.types,
            self.models or former.models,
            self.best_shot or former.best_shot,
            continued(former.path, self.path),
            self.colour or former.colour,
            self.orientation or former.orientation,
        )

    def closed(self) -> Sighting:
        """The same, taken as over."""
        return msgspec.structs.replace(self, open=False)

    def reference(self) -> TrackletRef:
        """As an event names it."""
        shot = None if self.best_shot is None else self.best_shot.path
        return TrackletRef(self.camera, self.id, self.start, self.end, shot)


def look(tracklet: Tracklet) -> Sighting:
    """What a record says, but for how the vehicle looks.

    Raises:
        UnreadableMessageError: probabilities in it are none, or of other classes.
    """
    return Sighting(
        tracklet.tracklet,
        tracklet.camera,
        tracklet.revision,
        tracklet.start,
        tracklet.end,
        tracklet.state != "closed",
        tracklet.clock,
        tracklet.types,
        tuple(sorted((embedding.model, embedding.hash) for embedding in tracklet.embeddings)),
        tracklet.best_shot,
        ground_path(tracklet.path),
        _probabilities("colour", tracklet.attributes.get("colour", ()), VEHICLE_COLOURS),
        _probabilities("orientation", tracklet.orientation, ORIENTATIONS),
    )


def _probabilities(what: str, values: tuple[float, ...], classes: tuple[str, ...]) -> tuple[float, ...]:
    if values and (len(values) != len(classes) or not all(0.0 <= value <= _SURELY for value in values)):
        raise UnreadableMessageError(f"{what}: {values} are no probabilities of {', '.join(classes)}")
    return values


def unpack(embeddings: Iterable[Embedding]) -> Looks:
    """The vectors of a record.

    Raises:
        UnreadableMessageError: an embedding is not what it says.
    """
    return {(embedding.model, embedding.hash): _views(embedding) for embedding in embeddings}


def _views(embedding: Embedding) -> FloatArray:
    parts = (embedding.mean, *embedding.exemplars)
    for part in parts:
        if len(part) != 2 * embedding.dimension:
            raise UnreadableMessageError(
                f"embedding {embedding.model}: {len(part)} bytes for {embedding.dimension} float16 numbers"
            )
    views = np.frombuffer(b"".join(parts), "<f2").astype(np.float32).reshape(len(parts), embedding.dimension)
    squares = np.vecdot(views, views)
    if not 0.0 < squares.min() <= squares.max() < np.inf:  # false for NaN too
        raise UnreadableMessageError(f"embedding {embedding.model}: not a finite, non-zero vector")
    views /= np.sqrt(squares)[:, None]
    return views
