"""Which vehicle is where in an uncut clip: the truth that virtual cameras cut from it are judged by.

The clip is analysed at its full rate, in the neighbourhood of the cameras and at a multiple of the resolution they see it at;
one track runs through all of them, so a vehicle's identity does not have to be guessed from its looks.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from evaluation.labelling import CameraTruth
from inference.batcher import InferenceWorkers
from inference.catalogue import find, shipped_file
from inference.detector import Detector
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.nms import suppress
from inference.threads import available_cores
from inference.yolox import YoloxDetector
from simulation.virtual_cameras import VirtualCamera
from streams.tracker import Tracker
from throughline.settings import TrackingSettings
from throughline.telemetry.metrics import Metrics
from throughline.times import MICROSECONDS, Instant, to_instant
from throughline.types import ClockSource, Detections, FloatArray, Frame, Image

__all__ = ["Tile", "camera_truth", "track_clip"]

Tile = tuple[int, int, int, int]
"""Left, top, width and height in the clip, pixels."""

_DETECTOR = "vehicle-detector"
_VERSION = 2
_LEAST_SECONDS = 0.3
_LEAST_COUNTED = 0.5
"""Visible share of a vehicle that the camera is asked to follow."""
_LEAST_VISIBLE = 0.1
"""Visible share of a vehicle that a tracklet may still show."""
_COLUMNS = 6


def track_clip(clip: Path, tiles: Sequence[Tile], cache: Path) -> npt.NDArray[np.float64]:
    """Tracks every vehicle of a clip through overlapping tiles, with the detector that comes with the product.

    Args:
        clip: Footage.
        tiles: Parts of the picture to look at, each through the detector on its own.
        cache: Folder that keeps the result.

    Returns:
        (N, 6): frame number, identity, x1, y1, x2, y2 in pixels of the clip; ordered by frame, gaps filled in.
    """
    shipped = shipped_file(find(_DETECTOR))
    key = hashlib.sha256(clip.read_bytes() + shipped.read_bytes() + f"{_VERSION} {tiles}".encode()).hexdigest()[:16]
    kept = cache / f"truth-{key}.npy"
    if kept.is_file():
        stored: npt.NDArray[np.float64] = np.load(kept)
        return stored
    workers = InferenceWorkers(available_cores(), Metrics())
    try:
        rows = asyncio.run(_track(clip, tiles, YoloxDetector(OnnxRuntimeEngine(shipped), workers)))
    finally:
        workers.close()
    cache.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".part.npy")
    np.save(partial, rows)
    partial.replace(kept)
    return rows


async def _track(clip: Path, tiles: Sequence[Tile], detector: Detector) -> npt.NDArray[np.float64]:
    tracker: Tracker | None = None
    sightings: dict[int, list[tuple[float, ...]]] = {}
    rate = 1.0
    with av.open(clip) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 1)
        for number, picture in enumerate(container.decode(stream)):
            image = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
            if tracker is None:
                tracker = Tracker(TrackingSettings(), (image.shape[1], image.shape[0]))
            captured = to_instant(number / rate)
            tracks = tracker.update(await _detect(image, tiles, detector, captured), captured)
            for early in tracks.earlier:
                sightings[early.id] = [
                    (round(time / MICROSECONDS * rate), early.id, *box)
                    for time, box in zip(early.times, early.boxes, strict=True)
                ]
            for identity, box in zip(tracks.ids, tracks.boxes, strict=True):
                sightings.setdefault(int(identity), []).append((number, int(identity), *box))
    filled = [
        _filled(np.array(rows, np.float64)) for rows in sightings.values() if rows[-1][0] - rows[0][0] >= _LEAST_SECONDS * rate
    ]
    table = np.concatenate(filled) if filled else np.zeros((0, _COLUMNS))
    return table[np.lexsort((table[:, 1], table[:, 0]))]


async def _detect(image: Image, tiles: Sequence[Tile], detector: Detector, captured: Instant) -> Detections:
    found = []
    height, width = image.shape[:2]
    for left, top, across, down in tiles:
        crop = np.ascontiguousarray(image[top : top + down, left : left + across])
        seen = await detector.detect(Frame("clip", 0, captured, ClockSource.FILE, 0.0, crop))
        boxes = seen.boxes + np.array((left, top, left, top), np.float32)
        inner = np.array((left or -9, top or -9, _edge(left + across, width), _edge(top + down, height)))
        whole = (np.abs(boxes - inner) > 2).all(1)  # what an inner border cuts stands whole in the next tile
        found.append(Detections(boxes, seen.scores, seen.classes).select(whole))
    merged = Detections(
        np.concatenate([part.boxes for part in found]),
        np.concatenate([part.scores for part in found]),
        np.concatenate([part.classes for part in found]),
    )
    return merged.select(suppress(merged.boxes, merged.scores, merged.classes, 0.5, iou_across_classes=0.6))


def _edge(edge: int, whole: int) -> int:
    return whole + 9 if edge >= whole else edge


def _filled(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    frames = np.arange(rows[0, 0], rows[-1, 0] + 1)
    boxes = [np.interp(frames, rows[:, 0], rows[:, column]) for column in range(2, _COLUMNS)]
    return np.column_stack([frames, np.full(len(frames), rows[0, 1]), *boxes])


def camera_truth(tracks: npt.NDArray[np.float64], camera: VirtualCamera, epoch: Instant) -> CameraTruth:
    """What of ``tracks`` a virtual camera shows: boxes cut at its border; those count of which half lies in its picture."""
    times: list[int] = []
    vehicles: list[int] = []
    boxes: list[FloatArray] = []
    counted: list[bool] = []
    size = np.array(camera.view.size * 2, np.float32)
    for frame, (_, source, _) in enumerate(camera.sources):
        low, high = np.searchsorted(tracks[:, 0], [source, source + 1])
        mapped = camera.from_clip(tracks[low:high, 2:].astype(np.float32))
        inside = np.clip(mapped, 0, size)
        share = _areas(inside) / np.maximum(_areas(mapped), 1e-6)
        for row in np.flatnonzero(share >= _LEAST_VISIBLE):
            times.append(round(frame / camera.view.fps * MICROSECONDS))
            vehicles.append(int(tracks[low + row, 1]))
            boxes.append(inside[row])
            counted.append(bool(share[row] >= _LEAST_COUNTED))
    return CameraTruth(
        camera.view.id,
        epoch,
        round(camera.seconds * MICROSECONDS),
        np.array(times, np.int64),
        np.array(vehicles, np.int64),
        np.array(boxes, np.float32).reshape(-1, 4),
        tolerance=round(0.5 / camera.view.fps * MICROSECONDS),
        counted=np.array(counted, np.bool_),
    )


def _areas(boxes: FloatArray) -> FloatArray:
    areas: FloatArray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
