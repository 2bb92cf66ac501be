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
        function: ``module:function``, which takes a job and yields lines.
        table: Where it is told that it crashed or was cut short.
        weight: Its share of the time.
        least: Seconds below which it is not begun.
    """

    name: str
    function: str
    table: str
    weight: float
    least: float = 3.0


_HERE = "benchmarks.gpu.sections"

SECTIONS = (
    Section("driver", f"{_HERE}.driver:run", "machine", 5, 1.0),
    Section("torch", f"{_HERE}.libraries:torch_works", "machine", 20),
    Section("pycuda", f"{_HERE}.libraries:pycuda_works", "machine", 15),
    Section("nvdec", f"{_HERE}.libraries:nvdec_works", "machine", 10),
    Section("footage", f"{_HERE}.footage:run", "machine", 25),
    Section("reference", f"{_HERE}.reference:run", "engines", 30),
    Section("torch engines", f"{_HERE}.engines:torch_engines", "engines", 60, 10.0),
    Section("tensorrt engines", f"{_HERE}.engines:tensorrt_engines", "engines", 70, 10.0),
    Section("tensorrt-rtx engines", f"{_HERE}.engines:tensorrt_rtx_engines", "engines", 60, 10.0),
    Section("pycuda engines", f"{_HERE}.engines:pycuda_engines", "engines", 15, 5.0),
    Section("pixels", f"{_HERE}.pixels:run", "pixels", 15),
    Section("decoding", f"{_HERE}.decoding:run", "decoding", 35, 8.0),
    Section("gallery", f"{_HERE}.gallery:run", "gallery", 15),
    Section("synthetic pipeline", f"{_HERE}.pipeline:synthetic", "pipeline", 70, 10.0),
    Section("clip pipeline", f"{_HERE}.pipeline:clip", "pipeline", 70, 10.0),
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
