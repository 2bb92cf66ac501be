"""Searching a gallery on the GPU: one product of matrices and the largest values, as the CPU does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import torch

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Figure, Line
from benchmarks.gpu.sections._here import why_not_torch
from benchmarks.gpu.sections._speed import seconds_of
from throughline.types import FloatArray, IntArray

__all__ = ["TABLE", "run"]

TABLE = "gallery"
_TOP = 10
_QUESTIONS: Final = (1, 16)
_SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
_ON_CPU = 100_000
"""Vectors beyond which the CPU is not asked."""
_DIMENSION = 256
_SHARES: Final = {"float32": 0.999, "float16": 0.9}
"""Of the most alike ones that must be found: among drawn vectors the tenth and the eleventh are close."""
_LEAST = 2.0


def run(job: Job) -> Iterator[Line]:
    """A line for each size and precision."""
    reason = why_not_torch(job)
    if reason:
        yield Line(TABLE, {"what": "all sizes"}, "not run", note=reason)
        return
    device = torch.device(job.device)
    torch.backends.cuda.matmul.fp32_precision = "ieee"
    random = np.random.default_rng(0)
    questions = _unit(random.standard_normal((max(_QUESTIONS), _DIMENSION), np.float32))
    for size in _SIZES:
        if job.left() < _LEAST:
            yield Line(TABLE, {"what": f"{size} vectors"}, "not run", note="the time of this section was over")
            continue
        gallery = _unit(random.standard_normal((size, _DIMENSION), np.float32))
        expected = host_search(gallery, questions)
        labels = {"vectors": f"{size} x {_DIMENSION}", "where": "numpy, CPU, one core"}
        if size <= _ON_CPU:
            figures = {f"{count} at once": 1000 * _time(lambda: host_search(gallery, questions[:count])) for count in _QUESTIONS}  # noqa: B023 - called here
            yield Line(TABLE, labels, figures=figures)
        for precision in ("float32", "float16") if device.type == "cuda" else ("float32",):
            yield _on_device(gallery, questions, expected, device, precision)


def host_search(gallery: FloatArray, questions: FloatArray) -> IntArray:
    """(Q, 10) rows of the gallery that are most alike, in any order."""
    return np.asarray(np.argpartition(questions @ gallery.T, -_TOP, axis=1)[:, -_TOP:], np.int64)


def _on_device(gallery: FloatArray, questions: FloatArray, expected: IntArray, device: torch.device, precision: str) -> Line:
    dtype = torch.float16 if precision == "float16" else torch.float32
    placed = torch.from_numpy(gallery).to(device, dtype)

    def search(count: int) -> IntArray:
        asked = torch.from_numpy(questions[:count]).to(device, dtype)
        best = torch.topk(asked @ placed.T, _TOP, dim=1)
        return np.asarray(best.indices.cpu().numpy(), np.int64)

    found = search(len(questions))
    share = float(
        np.mean([len(set(one) & set(other)) / _TOP for one, other in zip(found.tolist(), expected.tolist(), strict=True)])
    )
    labels = {"vectors": f"{len(gallery)} x {_DIMENSION}", "where": f"torch on {device.type}, {precision}"}
    if share < _SHARES[precision]:
        return Line(TABLE, labels, "wrong", note=f"{share:.3f} of the most alike are found, {_SHARES[precision]:g} must be")
    figures: dict[str, Figure] = {f"{count} at once": 1000 * _time(lambda: search(count)) for count in _QUESTIONS}  # noqa: B023 - called here
    return Line(TABLE, labels, figures={**figures, "found": share}, note="questions go up and answers come down in each call")


def _time(work: Callable[[], object]) -> float:
    return seconds_of(work, lambda: None, seconds=0.15)


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
