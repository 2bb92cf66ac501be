"""From tracks to tracklet records: what one camera tells the matcher."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from streams.regions import Zones
from streams.tracklets.attributes import AttributeMean
from streams.tracklets.observation import Crop, Effort, Observation
from streams.tracklets.passage import Passage, worse_clock
from streams.tracklets.path import VehiclePath
from streams.tracklets.pictures import PictureChooser
from streams.tracklets.quality import at_border
from streams.tracklets.views import Views
from throughline.ground import GroundPlane
from throughline.messages import Clock, Embedding, Progress, Tracklet, TrackletState
from throughline.settings import CameraSettings, TrackingSettings
from throughline.times import Instant, after
from throughline.types import EarlierSightings, FloatArray, Frame, Tracks

__all__ = ["TrackletBuilder"]

_OPEN_WITHOUT = 0.5  # seconds after which a vehicle is reported without an embedding
_BORDER = 4.0  # pixels
_LEAVING = 0.4  # seconds of its last motion that take a leaving vehicle to the border


class TrackletBuilder:
    """Builds the tracklet records of one camera. Pure: time is that of the frames.

    For each frame, in this order: `observe`, then `embedded` and `told` with what the networks made of the crops, then
    `records`, then perhaps `progress`. At the end of the stream: `close`.

    Args:
        site: Site id.
        camera: The camera.
        settings: The site file's ``tracking``.
        models: (name, hash) of each embedder.
        attribute_models: (name, hash) of the network that tells each attribute.
    """

    def __init__(
        self,
        site: str,
        camera: CameraSettings,
        settings: TrackingSettings,
        models: Sequence[tuple[str, str]],
        attribute_models: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self._site: Final = site
        self._camera: Final = camera
        self._settings: Final = settings
        self._hashes: Final = dict(models)
        self._attribute_models: Final = dict(attribute_models or {})
        self._pictures: Final = PictureChooser(settings, embeds=bool(models or attribute_models))
        self._passages: dict[int, Passage] = {}
        self._frame_size: tuple[int, int] | None = None
        self._zones = Zones({}, (1, 1))
        self._ground: GroundPlane | None = None
        self._pending: Instant | None = None

    def __len__(self) -> int:
        """Vehicles in view, or lost but not given up."""
        return len(self._passages)

    def tracklet(self, track: int) -> str | None:
        """Id of the tracklet that a track in view, or lost but not given up, is told as."""
        passage = self._passages.get(track)
        return None if passage is None else passage.tracklet

    def observe(self, tracks: Tracks, frame: Frame, effort: Effort | None = None) -> Observation:
        """Takes in one frame.

        Args:
            tracks: Of this frame.
            frame: Its picture and clock.
            effort: What describing vehicles may cost; default: as much as the settings ask for.

        Returns:
            Pictures to describe and to keep.

        Raises:
            ValueError: the tracks are of another frame.
        """
        if tracks.captured != frame.captured:
            raise ValueError(f"tracks of {tracks.captured} with the frame of {frame.captured}")
        self._fit((frame.image.shape[1], frame.image.shape[0]))
        earlier = {sightings.id: sightings for sightings in tracks.earlier}
        clock = Clock(frame.clock, math.hypot(frame.clock_uncertainty, self._camera.clock.uncertainty))
        for index, number in enumerate(tracks.ids.tolist()):
            passage = self._passages.get(number)
            if passage is None:
                passage = self._begin(number, tracks, index, clock, earlier.get(number))
            elif number in earlier:  # a fragment that goes on as this track
                _recall(passage, earlier[number])
            self._sight(passage, tracks, index, clock)
        given_up = after(tracks.captured, -(self._settings.closed_after + self._settings.max_hidden))
        for number, passage in self._passages.items():
            # The tracker gives up at that time at the latest; what it said so in may have been a frame that was not analysed.
            passage.ended = passage.ended or number in tracks.ended or passage.end < given_up
        self._pending = tracks.pending
        return self._pictures.choose(self._passages, tracks, frame, effort or Effort())

    def embedded(self, crops: Sequence[Crop], vectors: Mapping[str, FloatArray]) -> int:
        """Takes in what the embedders made of ``crops``.

        Args:
            crops: Of an observation, or some of them.
            vectors: (len(crops), D) unit rows by model; a model that failed may be absent.

        Returns:
            How many vectors could not be used: not finite, or of a vehicle that is closed already.

        Raises:
            ValueError: a model is unknown, or its rows do not match the crops.
        """
        unused = 0
        for model, rows in vectors.items():
            if model not in self._hashes:
                raise ValueError(f"embeddings of {model}, which is none of {', '.join(self._hashes) or 'no models'}")
            if rows.ndim != 2 or len(rows) != len(crops):
                raise ValueError(f"embeddings of {model}: {rows.shape} for {len(crops)} crops")
            norms = np.linalg.norm(rows, axis=1)
            for crop, row, norm in zip(crops, rows, norms, strict=True):
                passage = self._passages.get(crop.track)
                if passage is None or not np.isfinite(norm) or norm == 0:
                    unused += 1
                    continue
                views = passage.views.setdefault(model, Views(self._settings.max_embeddings))
                views.add((row / norm).astype(np.float32), crop.quality)
                passage.new_embeddings = True
        return unused

    def told(self, crops: Sequence[Crop], attributes: Mapping[str, FloatArray]) -> int:
        """Takes in what networks told of ``crops``.

        Args:
            crops: Of an observation, or some of them.
            attributes: (len(crops), C) probabilities by attribute; those of a network that failed may be absent.

        Returns:
            How many rows could not be used: not finite, or of a vehicle that is closed already.

        Raises:
            ValueError: nobody was said to tell this attribute, or its rows do not match the crops.
        """
        unused = 0
        for attribute, rows in attributes.items():
            if attribute not in self._attribute_models:
                raise ValueError(f"{attribute} is told, but not by which model")
            if rows.ndim != 2 or len(rows) != len(crops):
                raise ValueError(f"{attribute}: {rows.shape} for {len(crops)} crops")
            for crop, row in zip(crops, rows, strict=True):
                passage = self._passages.get(crop.track)
                if passage is None or not np.isfinite(row).all():
                    unused += 1
                    continue
                passage.attributes.setdefault(attribute, AttributeMean.of(len(row))).add(row, crop.quality)
                passage.new_attributes = True
        return unused

    def records(self, captured: Instant) -> list[Tracklet]:
        """The records that are due, in the order of track numbers.

        A vehicle is opened with its first embedding, or without one half a second after it was confirmed; updated when
        there is something new, at most every ``update_interval``; closed when its track has ended.
        """
        records = []
        for number, passage in list(self._passages.items()):
            if passage.ended:
                del self._passages[number]
                records.append(self._record(passage, "closed", captured, self._reason(passage)))
            elif not passage.opened:
                if self._ready(passage, captured):
                    records.append(self._record(passage, "opened", captured))
            elif (passage.seen_again or passage.new_embeddings) and captured >= after(
                passage.recorded, self._settings.update_interval
            ):
                records.append(self._record(passage, "updated", captured))
        return records

    def close(self, reason: str) -> list[Tracklet]:
        """Closes everything, for the footage is over: ``stream_ended``, ``stream_cut`` or ``shutdown``.

        Unconfirmed tracks are given up: end the tracker too.
        """
        records = [self._record(passage, "closed", passage.end, reason) for passage in self._passages.values()]
        self._passages.clear()
        self._pending = None
        return records

    def progress(self, captured: Instant, *, end_of_stream: bool = False) -> Progress:
        """How far this camera is complete, once the records due so far are sent.

        A vehicle that is not confirmed yet, or not opened yet, may still be reported with a start that lies in the past: so
        the camera is complete up to the earliest start of these.

        Args:
            captured: Capture time of the latest frame; no earlier one follows.
            end_of_stream: The footage is over.
        """
        starts = [passage.start for passage in self._passages.values() if not passage.opened]
        if self._pending is not None:
            starts.append(self._pending)
        return Progress(self._site, self._camera.id, min([captured, *starts]), end_of_stream)

    def _fit(self, frame_size: tuple[int, int]) -> None:
        if frame_size == self._frame_size:
            return
        self._frame_size = frame_size
        self._zones = Zones(self._camera.zones, frame_size)
        self._ground = None if self._camera.ground is None else GroundPlane(self._camera.ground, frame_size)

    def _begin(self, number: int, tracks: Tracks, index: int, clock: Clock, earlier: EarlierSightings | None) -> Passage:
        start = tracks.captured if earlier is None or len(earlier.times) == 0 else int(earlier.times[0])
        first_box = tracks.boxes[index] if start == tracks.captured or earlier is None else earlier.boxes[0]
        passage = Passage(
            tracklet=f"{self._camera.id}-{start}-{number}",
            start=start,
            end=start,
            clock=clock,
            confirmed=tracks.captured,
            path=VehiclePath(self._settings.path_interval, self._ground),
            entry_zone=self._zones.at(first_box),
            views={},
            box=first_box,
            velocity=tracks.velocities[index],
        )
        if earlier is not None:
            _recall(passage, earlier)
        self._passages[number] = passage
        return passage

    def _sight(self, passage: Passage, tracks: Tracks, index: int, clock: Clock) -> None:
        passage.end = tracks.captured
        passage.clock = worse_clock(passage.clock, clock)
        passage.box, passage.velocity = tracks.boxes[index], tracks.velocities[index]
        passage.exit_zone = self._zones.at(passage.box)
        passage.path.observe(tracks.captured, passage.box)
        passage.vote(tracks.classes[index : index + 1], tracks.scores[index : index + 1])
        passage.sightings += 1
        passage.seen_again = True

    def _ready(self, passage: Passage, captured: Instant) -> bool:
        return not self._hashes or passage.embedded > 0 or captured >= after(passage.confirmed, _OPEN_WITHOUT)

    def _reason(self, passage: Passage) -> str:
        """Why a track that ended did: ``left`` when it was seen last where vehicles leave, else ``lost``."""
        if passage.exit_zone is not None:
            return "left"
        shift = np.tile(passage.velocity * np.float32(_LEAVING), 2)
        last = np.stack((passage.box, passage.box + shift))
        size = self._frame_size
        return "left" if size is not None and at_border(last, size, _BORDER).any() else "lost"

    def _record(self, passage: Passage, state: TrackletState, captured: Instant, reason: str | None = None) -> Tracklet:
        closed = state == "closed"
        fresh = passage.path.fresh()
        told = {name: mean.mean() for name, mean in passage.attributes.items()} if closed or passage.new_attributes else {}
        record = Tracklet(
            site=self._site,
            camera=self._camera.id,
            tracklet=passage.tracklet,
            revision=passage.revision,
            state=state,
            start=passage.start,
            end=passage.end,
            clock=passage.clock,
            types=passage.types(),
            path=passage.path.points() if closed else fresh,
            entry_zone=passage.entry_zone,
            exit_zone=passage.exit_zone,
            heading=passage.path.heading(),
            orientation=told.get("orientation", ()),
            embeddings=self._embeddings(passage) if closed or passage.new_embeddings else (),
            attributes={name: mean for name, mean in told.items() if name != "orientation"},
            attribute_models={name: self._attribute_models[name] for name in told},
            best_shot=passage.best_shot,
            quality=passage.quality,
            sightings=passage.sightings,
            close_reason=reason,
        )
        passage.revision += 1
        passage.recorded = captured
        passage.seen_again = passage.new_embeddings = passage.new_attributes = False
        return record

    def _embeddings(self, passage: Passage) -> tuple[Embedding, ...]:
        return tuple(
            passage.views[model].embedding(model, digest, self._settings.exemplars)
            for model, digest in self._hashes.items()
            if model in passage.views
        )


def _recall(passage: Passage, earlier: EarlierSightings) -> None:
    """Books what was seen of a vehicle before it could be told."""
    for at, box in zip(earlier.times.tolist(), earlier.boxes, strict=True):
        passage.path.observe(at, box)
    passage.vote(earlier.classes, earlier.scores)
    passage.sightings += len(earlier.times)
