"""The records on Kafka, as msgspec structs: the product's public interface.

A reader accepts every minor addition (unknown fields are ignored, new fields have defaults). What cannot be read raises
`UnreadableMessageError` and goes to the dead-letter topic with the reason in a header. JSON Schemas of all of them are
generated into ``docs/reference/schemas`` by ``python -m throughline.schemas``.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from throughline.times import Instant
from throughline.types import ClockSource, FloatArray

__all__ = [
    "SCHEMAS",
    "BestShot",
    "CameraStatus",
    "Clock",
    "Correction",
    "Embedding",
    "Evidence",
    "Gate",
    "GroundPoint",
    "MatchEvent",
    "MatchKind",
    "MatcherRecord",
    "PathPoint",
    "Progress",
    "RunnerUp",
    "Tracklet",
    "TrackletRef",
    "TrackletState",
    "UnreadableMessageError",
    "Watch",
    "decode_camera_status",
    "decode_match_event",
    "decode_record",
    "encode_json",
    "encode_record",
    "schema_of",
]

TrackletState: TypeAlias = Literal["opened", "updated", "closed"]
MatchKind: TypeAlias = Literal["provisional", "confirmed", "revised", "retracted", "new", "watchlist"]


class UnreadableMessageError(ValueError):
    """A record on Kafka that is not what its topic promises."""


class Clock(msgspec.Struct, frozen=True):
    """Where the times of a record come from.

    Attributes:
        source: ``rtcp`` (camera's own clock), ``file`` or ``arrival``.
        uncertainty: Standard deviation in seconds.
    """

    source: ClockSource
    uncertainty: float


class GroundPoint(msgspec.Struct, frozen=True, array_like=True):
    """A position on the ground, in metres (x, y) of the site's plane, or degrees (longitude, latitude)."""

    x: float
    y: float


class PathPoint(msgspec.Struct, frozen=True, array_like=True):
    """Where a vehicle was at one instant.

    Attributes:
        at: Capture time.
        x: Left edge of the box, pixels.
        y: Top edge of the box, pixels.
        width: Width of the box, pixels.
        height: Height of the box, pixels.
        ground: Position of the middle of the box's lower edge on the ground, where the camera is calibrated.
    """

    at: Instant
    x: float
    y: float
    width: float
    height: float
    ground: GroundPoint | None = None


class Embedding(msgspec.Struct, frozen=True):
    """How a vehicle looks to one network.

    Attributes:
        model: Name of the model in the site file.
        hash: First 16 hexadecimal digits of the SHA-256 of its weights (or of its definition, when it has none).
        dimension: Length of each vector.
        mean: Quality-weighted mean over the tracklet, unit length, float16, little-endian bytes.
        exemplars: A few single views, best first, each like ``mean``.
    """

    model: str
    hash: str
    dimension: int
    mean: bytes
    exemplars: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, model: str, hash: str, mean: FloatArray, exemplars: FloatArray | None = None) -> Embedding:  # noqa: A002 - the field's name
        """Packs unit vectors, ``mean`` (D,) and ``exemplars`` (K, D), as float16."""
        rows = () if exemplars is None else tuple(row.astype("<f2").tobytes() for row in exemplars)
        return cls(model, hash, len(mean), mean.astype("<f2").tobytes(), rows)

    def vector(self) -> FloatArray:
        """``mean`` as (D,) float32 of unit length.

        Raises:
            UnreadableMessageError: the bytes are not ``dimension`` finite numbers.
        """
        return self._unpack(self.mean)

    def exemplar_vectors(self) -> FloatArray:
        """``exemplars`` as (K, D) float32 with unit rows.

        Raises:
            UnreadableMessageError: the bytes are not ``dimension`` finite numbers.
        """
        if not self.exemplars:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self._unpack(row) for row in self.exemplars])

    def _unpack(self, data: bytes) -> FloatArray:
        if len(data) != 2 * self.dimension:
            raise UnreadableMessageError(f"embedding {self.model}: {len(data)} bytes for {self.dimension} float16 numbers")
        vector = np.frombuffer(data, "<f2").astype(np.float32)
        norm = float(np.linalg.norm(vector))
        if not np.isfinite(norm) or norm == 0.0:
            raise UnreadableMessageError(f"embedding {self.model}: not a finite, non-zero vector")
        return vector / np.float32(norm)


