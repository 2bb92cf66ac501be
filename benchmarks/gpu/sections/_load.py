"""So many streams through detector and embedder, and whether that is sustained; and how many are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.gpu.sections._streams import Stream
from inference.detector import Detector
from inference.embedder import Embedder
from inference.errors import InferenceError
from streams.mailbox import Mailbox
from throughline.times import seconds_between, to_instant
from throughline.types import Detections, Frame, Pixels

__all__ = ["MOST_SECONDS", "Trial", "crops_of", "next_count", "try_streams"]

MOST_SECONDS: Final = 0.5
"""Longest p99 from the capture of a frame to its vehicles and vectors in memory that counts as sustained."""
_ANALYSED: Final = 0.98
_MOST_STREAMS: Final = 1024
_WARM_UP: Final = 1.0
"""Seconds in which engines make graphs, and streams open their files."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a number of streams.

    Attributes:
        streams: How many.
        wanted: Frames that they should have given.
        analysed: Frames whose vehicles and vectors came.
        p50: Seconds from capture to result, median.
        p99: The same of all but a hundredth.
        crops: Vehicles that were embedded.
        trouble: What went wrong; empty: nothing.
    """

    streams: int
    wanted: float
    analysed: int
    p50: float
    p99: float
    crops: int
    trouble: str = ""

    @property
    def sustained(self) -> bool:
        """Whether (nearly) every frame was analysed in time; one may lie on the edge of what was measured."""
        return not self.trouble and self.analysed + 1 >= _ANALYSED * self.wanted and self.p99 <= MOST_SECONDS


def next_count(results: Mapping[int, bool], first: int) -> int | None:
    """Number of streams to try next: doubled until it is too many, then halved in between; None: near enough.

    Args:
        results: Whether each number that was tried is sustained.
        first: What to begin with.
    """
    good = max((count for count, sustained in results.items() if sustained), default=0)
    bad = min((count for count, sustained in results.items() if not sustained and count > good), default=None)
    if not results:
        return first
    if bad is None:
        return 2 * good if 2 * good <= _MOST_STREAMS else None
    if bad - good <= max(1, good // 8):
        return None
    return (good + bad) // 2


async def try_streams(
    streams: Sequence[Stream], detector: Detector, embedder: Embedder, rate: float, vehicles: int, seconds: float
) -> Trial:
    """Runs streams for a while.

    Args:
        streams: Not begun yet.
        detector: Looks at each frame.
        embedder: Looks at the best vehicles of each.
        rate: Frames a second that each stream should give.
        vehicles: Most vehicles of a frame that are embedded.
        seconds: How long is measured.
    """
    latencies: list[float] = []
    crops = 0
    troubles: list[str] = []
    measuring = False

    async def analyse(mailbox: Mailbox[Frame]) -> None:
        nonlocal crops
        while (frame := await mailbox.get()) is not None:
            try:
                found = await detector.detect(frame)
                cut = crops_of(frame, found, vehicles)
                await embedder.embed(cut, camera=frame.camera)
            except (InferenceError, ValueError) as error:
                troubles.append(str(error))
                return
            if measuring:
                latencies.append(seconds_between(frame.captured, to_instant(time.time())))
                crops += len(cut)

    mailboxes = [Mailbox[Frame]() for _ in streams]
    tasks = [asyncio.create_task(analyse(mailbox)) for mailbox in mailboxes]
    for stream, mailbox in zip(streams, mailboxes, strict=True):
        stream.start(mailbox)
    await asyncio.sleep(_WARM_UP)
    began, measuring = time.perf_counter(), True
    await asyncio.sleep(seconds)
    measuring, took = False, time.perf_counter() - began
    for stream in streams:
        stream.stop()
    for mailbox in mailboxes:
        mailbox.close()
    await asyncio.gather(*tasks)
    for stream in streams:
        await asyncio.to_thread(stream.join)
    troubles += [stream.trouble for stream in streams if stream.trouble]
    p50, p99 = np.quantile(latencies, [0.5, 0.99]).tolist() if latencies else (float("inf"), float("inf"))
    return Trial(len(streams), len(streams) * rate * took, len(latencies), p50, p99, crops, troubles[0] if troubles else "")


def crops_of(frame: Frame, found: Detections, most: int) -> list[Pixels]:
    """Pictures of the vehicles with the best scores, where they lie."""
    crops: list[Pixels] = []
    for left, top, right, bottom in found.boxes[:most].tolist():
        crop = frame.image[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
        if crop.size:
            crops.append(crop)
    return crops
