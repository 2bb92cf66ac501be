"""Footage for later sections: 1080p H.264 of real traffic, if there is a clip, and of a drawn road in any case."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections._scenes import clip_scenes, drawn_scenes
from throughline.types import Image

__all__ = ["DRAWN", "FPS", "REAL", "TABLE", "run"]

TABLE = "machine"
FPS = 25
DRAWN, REAL = "drawn.mp4", "real.mp4"
_BITRATE = 4_000_000
_DRAWN_SECONDS, _REAL_SECONDS = 4, 8
_NEEDED = 2.0
"""Seconds of footage with which later sections can do something."""


def run(job: Job) -> Iterator[Line]:
    """Encodes both; what time does not allow is left out at the end."""
    from simulation._writer import H264Writer  # needs PyAV

    def write(what: str, file: str, scenes: Iterator[Image], note: str, until: float) -> Line:
        count = 0
        with H264Writer(job.work / file, 1920, 1080, Fraction(FPS), _BITRATE) as writer:
            for scene in scenes:
                writer.write(scene)
                count += 1
                if count >= _NEEDED * FPS and job.left() < until:
                    break
        return Line(TABLE, {"what": what}, note=f"{note}; {count / FPS:.1f} s at {FPS} frames a second, 4 Mbit/s")

    half = job.left() / 2 if job.clip else 1.0
    drawn = drawn_scenes(_DRAWN_SECONDS * FPS)
    yield write("synthetic footage", DRAWN, drawn, "a drawn road, seen by a camera that moves", half)
    if job.clip is None:
        yield Line(TABLE, {"what": "real footage"}, "missing", note="no --clip")
        return
    real = clip_scenes(Path(job.clip), _REAL_SECONDS * FPS)
    yield write("real footage", REAL, real, f"{Path(job.clip).name}, scaled to 1080p", 1.0)