class BestShot(msgspec.Struct, frozen=True):
    """Where the best picture of a vehicle can be fetched; the picture itself never travels on Kafka.

    Attributes:
        path: Path below the camera's ``media_url``.
        at: Capture time.
        quality: 0..1, comparable within a camera.
    """

    path: str
    at: Instant
    quality: float


class Tracklet(msgspec.Struct, frozen=True, tag="tracklet", tag_field="record"):
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
        types: Probability of each vehicle type (names of `throughline.types.VEHICLE_TYPES`); sums to 1.
        path: Sightings thinned to a few a second, oldest first: those since the last revision, and all of them when closed.
        entry_zone: Zone of the first sighting.
        exit_zone: Zone of the latest sighting.
        heading: Direction of travel in the picture in degrees, 0 = right, 90 = down; absent for a vehicle that stood still.
        orientation: Probability of each of eight views of the vehicle (front, rear, left, left-front, left-rear, right,
            right-front, right-rear); empty when not known.
        embeddings: One for each model; empty when nothing changed since the last revision, always there when closed.
        attributes: Probability vectors by attribute (``colour`` ...).
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
    best_shot: BestShot | None = None
    quality: float = 0.0
    sightings: int = 0
    close_reason: str | None = None

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"tracklet {self.tracklet} ends before it starts")


class Progress(msgspec.Struct, frozen=True, tag="progress", tag_field="record"):
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


class TrackletRef(msgspec.Struct, frozen=True):
    """A tracklet as a match event names it."""

    camera: str
    tracklet: str
    start: Instant
    end: Instant
    best_shot: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """One term of a decision.

    Attributes:
        term: Name of the term, such as ``appearance``.
        llr: Log-likelihood ratio, natural logarithm: positive speaks for the join. Terms add.
        raw: The measured value behind it (cosine, seconds, metres ...).
        unit: Unit of ``raw``.
    """

    term: str
    llr: float
    raw: float | None = None
    unit: str = ""


class Gate(msgspec.Struct, frozen=True):
    """A hard test that this pair passed.

    Attributes:
        gate: Name of the gate, such as ``travel_window``.
        value: The tested value.
        low: Least value allowed.
        high: Largest value allowed.
    """

    gate: str
    value: float
    low: float | None = None
    high: float | None = None


class RunnerUp(msgspec.Struct, frozen=True):
    """The best alternative to the join: another tracklet, or (``tracklet`` absent) a new vehicle."""

    log_odds: float
    tracklet: str | None = None
    camera: str | None = None


class MatchEvent(msgspec.Struct, frozen=True):
    """A decision about a tracklet: which vehicle it shows.

    Attributes:
        event: Deterministic: the same decision always has the same id.
        sequence: 1, 2, 3 ... within the site.
        kind: ``provisional``, ``confirmed``, ``revised``, ``retracted``, ``new`` or ``watchlist``.
        site: Site id.
        vehicle: Global vehicle id.
        tracklet: The tracklet that the event is about.
        at: Event time: the site's watermark (or the record's own time) at which the decision was made.
        joined: The earlier tracklet that it was joined to; absent in ``new``.
        link: ``<from>-><to>`` of the road it came by.
        travel_time: Seconds from the end of ``joined`` to the start of ``tracklet``; negative for overlapping views.
        probability: Posterior of this decision against all its alternatives, 'a new vehicle' included.
        log_odds: Sum of the evidence, the link's prior included.
        evidence: Each term.
        gates: Each gate passed.
        runner_up: The best alternative.
        margin: ``log_odds`` minus the runner-up's.
        replaces: The event that this one revises or retracts.
        reason: Why a decision was revised or retracted, in words.
        configuration: Hash of the settings that decide.
        models: Hash by model name.
    """

    event: str
    sequence: int
    kind: MatchKind
    site: str
    vehicle: str
    tracklet: TrackletRef
    at: Instant
    joined: TrackletRef | None = None
    link: str | None = None
    travel_time: float | None = None
    probability: float | None = None
    log_odds: float | None = None
    evidence: tuple[Evidence, ...] = ()
    gates: tuple[Gate, ...] = ()
    runner_up: RunnerUp | None = None
    margin: float | None = None
    replaces: str | None = None
    reason: str | None = None
    configuration: str = ""
    models: dict[str, str] = {}


