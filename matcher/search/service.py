"""The history of one site, fed from Kafka, asked from the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog

from matcher.search.answers import Answer, Kept, VehicleAnswer, answer, kept, vehicle_answer
from matcher.search.exact import ExactIndex
from matcher.search.history import History
from matcher.search.index import VectorIndex
from matcher.search.ivf import IvfIndex, faiss_is_installed
from matcher.search.pictures import Box, Eyes, best_vehicle, cut, decode
from matcher.search.questions import Likeness, Options, QuestionError, UnknownError
from matcher.search.rows import VectorRows
from matcher.sightings import ModelKey
from throughline.bus.protocol import Bus, Consumer, Place, Record
from throughline.bus.topics import CAMERAS, MATCHES, TRACKLETS
from throughline.messages import (
    Progress,
    Tracklet,
    UnreadableMessageError,
    decode_camera_status,
    decode_match_event,
    decode_record,
)
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, after, to_instant
from throughline.types import FloatArray, Image

__all__ = ["SearchService"]

_AHEAD = 3600.0
"""Seconds by which what a record tells may lie ahead of its publication; a clock that is further off would age all others."""

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class SearchService:
    """Keeps the history of a site up to date and answers questions about it.

    It reads the topics of tracklets and matches from `SearchSettings.keep` ago, as far as Kafka can tell where that is, and so
    has after a restart what it had before. All work on the history is done in one thread of its own.

    Args:
        bus: A started bus.
        site: The site.
        metrics: Of this process.
        eyes: Gives what looks at pictures; asked once a picture comes.
        now: The wall clock: how far back to read at the start.
    """

    def __init__(
        self,
        bus: Bus,
        site: Site,
        metrics: Metrics,
        eyes: Callable[[], Awaitable[Eyes]],
        now: Callable[[], Instant] = lambda: to_instant(time.time()),
    ) -> None:
        self._bus, self._site, self._metrics, self._eyes, self._now = bus, site, metrics, eyes, now
        self._cameras = frozenset(camera.id for camera in site.cameras)
        self._history = History(site.search, self._make_index)
        self._media: dict[str, str] = {}
        self._thread = ThreadPoolExecutor(1, f"search {site.site}")
        self._complete = False

    @property
    def site(self) -> str:
        """Site id."""
        return self._site.site

    @property
    def cameras(self) -> frozenset[str]:
        """The site's cameras."""
        return self._cameras

    @property
    def ready(self) -> bool:
        """Whether all that stood on Kafka at the start has been read."""
        return self._complete

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until ``stop`` is set; when called again, it reads the time that is kept once more.

        Raises:
            BusError: Kafka cannot be reached at the start.
        """
        topics = [self._site.kafka.topic(name) for name in (TRACKLETS, MATCHES, CAMERAS)]
        consumer = await self._bus.consumer(topics, None)
        try:
            ahead = await self._go_back(consumer)
            async for batch in consumer.records():
                await self._in_thread(partial(self._take, batch))
                for record in batch:
                    if record.offset + 1 >= ahead.get((record.topic, record.partition), 0):
                        ahead.pop((record.topic, record.partition), None)
                # Where nothing new comes a transaction's end may stand behind the last record, which the lag knows.
                if not self._complete and (not ahead or await consumer.lag() == 0):
                    self._complete = True
                    log.info("searches know the past", site=self.site, tracklets=len(self._history))
                if stop.is_set():
                    return
        finally:
            self._complete = False
            await consumer.stop()

    async def close(self) -> None:
        """Ends its thread; safe to call twice."""
        await asyncio.to_thread(self._thread.shutdown)
        self._history.close()

    async def find_picture(self, data: bytes, options: Options) -> Answer:
        """Vehicles like the one in a picture.

        Args:
            data: A JPEG or PNG file.
            options: How to look.

        Raises:
            PictureError: the picture cannot be used.
            QuestionError: the options do not fit.
        """
        eyes = await self._eyes()
        if options.model not in (None, eyes.model[0]):
            raise QuestionError(f"model: pictures are described by {eyes.model[0]} here, not by {options.model}")
        picture = await asyncio.to_thread(decode, data)
        box = options.box
        if options.detect:
            box = await _detected(picture, eyes)
        vectors = await eyes.embed([picture if box is None else cut(picture, box)])
        return await self._in_thread(lambda: self._answer(self._comparable(eyes.model), vectors[0], box, options))

    async def find_alike(self, likeness: Likeness, options: Options) -> Answer:
        """Vehicles like a known one, or like a vector.

        Raises:
            QuestionError: the options do not fit.
            UnknownError: the tracklet is not known.
        """
        if options.box is not None or options.detect:
            raise QuestionError("box and detect are for pictures")
        return await self._in_thread(lambda: self._answer_alike(likeness, options))

    async def vehicle(self, vehicle: str) -> VehicleAnswer:
        """Where and when a vehicle was seen.

        Raises:
            UnknownError: it is not known, or not any more.
        """

        def look() -> VehicleAnswer:
            passages = self._history.passages(vehicle)
            if not passages:
                raise UnknownError(f"no vehicle {vehicle} is kept: it was never decided on, revised away, or is too long ago")
            return vehicle_answer(self.site, vehicle, passages, self._kept(), self._media)

        return await self._in_thread(look)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _go_back(self, consumer: Consumer) -> dict[Place, int]:
        """To where the records of the time that is kept begin; statuses of cameras are read from their beginning.

        Returns:
            Where the past ends, for each place that has one.
        """
        starts = await self._bus.first_offsets(consumer.assignment)
        if self._bus.capabilities.offsets_by_time:
            statuses = self._site.kafka.topic(CAMERAS)
            places = [place for place in consumer.assignment if place[0] != statuses]
            since = after(self._now(), -self._site.search.keep)
            for place, offset in (await self._bus.offsets_for_time(places, since)).items():
                await consumer.seek(place, offset)
                starts[place] = offset
        ends = await self._bus.end_offsets(consumer.assignment)
        return {place: end for place, end in ends.items() if starts[place] < end}

    def _take(self, batch: Sequence[Record]) -> None:
        key = self.site.encode()
        for record in batch:
            if record.value is None or record.key is None:
                continue
            try:
                if record.topic == self._site.kafka.topic(CAMERAS):
                    self._note_media(record.value)
                elif record.key == key and record.topic == self._site.kafka.topic(MATCHES):
                    self._note_decision(record.value, after(record.time, _AHEAD))
                elif record.key == key:
                    self._note(record.value, after(record.time, _AHEAD))
            except UnreadableMessageError:
                self._history.skipped["unreadable"] += 1  # the matcher has put it to the dead letters
        self._history.maintain()
        self._export()

    def _note_decision(self, value: bytes, latest: Instant) -> None:
        event = decode_match_event(value)
        if event.tracklet.end > latest:
            self._history.skipped["future"] += 1
        else:
            self._history.decide(event)

    def _note(self, value: bytes, latest: Instant) -> None:
        message = decode_record(value)
        if isinstance(message, Progress):
            if message.camera in self._cameras and not message.end_of_stream and message.complete_to <= latest:
                self._history.advance(message.complete_to)
        elif isinstance(message, Tracklet):
            if message.camera not in self._cameras:
                self._history.skipped["unknown_camera"] += 1
            elif message.end > latest:
                self._history.skipped["future"] += 1
            else:
                self._history.record(message)

    def _note_media(self, value: bytes) -> None:
        status = decode_camera_status(value)
        if status.site == self.site and status.media_url is not None:
            self._media[status.camera] = status.media_url

    def _answer_alike(self, likeness: Likeness, options: Options) -> Answer:
        if likeness.tracklet is not None:
            looks = self._history.looks_of(likeness.tracklet)
            if not looks:
                raise UnknownError(f"no tracklet {likeness.tracklet} with a vector is kept: it is unknown, or too long ago")
            model = self._chosen(tuple(looks), options.model)
            return self._answer(model, looks[model], None, options)
        model = self._chosen(self._history.models, options.model)
        vector = likeness.vector()
        if len(vector) != self._history.dimension(model):
            raise QuestionError(
                f"embedding: {len(vector)} numbers, but vectors of {model[0]} have {self._history.dimension(model)}"
            )
        return self._answer(model, vector, None, options)

    def _chosen(self, models: Sequence[ModelKey], name: str | None) -> ModelKey:
        """The model called ``name``, as it was last seen; else the first of the site's ensemble."""
        named = [model for model in models if name is None or model[0] == name]
        if not named:
            there = ", ".join(sorted({model[0] for model in models})) or "none yet"
            raise QuestionError(f"model: nothing is known by {name or 'any model'}; there is {there}")
        return named[-1] if name is not None else named[0]

    def _comparable(self, model: ModelKey) -> ModelKey:
        """``model``, unless others have described everything that is kept."""
        known = self._history.models
        if known and model not in known:
            there = ", ".join(" ".join(other) for other in known)
            raise QuestionError(f"pictures are described by {' '.join(model)} here, but what is kept was described by {there}")
        return model

    def _answer(self, model: ModelKey, vector: FloatArray, box: Box | None, options: Options) -> Answer:
        found = self._history.search(model, vector, options.limit, options.selection)
        return answer(self.site, model, box, found, self._kept(), self._media)

    def _kept(self) -> Kept:
        return kept(self._history, complete=self._complete)

    def _make_index(self, rows: VectorRows) -> VectorIndex:
        if not faiss_is_installed():
            return ExactIndex(rows)
        builds = self._metrics.search_index_builds
        return IvfIndex(rows, self._site.search.approximate_above, lambda outcome: builds.labels(self.site, outcome).inc())

    def _export(self) -> None:
        history, site = self._history, self.site
        self._metrics.search_tracklets.labels(site).set(len(history))
        self._metrics.search_vectors.labels(site).set(history.vectors)
        for counter, counts in (
            (self._metrics.search_evictions, history.evicted),
            (self._metrics.search_records_skipped, history.skipped),
        ):
            for reason, count in counts.items():
                counter.labels(site, reason).inc(count)
            counts.clear()


async def _detected(picture: Image, eyes: Eyes) -> Box:
    if eyes.detect is None:
        raise QuestionError("detect: this site's detector needs moving pictures; say where the vehicle is with box")
    return best_vehicle(await eyes.detect(picture))
