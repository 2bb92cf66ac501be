"""Pictures of traffic in 1080p: of a clip, or of a street of the rendered city."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.gpu.job import Job
from throughline.types import Image

__all__ = ["HEIGHT", "WIDTH", "clip_scenes", "drawn_scenes", "scenes"]

WIDTH, HEIGHT = 1920, 1080
_DRAWN = Path(__file__).resolve().parents[3] / "docs" / "pictures" / "city-c02.jpg"
_SHARE = 0.9
"""Of the street's width and height that are seen at a time."""


def scenes(job: Job, count: int) -> list[Image]:
    """So many different pictures: of the clip, if there is one that can be read, else drawn."""
    if job.clip is not None:
        every = list(clip_scenes(Path(job.clip), 8 * count))
        if every:
            return [every[number * len(every) // count] for number in range(count)]
    return list(drawn_scenes(count))


def clip_scenes(clip: Path, count: int) -> Iterator[Image]:
    """The first pictures of a clip, scaled to 1080p.

    Raises:
        ValueError: OpenCV cannot read it.
    """
    reader = cv2.VideoCapture(str(clip))
    try:
        if not reader.isOpened():
            raise ValueError(f"{clip} is not video that OpenCV can read")
        for _ in range(count):
            there, picture = reader.read()
            if not there:
                return
            yield _scaled(np.asarray(picture, np.uint8))
    finally:
        reader.release()


def drawn_scenes(count: int) -> Iterator[Image]:
    """A rendered street, seen by a camera that goes round once.

    Raises:
        ValueError: the picture is not where it should be.
    """
    road = cv2.imread(str(_DRAWN), cv2.IMREAD_COLOR)
    if road is None:
        raise ValueError(f"{_DRAWN} cannot be read")
    height, width = (int(size * _SHARE) for size in road.shape[:2])
    for number in range(count):
        angle = 2 * math.pi * number / count
        top, left = (
            round((whole - part) * (1 + turn(angle)) / 2)
            for whole, part, turn in ((road.shape[0], height, math.cos), (road.shape[1], width, math.sin))
        )
        yield _scaled(np.asarray(road[top : top + height, left : left + width], np.uint8))


def _scaled(picture: Image) -> Image:
    return np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
