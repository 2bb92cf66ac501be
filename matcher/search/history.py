"""Which vehicles were where and how they looked, for a bounded time: what searches are answered from."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from matcher.search.index import VectorIndex
from matcher.search.rows import VectorRows
from matcher.search.selection import Selection
from matcher.search.vectors import ModelVectors
from matcher.sightings import ModelKey
from throughline.messages import Embedding, MatchEvent, MatchKind, Tracklet, TrackletRef, UnreadableMessageError
from throughline.settings import SearchSettings
from throughline.times import Instant, after
from throughline.types import FloatArray

__all__ = ["Found", "History", "Passage", "Seen"]

_ROWS_FOR_A_VEHICLE = 8
"""Vectors asked for at first for each vehicle wanted; a vehicle has several."""


@dataclass(slots=True, eq=False)
class Passage:
    """One tracklet, as far as it is known.

    Attributes:
        number: Its number here.
        tracklet: Tracklet id.
        camera: Camera id.
        start: First sighting.
        end: Latest sighting.
        best_shot: Path of its best picture below the camera's ``media_url``.
        vehicle: Global vehicle id, once decided, or named by a decision about another tracklet that was joined to it.
        decision: Kind of the latest decision about it; None: there is none yet.
        probability: Of that decision.
        revision: Latest revision read; -1: it is known from decisions only.
        rows: Where its vectors are, by model.
    """

    number: int
    tracklet: str
    camera: str
    start: Instant
    end: Instant
    best_shot: str | None = None
    vehicle: str | None = None
    decision: MatchKind | None = None
    probability: float | None = None
    revision: int = -1
    rows: dict[ModelKey, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A passage that a search has found, and how alike it looks (cosine); None: it has no vector of that model."""

    passage: Passage
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A vehicle that a search has found.

    Attributes:
        vehicle: Global vehicle id; None: nothing has been decided about this tracklet yet.
        similarity: Cosine of the most alike of its vectors.
        seen: Its passages among those asked for, most alike first.
    """

    vehicle: str | None
    similarity: float
    seen: tuple[Seen, ...]


class History:
    """Tracklets and decisions in, searches answered. Time is that of the records: what is old is what others have outlived.

    Not for use from several threads at once.

    Args:
        settings: How much is kept for how long.
        make_index: Makes the index over a model's vectors.

    Attributes:
        evicted: Tracklets forgotten, by reason: ``age``, ``capacity``; whoever exports these counts clears them.
        skipped: Records without effect, by reason: ``unreadable``, ``repeated``, ``old``, ``mismatch``; likewise.
    """

    def __init__(self, settings: SearchSettings, make_index: Callable[[VectorRows], VectorIndex]) -> None:
        self._settings, self._make_index = settings, make_index
        self._passages: dict[str, Passage] = {}
        self._numbered: dict[int, Passage] = {}
        self._numbers = itertools.count()
        self._vehicles: dict[str, dict[str, Passage]] = {}
        self._models: dict[ModelKey, ModelVectors] = {}
        self._ends: list[tuple[Instant, int]] = []
        self._now: Instant | None = None
        self.evicted: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._passages)

    @property
    def vectors(self) -> int:
        """Vectors of all models."""
        return sum(map(len, self._models.values()))

    @property
    def models(self) -> tuple[ModelKey, ...]:
        """Models that vectors are known of, the one first seen first."""
        return tuple(self._models)

    @property
    def since(self) -> Instant | None:
        """What ended before is forgotten; None: nothing has been read yet."""
        return None if self._now is None else after(self._now, -self._settings.keep)

    @property
    def now(self) -> Instant | None:
        """The latest time that a record has told."""
        return self._now

    def advance(self, at: Instant) -> None:
        """Time has come to ``at``: what is too old goes."""
        if self._now is None or at > self._now:
            self._now = at
        self._evict()

    def record(self, tracklet: Tracklet) -> None:
        """Takes in a revision of a tracklet."""
        if self._is_old(tracklet.end):
            self.skipped["old"] += 1
            return
        passage = self._passages.get(tracklet.tracklet)
        if passage is None:
            passage = self._new(tracklet.tracklet, tracklet.camera, tracklet.start, tracklet.end)
        elif passage.revision >= tracklet.revision:
            self.skipped["repeated"] += 1
            return
        passage.revision, passage.start, passage.end = tracklet.revision, tracklet.start, tracklet.end
        if tracklet.best_shot is not None:
            passage.best_shot = tracklet.best_shot.path
        for embedding in tracklet.embeddings:
            self._look(passage, embedding)
        for model, rows in passage.rows.items():
            self._models[model].describe(rows, passage.camera, passage.start, passage.end)
        self.advance(tracklet.end)

    def decide(self, event: MatchEvent) -> None:
        """Takes in a decision: which vehicle a tracklet shows."""
        if event.kind == "watchlist":
            return
        passage = self._referred(event.tracklet)
        if passage is not None and (event.kind != "provisional" or passage.decision in (None, "provisional")):
            passage.decision, passage.probability = event.kind, event.probability
            self._assign(passage, event.vehicle)
        joined = None if event.joined is None else self._referred(event.joined)
        if joined is not None and joined.decision is None:
            self._assign(joined, event.vehicle)
        self._evict()

    def passages(self, vehicle: str) -> list[Passage]:
        """Where a vehicle was seen, in the order of time; empty: it is not known, or not any more."""
        return sorted(self._vehicles.get(vehicle, {}).values(), key=lambda passage: (passage.start, passage.tracklet))

    def looks_of(self, tracklet: str) -> dict[ModelKey, FloatArray]:
        """The mean vectors (D,) of a tracklet by model; empty: it is not known, or was never described."""
        passage = self._passages.get(tracklet)
        if passage is None:
            return {}
        return {model: self._models[model].rows.take(np.array(rows[:1]))[0] for model, rows in passage.rows.items()}

    def dimension(self, model: ModelKey) -> int:
        """Length of a model's vectors.

        Raises:
            KeyError: no vectors of it are known.
        """
        return self._models[model].rows.dimension

    def search(self, model: ModelKey, query: FloatArray, limit: int, selection: Selection) -> tuple[list[Found], bool]:
        """The vehicles most alike, best first, and whether none can be missing.

        Args:
            model: What made ``query``.
            query: (D,) of unit length.
            limit: Vehicles at most.
            selection: Where and when to look.
        """
        looks = self._models.get(model)
        if looks is None:
            return [], True
        allowed = looks.allowed(selection)
        available = int(np.count_nonzero(allowed))
        count = min(available, _ROWS_FOR_A_VEHICLE * limit)
        while True:
            nearest = looks.search(query, count, allowed)
            found = [self._numbered[number] for number in dict.fromkeys(looks.owners(nearest.rows).tolist())]
            groups = list(dict.fromkeys(passage.vehicle or passage.number for passage in found))
            if len(groups) >= limit or count >= available:
                break
            count = min(available, 4 * count)
        described = [self._found(group, looks, model, query, selection) for group in groups[:limit]]
        return sorted(described, key=lambda one: -one.similarity), nearest.exact

    def maintain(self) -> None:
        """Lets the indexes look after themselves."""
        for looks in self._models.values():
            looks.index.maintain()

    def close(self) -> None:
        """Ends what the indexes do in the background."""
        for looks in self._models.values():
            looks.index.close()

    def _found(self, group: str | int, looks: ModelVectors, model: ModelKey, query: FloatArray, selection: Selection) -> Found:
        members = [self._numbered[group]] if isinstance(group, int) else self._vehicles[group].values()
        seen = []
        for passage in members:
            if selection.includes(passage.camera, passage.start, passage.end):
                rows = np.array(passage.rows.get(model, ()), np.int64)
                similarity = float((looks.rows.take(rows) @ query).max()) if len(rows) else None
                seen.append(Seen(passage, similarity))
        seen.sort(key=lambda one: (-2.0 if one.similarity is None else -one.similarity, one.passage.start, one.passage.tracklet))
        vehicle = None if isinstance(group, int) else group
        return Found(vehicle, max(one.similarity for one in seen if one.similarity is not None), tuple(seen))

    def _is_old(self, end: Instant) -> bool:
        since = self.since
        return since is not None and end < since

    def _new(self, tracklet: str, camera: str, start: Instant, end: Instant) -> Passage:
        passage = Passage(next(self._numbers), tracklet, camera, start, end)
        self._passages[tracklet] = self._numbered[passage.number] = passage
        heapq.heappush(self._ends, (end, passage.number))
        return passage

    def _referred(self, reference: TrackletRef) -> Passage | None:
        """What a decision is about; it may come before the tracklet itself is read."""
        passage = self._passages.get(reference.tracklet)
        if passage is None:
            if self._is_old(reference.end):
                self.skipped["old"] += 1
                return None
            passage = self._new(reference.tracklet, reference.camera, reference.start, reference.end)
            passage.best_shot = reference.best_shot
        return passage

    def _assign(self, passage: Passage, vehicle: str | None) -> None:
        if passage.vehicle is not None:
            members = self._vehicles[passage.vehicle]
            del members[passage.tracklet]
            if not members:
                del self._vehicles[passage.vehicle]
        passage.vehicle = vehicle
        if vehicle is not None:
            self._vehicles.setdefault(vehicle, {})[passage.tracklet] = passage

    def _look(self, passage: Passage, embedding: Embedding) -> None:
        model = embedding.model, embedding.hash
        try:
            vectors = np.concatenate([embedding.vector()[None], embedding.exemplar_vectors()[: self._settings.exemplars]])
        except UnreadableMessageError:
            self.skipped["unreadable"] += 1
            return
        looks = self._models.get(model)
        if looks is None:
            looks = self._models[model] = ModelVectors(embedding.dimension, self._make_index)
        elif looks.rows.dimension != embedding.dimension:
            self.skipped["mismatch"] += 1
            return
        passage.rows[model] = looks.replace(passage.rows.get(model, ()), vectors, passage.number)

    def _evict(self) -> None:
        since, most = self.since, self._settings.max_vectors
        vectors = self.vectors
        while self._ends:
            end, number = self._ends[0]
            passage = self._numbered[number]
            if passage.end > end:  # it went on
                heapq.heapreplace(self._ends, (passage.end, number))
            elif since is not None and passage.end < since:
                vectors -= self._forget(passage, "age")
            elif vectors > most or len(self._passages) > most:
                vectors -= self._forget(passage, "capacity")
            else:
                break

    def _forget(self, passage: Passage, reason: str) -> int:
        """Forgets the passage at the top of the heap; returns how many vectors it had."""
        heapq.heappop(self._ends)
        self.evicted[reason] += 1
        self._assign(passage, None)
        del self._passages[passage.tracklet], self._numbered[passage.number]
        for model, rows in passage.rows.items():
            looks = self._models[model]
            looks.free(rows)
            if not len(looks):
                looks.index.close()
                del self._models[model]
        return sum(map(len, passage.rows.values()))
