"""What searches answer, as JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from matcher.candidates import Ranking
from matcher.search.history import Found, History, Passage
from matcher.search.pictures import Box
from matcher.sightings import ModelKey
from throughline.messages import Evidence, Gate, MatchKind, TrackletRef
from throughline.times import to_iso

__all__ = [
    "Answer",
    "CandidatesAnswer",
    "Kept",
    "ModelUsed",
    "RankedCandidate",
    "SeenThere",
    "SimilarVehicle",
    "VehicleAnswer",
    "answer",
    "candidates_answer",
    "kept",
    "vehicle_answer",
]


class SeenThere(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where and when a vehicle was in view.

    Attributes:
        tracklet: Tracklet id.
        camera: Camera id.
        start: First sighting, ISO 8601.
        end: Latest sighting.
        similarity: Cosine of the most alike of its vectors.
        decision: Kind of the latest match event about it.
        probability: Of that decision.
        best_shot: Path of its best picture, below the camera's media URL.
        best_shot_url: The same as a whole address, where the camera's worker has told its own.
    """

    tracklet: str
    camera: str
    start: str
    end: str
    similarity: float | None = None
    decision: MatchKind | None = None
    probability: float | None = None
    best_shot: str | None = None
    best_shot_url: str | None = None


class SimilarVehicle(msgspec.Struct, frozen=True):
    """A vehicle that a search has found; ``vehicle`` is null where nothing has been decided about its tracklet yet."""

    vehicle: str | None
    similarity: float
    tracklets: tuple[SeenThere, ...]


class ModelUsed(msgspec.Struct, frozen=True):
    """The network that vectors were compared by."""

    name: str
    hash: str


class Kept(msgspec.Struct, frozen=True):
    """What could be found.

    Attributes:
        tracklets: That are kept.
        vectors: Of all models.
        since: What ended before is not kept.
        until: Latest time told by any record.
        complete: False while what stands on Kafka is still being read, after a start.
    """

    tracklets: int
    vectors: int
    since: str | None
    until: str | None
    complete: bool


class Answer(msgspec.Struct, frozen=True):
    """The answer of ``POST /search``; ``box`` is the part of the picture that was looked for."""

    site: str
    model: ModelUsed
    box: Box | None
    exact: bool
    history: Kept
    vehicles: tuple[SimilarVehicle, ...]


class VehicleAnswer(msgspec.Struct, frozen=True):
    """The answer of ``GET /vehicles/<id>``: a vehicle's passages in the order of time."""

    site: str
    vehicle: str
    history: Kept
    tracklets: tuple[SeenThere, ...]


class RankedCandidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tracklet that another one could be joined to; see `matcher.candidates.Candidate`."""

    tracklet: str
    camera: str
    start: str
    end: str
    vehicle: str | None
    log_odds: float | None = None
    link: str | None = None
    travel_time: float | None = None
    evidence: tuple[Evidence, ...] = ()
    gates: tuple[Gate, ...] = ()
    rejected: str | None = None


class CandidatesAnswer(msgspec.Struct, frozen=True):
    """The answer of ``GET /candidates/<tracklet>``; see `matcher.candidates.Ranking`."""

    site: str
    tracklet: str
    camera: str
    start: str
    end: str
    vehicle: str | None
    among: int
    passed: int
    candidates: tuple[RankedCandidate, ...]


def answer(
    site: str, model: ModelKey, box: Box | None, found: tuple[list[Found], bool], history: Kept, media: Mapping[str, str]
) -> Answer:
    """An answer; ``media`` has the media URL by camera."""
    vehicles = (
        SimilarVehicle(
            one.vehicle,
            _rounded(one.similarity),
            tuple(_seen(there.passage, media, there.similarity) for there in one.seen),
        )
        for one in found[0]
    )
    return Answer(site, ModelUsed(*model), box, found[1], history, tuple(vehicles))


def vehicle_answer(site: str, vehicle: str, passages: list[Passage], history: Kept, media: Mapping[str, str]) -> VehicleAnswer:
    """An answer; ``media`` has the media URL by camera."""
    return VehicleAnswer(site, vehicle, history, tuple(_seen(passage, media) for passage in passages))


def candidates_answer(site: str, ranking: Ranking) -> CandidatesAnswer:
    """An answer."""
    ranked = (
        RankedCandidate(
            *_when(one.tracklet),
            one.vehicle,
            one.log_odds,
            one.link,
            one.travel,
            one.evidence,
            one.gates,
            one.rejected,
        )
        for one in ranking.candidates
    )
    return CandidatesAnswer(site, *_when(ranking.tracklet), ranking.vehicle, ranking.among, ranking.passed, tuple(ranked))


def _when(tracklet: TrackletRef) -> tuple[str, str, str, str]:
    return tracklet.tracklet, tracklet.camera, to_iso(tracklet.start), to_iso(tracklet.end)


def kept(history: History, *, complete: bool) -> Kept:
    """What ``history`` holds."""
    since, now = history.since, history.now
    return Kept(
        len(history), history.vectors, None if since is None else to_iso(since), None if now is None else to_iso(now), complete
    )


def _seen(passage: Passage, media: Mapping[str, str], similarity: float | None = None) -> SeenThere:
    shot, base = passage.best_shot, media.get(passage.camera)
    return SeenThere(
        passage.tracklet,
        passage.camera,
        to_iso(passage.start),
        to_iso(passage.end),
        None if similarity is None else _rounded(similarity),
        passage.decision,
        passage.probability,
        shot,
        f"{base.rstrip('/')}/{shot}" if base and shot else None,
    )


def _rounded(similarity: float) -> float:
    return round(similarity, 4)
