"""From a frame of one camera to the records about it: detect, track, describe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import structlog

from inference.ensemble_embedder import EnsembleEmbedder
from inference.models import Models
from streams.crop_budget import CropBudget
from streams.media import Media
from streams.pressure import Pressure
from streams.recording import CameraRecorder
from streams.tracker import TimeNotAdvancingError
from streams.tracklets import Crop, Effort, Observation, TrackletBuilder
from streams.tracklets.pictures import LEAST_WIDTH, cut
from streams.view import CameraView
from throughline.messages import Progress, Tracklet
from throughline.settings import CameraSettings, Site
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant
from throughline.types import Detections, Frame, Tracks

__all__ = ["CameraAnalysis"]


class CameraAnalysis:
    """The way of each frame of one camera: detector, regions, tracker, tracklets, embedders.

    A frame that cannot be analysed is counted and left out; the next one is tried as if it had been dropped. Tracker and
    tracklets begin anew after `close`, and whenever the size of the picture changes.
    """

    def __init__(
        self,
        site: Site,
        camera: CameraSettings,
        models: Models,
        metrics: Metrics,
        media: Media,
        recorder: CameraRecorder | None = None,
        pressure: Pressure | None = None,
        budget: CropBudget | None = None,
    ) -> None:
        self._site: Final = site
        self._camera: Final = camera
        self._models = models
        self._ensemble: Final = models.ensemble
        self._attribute_models: Final = self._ensemble.attribute_models
        self._metrics = metrics
        self._media = media
        self._recorder = recorder
        self._pressure = pressure
        self._budget = budget
        self._log = structlog.get_logger(__name__).bind(camera=camera.id)
        self._logged: set[tuple[str, type[Exception]]] = set()
        self._view: _View | None = None
        self._next_track = 1
        self.last: Instant | None = None
        """Capture time of the latest frame that was analysed."""
        self.analysed = 0
        """Frames analysed."""

    async def analyse(self, frame: Frame) -> list[Tracklet]:
        """The records that the frame gives rise to."""
        size = (frame.image.shape[1], frame.image.shape[0])
        records = self.close("stream_cut") if self._view is not None and self._view.size != size else []
        view = self._view = self._view or _View(self._site, self._camera, self._ensemble, size, self._next_track)
        try:
            tracks = await self._track(frame, view)
            observation = view.builder.observe(tracks, frame, self._effort(frame))
            self._spend(observation)
            self.last = frame.captured
            await self._describe(observation.crops, view)
            for shot in observation.best_shots:
                self._media.keep_shot(self._camera.id, shot.path, shot.image)
            self._media.show(frame, tracks, [view.builder.tracklet(track) for track in tracks.ids.tolist()])
        except TimeNotAdvancingError:
            self._metrics.frames_dropped.labels(self._camera.id, "clock").inc()
        except Exception as error:  # noqa: BLE001 - one frame, one network: nothing that may happen here ends a camera
            self._metrics.frames_dropped.labels(self._camera.id, "failed").inc()
            self._complain("frame not analysed", error)
        else:
            self.analysed += 1
            self._metrics.frames_analysed.labels(self._camera.id).inc()
        self._metrics.active_tracks.labels(self._camera.id).set(len(view.tracker))
        return records if self.last != frame.captured else records + view.builder.records(frame.captured)

    def progress(self) -> Progress | None:
        """How far the camera is complete; None before the first frame."""
        if self.last is None:
            return None
        if self._view is None:
            return Progress(self._site.site, self._camera.id, self.last)
        return self._view.builder.progress(self.last)

    def close(self, reason: str) -> list[Tracklet]:
        """Closes all tracklets: the footage is over, or cut."""
        view, self._view = self._view, None
        self._metrics.active_tracks.labels(self._camera.id).set(0)
        if view is None:
            return []
        view.tracker.finish()
        self._next_track = view.tracker.next_id
        if self._recorder is not None:
            self._recorder.cut()
        return view.builder.close(reason)

    async def _track(self, frame: Frame, view: _View) -> Tracks:
        detections = await self._models.detector.detect(frame)
        inside, outside = view.inside(detections)
        if self._site.tracking.appearance.enabled:
            inside = await self._look(inside, frame)
        tracks = view.tracker.update(inside, frame.captured)
        if self._recorder is not None:
            self._recorder.record(frame, detections, tracks)
        self._metrics.detections.labels(self._camera.id).inc(len(detections) - sum(outside.values()))
        for counts in (outside, tracks.dropped):
            for reason, count in counts.items():
                self._metrics.detections_dropped.labels(self._camera.id, reason).inc(count)
        for event in ("started", "confirmed", "lost", "found", "ended"):
            if ids := getattr(tracks, event):
                self._metrics.track_events.labels(self._camera.id, event).inc(len(ids))
        return tracks

    async def _look(self, detections: Detections, frame: Frame) -> Detections:
        """The detections, with how each one that is sure and large enough looks to the first embedder.

        Those that are not have NaN in place of a look; so have all when the embedder fails.
        """
        if not self._models.embedders:
            return detections
        embedder = self._models.embedders[0][0]
        tracking = self._site.tracking
        sure = np.flatnonzero((detections.scores >= tracking.high_confidence) & np.isfinite(detections.boxes).all(axis=1))
        width, height = (detections.boxes[sure, 2:] - detections.boxes[sure, :2]).T
        large = sure[(height >= tracking.min_box) & (width >= LEAST_WIDTH)]
        crops = {index: crop for index in large.tolist() if (crop := cut(frame.image, detections.boxes[index])).size}
        looks = np.full((len(detections), embedder.dimension), np.nan, np.float32)
        if crops:
            try:
                looks[list(crops)] = await embedder.embed(list(crops.values()), camera=frame.camera)
            except Exception as error:  # noqa: BLE001 - places alone still hold tracks together
                self._complain(f"{embedder.name} failed", error)
        return replace(detections, embeddings=looks)

    def _effort(self, frame: Frame) -> Effort:
        return Effort(
            None if self._budget is None else self._budget.affordable(self._camera.id, frame.captured),
            1.0 if self._pressure is None else self._pressure.embed_interval,
        )

    def _spend(self, observation: Observation) -> None:
        if self._budget is not None:
            self._budget.spend(self._camera.id, len(observation.crops))
            self._metrics.crops_put_off.labels(self._camera.id).inc(observation.put_off)
        self._metrics.crops_described.labels(self._camera.id).inc(len(observation.crops))

    async def _describe(self, crops: Sequence[Crop], view: _View) -> None:
        """Describes ``crops`` by every network; one that fails is left out, since the others still tell something."""
        if not crops:
            return
        told = await self._ensemble.describe([crop.image for crop in crops], camera=self._camera.id)
        for name, error in told.failures.items():
            self._complain(f"{name} failed", error)
        for name, vectors in told.vectors.items():
            if unusable := view.builder.embedded(crops, {name: vectors}):
                self._metrics.inference_failures.labels(name).inc(unusable)
        for attribute, rows in told.attributes.items():
            if unusable := view.builder.told(crops, {attribute: rows}):
                self._metrics.inference_failures.labels(self._attribute_models[attribute][0]).inc(unusable)

    def _complain(self, what: str, error: Exception) -> None:
        """Logs each kind of error once; how often it happens is counted."""
        if (what, type(error)) not in self._logged:
            self._logged.add((what, type(error)))
            self._log.error(what, exc_info=error)


class _View(CameraView):
    """What is known about the vehicles in sight, for as long as the picture is the same."""

    def __init__(
        self, site: Site, camera: CameraSettings, ensemble: EnsembleEmbedder, size: tuple[int, int], first_id: int
    ) -> None:
        super().__init__(site.tracking, camera, size, first_id=first_id)
        self.builder = TrackletBuilder(site.site, camera, site.tracking, ensemble.models, ensemble.attribute_models)
