"""Detections of recorded footage by a real detector, computed once and kept in the user's cache."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import av
import numpy as np

from inference.batcher import InferenceWorkers
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import weights_hash
from inference.yolox import YoloxDetector
from throughline.cache import cache_folder
from throughline.telemetry.metrics import Metrics
from throughline.types import ClockSource, Detections, Frame

__all__ = ["footage_detections"]


def footage_detections(video: Path, model: Path) -> list[Detections]:
    """What a YOLOX-type detector, with its defaults, sees in each frame of ``video``.

    Kept by the contents of both files, so a change in how outputs are decoded needs the kept file deleted.

    Args:
        video: Footage in any form that FFmpeg reads.
        model: ONNX file.
    """
    kept = cache_folder("benchmarks") / f"detections-{weights_hash(video)}-{weights_hash(model)}.npz"
    if not kept.is_file():
        found = asyncio.run(_detect(video, model))
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            np.savez(
                file,
                counts=np.array([len(frame) for frame in found]),
                boxes=np.concatenate([frame.boxes for frame in found]),
                scores=np.concatenate([frame.scores for frame in found]),
                classes=np.concatenate([frame.classes for frame in found]),
            )
        part.replace(kept)
    with np.load(kept) as arrays:
        edges = np.cumsum(arrays["counts"])[:-1]
        columns = [np.split(arrays[name], edges) for name in ("boxes", "scores", "classes")]
    return [Detections(*frame) for frame in zip(*columns, strict=True)]


async def _detect(video: Path, model: Path) -> list[Detections]:
    workers = InferenceWorkers(0, Metrics())
    detector = YoloxDetector(OnnxRuntimeEngine(model), workers)
    try:
        with av.open(str(video)) as container:
            found = []
            for number, picture in enumerate(container.decode(video=0)):
                image = picture.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
                found.append(await detector.detect(Frame("footage", number, 0, ClockSource.FILE, 0.0, image)))
            return found
    finally:
        detector.close()
        workers.close()
