"""How many cameras this machine carries at which rate, measured with the site's own cameras and models."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.models import Models
from inference.threads import available_cores
from streams.analysis import CameraAnalysis
from streams.media import Media
from streams.probe import CameraReport
from throughline.settings import Site
from throughline.telemetry.metrics import Metrics
from throughline.times import MICROSECONDS
from throughline.types import ClockSource, Frame, Image

__all__ = ["CameraCost", "Capacity", "Proposal", "measure_capacity"]

_USABLE: Final = 0.8
"""Of what was measured: the rest is for Kafka, the matcher and the unforeseen."""
_CROPS_A_SECOND: Final = 5.0
"""Pictures of single vehicles that a camera with traffic has embedded."""
_CROPS_MEASURED: Final = 8
_AT_ONCE: Final = 4
_LOWER_RATES: Final = (10.0, 5.0, 2.0)


@dataclass(frozen=True, slots=True)
class CameraCost:
    """What one camera asks for.

    Attributes:
        source_fps: Pictures a second that it sends, all of which are decoded.
        fps: Pictures a second that are to be analysed.
        decoding: CPU seconds for one picture.
    """

    source_fps: float
    fps: float
    decoding: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """So many cameras, each analysed so often.

    Attributes:
        cameras: How many.
        fps: Analysed pictures a second of each.
    """

    cameras: int
    fps: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What this machine sustains.

    Attributes:
        cores: That this process may use.
        analysis: CPU seconds of one analysed picture: detector, tracker, tracklets.
        embedding: CPU seconds of one vehicle's picture, by all embedders.
        analysed_fps: Pictures a second that were analysed when as many as possible were, with nothing else to do; on a GPU,
            or on a machine that is busy with something else, less than the cores alone would let one expect.
        cameras: What each camera that answered asks for.
    """

    cores: int
    analysis: float
    embedding: float
    analysed_fps: float
    cameras: tuple[CameraCost, ...]

    @property
    def wanted_cores(self) -> float:
        """Cores that the cameras would take."""
        return sum(self._of(camera, camera.fps) for camera in self.cameras)

    @property
    def load(self) -> float:
        """Share of what there is that the cameras would take; above 1 they do not fit."""
        frames = sum(camera.fps for camera in self.cameras)
        return max(self.wanted_cores / (_USABLE * self.cores), frames / (_USABLE * self.analysed_fps))

    @property
    def fitting_rate(self) -> float:
        """Share of their rates at which the cameras would fit, 1 at most; 0 where decoding alone is too much."""
        if self.load <= 1:
            return 1.0
        decoding = sum(self._of(camera, 0.0) for camera in self.cameras)
        by_cores = (_USABLE * self.cores - decoding) / (self.wanted_cores - decoding)
        by_frames = _USABLE * self.analysed_fps / sum(camera.fps for camera in self.cameras)
        return max(0.0, min(by_cores, by_frames, 1.0))

    def proposals(self) -> tuple[Proposal, ...]:
        """How many cameras like these would fit, at their rate and at lower ones."""
        most = max(camera.fps for camera in self.cameras)
        rates = dict.fromkeys((most, *(rate for rate in _LOWER_RATES if rate < most)))
        return tuple(Proposal(self._fitting(rate), rate) for rate in rates)

    def _fitting(self, fps: float) -> int:
        cores = float(np.mean([self._of(camera, min(fps, camera.source_fps)) for camera in self.cameras]))
        frames = float(np.mean([min(fps, camera.source_fps) for camera in self.cameras]))
        return math.floor(min(_USABLE * self.cores / cores, _USABLE * self.analysed_fps / frames) + 1e-9)

    def _of(self, camera: CameraCost, fps: float) -> float:
        embedding = _CROPS_A_SECOND * self.embedding if fps else 0.0
        return camera.decoding * camera.source_fps + self.analysis * fps + embedding


async def measure_capacity(site: Site, models: Models, reports: Sequence[CameraReport], seconds: float = 2.0) -> Capacity | None:
    """Analyses the cameras' last pictures over and over for ``seconds``, several at once; None where nothing was analysed.

    The detector runs on all workers, as it does live; the event loop tracks and describes beside them. Pictures stand still,
    so vehicles are embedded but once: embedding is measured by itself.
    """
    seen = [report for report in reports if report.image is not None]
    if not seen:
        return None
    metrics = Metrics()
    shown = [seen[k % len(seen)] for k in range(max(len(seen), _AT_ONCE))]
    media = Media(1, metrics)
    analyses = [_Analysing(CameraAnalysis(site, site.camera(one.camera), models, metrics, media), one) for one in shown]
    await asyncio.gather(*(one.run(0.0) for one in analyses))  # the first pictures also prepare what later ones reuse
    before, began, cpu = sum(one.analysed for one in analyses), time.monotonic(), time.process_time()
    await asyncio.gather(*(one.run(seconds) for one in analyses))
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    analysed = sum(one.analysed for one in analyses) - before
    if not analysed:
        return None
    costs = tuple(
        CameraCost(report.fps, min(site.camera(report.camera).fps, report.fps or np.inf), report.decoding) for report in seen
    )
    embedding = await _embedding(models, analyses[0].image)
    return Capacity(available_cores(), cpu / analysed, embedding, analysed / wall, costs)


class _Analysing:
    """A camera that shows one picture for ever."""

    def __init__(self, analysis: CameraAnalysis, report: CameraReport) -> None:
        assert report.image is not None  # noqa: S101 - only such are measured
        self.image: Image = report.image
        self._analysis = analysis
        self._camera = report.camera
        self._number = 0

    @property
    def analysed(self) -> int:
        return self._analysis.analysed

    async def run(self, seconds: float) -> None:
        """Analyses for so long, one picture at least."""
        end = time.monotonic() + seconds
        while True:
            captured = self._number * MICROSECONDS // 10
            await self._analysis.analyse(Frame(self._camera, self._number, captured, ClockSource.FILE, 0.0, self.image))
            self._number += 1
            if time.monotonic() >= end:
                return


async def _embedding(models: Models, image: Image) -> float:
    crops = [np.ascontiguousarray(image[:128, :128])] * _CROPS_MEASURED
    total = 0.0
    for embedder, _ in models.embedders:
        await embedder.embed(crops[:1])
        cpu = time.process_time()
        await embedder.embed(crops)
        total += (time.process_time() - cpu) / len(crops)
    return total