class CameraStatus(msgspec.Struct, frozen=True):
    """How a camera is doing; for people and the console, never an input of decisions.

    Attributes:
        site: Site id.
        camera: Camera id.
        state: ``connecting``, ``live``, ``stalled``, ``reconnecting``, ``ended`` or ``stopped``.
        at: When this was written, by the worker's clock.
        clock: Source and uncertainty of the capture times.
        decoded_fps: Frames a second decoded lately.
        analysed_fps: Frames a second analysed lately.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        reconnects: Since the worker started.
        media_url: Where preview and best shots are served; never holds credentials.
        error: The latest failure, without credentials.
    """

    site: str
    camera: str
    state: Literal["connecting", "live", "stalled", "reconnecting", "ended", "stopped"]
    at: Instant
    clock: Clock | None = None
    decoded_fps: float = 0.0
    analysed_fps: float = 0.0
    width: int = 0
    height: int = 0
    reconnects: int = 0
    media_url: str | None = None
    error: str | None = None


SCHEMAS: Final[dict[type[msgspec.Struct], str]] = {
    Tracklet: "tracklet/1",
    Progress: "progress/1",
    Correction: "correction/1",
    Watch: "watch/1",
    MatchEvent: "match/1",
    CameraStatus: "camera/1",
}
"""The ``schema`` header of each message: name and major version."""

_record_encoder = msgspec.msgpack.Encoder()
_record_decoder: msgspec.msgpack.Decoder[MatcherRecord] = msgspec.msgpack.Decoder(MatcherRecord)
_json_encoder = msgspec.json.Encoder()
_match_decoder = msgspec.json.Decoder(MatchEvent)
_status_decoder = msgspec.json.Decoder(CameraStatus)


def schema_of(message: msgspec.Struct) -> str:
    """The ``schema`` header of ``message``."""
    return SCHEMAS[type(message)]


def encode_record(record: MatcherRecord) -> bytes:
    """MessagePack, for ``throughline.tracklets``."""
    return _record_encoder.encode(record)


def decode_record(data: bytes) -> MatcherRecord:
    """Reads a record of ``throughline.tracklets``.

    Raises:
        UnreadableMessageError: it is none; the text says what is wrong with it.
    """
    try:
        return _record_decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableMessageError(str(error)) from error


def encode_json(message: MatchEvent | CameraStatus) -> bytes:
    """JSON, one line, fields in the order of the struct: equal messages are equal bytes."""
    return _json_encoder.encode(message)


def decode_match_event(data: bytes) -> MatchEvent:
    """Reads an event of ``throughline.matches``.

    Raises:
        UnreadableMessageError: it is none; the text says what is wrong with it.
    """
    try:
        return _match_decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableMessageError(str(error)) from error


def decode_camera_status(data: bytes) -> CameraStatus:
    """Reads a record of ``throughline.cameras``.

    Raises:
        UnreadableMessageError: it is none; the text says what is wrong with it.
    """
    try:
        return _status_decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise UnreadableMessageError(str(error)) from error
