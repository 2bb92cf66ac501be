"""Which sections there are, in which order, and how the time is shared among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["SECTIONS", "Section", "allotment"]


@dataclass(frozen=True, slots=True)
class Section:
    """One process.

    Attributes:
        name: What it is called; on the command line, too.
        function: ``module:function`` below `benchmarks.gpu.sections`, which takes a job and yields lines.
        table: Where it is told that it crashed or was cut short.
        weight: Its share of the time.
        least: Seconds below which it is not begun.
    """

    name: str
    function: str
    table: str
    weight: float
    least: float = 3.0


SECTIONS = (
    Section("driver", "driver:run", "machine", 5),
    Section("torch", "libraries:torch_works", "machine", 20),
    Section("pycuda", "libraries:pycuda_works", "machine", 15),
    Section("nvdec", "libraries:nvdec_works", "machine", 10),
    Section("footage", "footage:run", "machine", 25),
    Section("reference", "reference:run", "engines", 30),
    Section("torch engines", "engines:torch_engines", "engines", 60, 10.0),
    Section("tensorrt engines", "engines:tensorrt_engines", "engines", 70, 10.0),
    Section("tensorrt-rtx engines", "engines:tensorrt_rtx_engines", "engines", 60, 10.0),
    Section("pycuda engines", "engines:pycuda_engines", "engines", 15, 5.0),
    Section("pixels", "pixels:run", "pixels", 15),
    Section("decoding", "decoding:run", "decoding", 35, 8.0),
    Section("gallery", "gallery:run", "gallery", 15),
    Section("synthetic pipeline", "pipeline:synthetic", "pipeline", 50, 10.0),
    Section("clip pipeline", "pipeline:clip", "pipeline", 50, 10.0),
)


def allotment(left: float, section: Section, later: Sequence[Section]) -> float:
    """Seconds for the next section: its share of what is left; what it does not use goes to those behind it.

    Args:
        left: Seconds that are left in all.
        section: The next one.
        later: Those behind it.
    """
    total = section.weight + sum(one.weight for one in later)
    return max(0.0, left) * section.weight / total
