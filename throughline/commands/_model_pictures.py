"""Pictures from files through a model, for commands that score models."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from throughline.commands._exit import BAD_INPUT, FAILED, CommandError
from throughline.types import ClockSource, Detections, FloatArray, Frame, Image

if TYPE_CHECKING:
    from inference.batcher import Batcher
    from inference.detector import Detector
    from inference.embedder import Embedder

__all__ = ["detect_all", "embed_all", "inference_workers", "read_picture"]

_AT_ONCE = 64
_SIDE_BY_SIDE = 4

Part = TypeVar("Part")
Result = TypeVar("Result")


def read_picture(path: Path) -> Image:
    """The picture in a file, (height, width, 3) uint8, BGR.

    Raises:
        CommandError: it cannot be read.
    """
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise CommandError(f"{path}: cannot be read as a picture", BAD_INPUT)
    return np.asarray(image, np.uint8)


@contextmanager
def inference_workers(threads: int) -> Iterator[Batcher]:
    """Where models run: as many threads, 0: one for each core, at most four. What models refuse is bad input."""
    from inference.batcher import InferenceWorkers
    from inference.errors import InferenceError, ModelError
    from throughline.telemetry.metrics import Metrics

    workers = InferenceWorkers(threads, Metrics())
    try:
        yield workers
    except ModelError as error:
        raise CommandError(str(error), BAD_INPUT) from error
    except InferenceError as error:
        raise CommandError(str(error), FAILED) from error
    finally:
        workers.close()


def embed_all(embedder: Embedder, files: Sequence[Path]) -> FloatArray:
    """(N, D) float32, unit vectors of the pictures in these files."""

    async def embed(part: Sequence[Path]) -> FloatArray:
        return await embedder.embed([read_picture(path) for path in part])

    parts = [files[start : start + _AT_ONCE] for start in range(0, len(files), _AT_ONCE)]
    vectors = _each(embed, parts, f"{embedder.name}: pictures", [len(part) for part in parts])
    return np.concatenate(vectors) if vectors else np.zeros((0, embedder.dimension), np.float32)


def detect_all(detector: Detector, files: Sequence[Path]) -> list[tuple[Detections, tuple[int, int]]]:
    """What is found in the pictures in these files, and the width and height of each."""

    async def detect(file: Path) -> tuple[Detections, tuple[int, int]]:
        image = read_picture(file)
        frame = Frame("", 0, 0, ClockSource.FILE, 0.0, image)
        return await detector.detect(frame), (image.shape[1], image.shape[0])

    return _each(detect, files, f"{detector.name}: pictures", [1] * len(files))


def _each(work: Callable[[Part], Awaitable[Result]], parts: Sequence[Part], what: str, sizes: Sequence[int]) -> list[Result]:
    """Some parts side by side, to keep all workers busy; results in the order of the parts."""
    total, done = sum(sizes), 0

    async def run() -> list[Result]:
        gate = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(part: Part, size: int) -> Result:
            nonlocal done
            async with gate:
                result = await work(part)
            done += size
            if sys.stderr.isatty():
                print(f"\r{what} {done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)
            return result

        return list(await asyncio.gather(*(one(part, size) for part, size in zip(parts, sizes, strict=True))))

    return asyncio.run(run())
