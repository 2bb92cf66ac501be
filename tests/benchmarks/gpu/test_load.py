from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu.sections._load import crops_of, next_count, try_streams
from benchmarks.gpu.sections._streams import FileStream, MadeStream, phases
from benchmarks.gpu.sections.pipeline import best_engines
from inference.errors import InferenceError
from streams.sources import ON_CPU
from tests.support.clips import coded_picture, write_clip
from throughline.types import ClockSource, Detections, FloatArray, Frame, Image, Pixels


class Finder:
    """A detector that finds two vehicles, or fails."""

    name, hash = "finder", "0" * 16

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken

    async def detect(self, frame: Frame) -> Detections:
        await asyncio.sleep(0)
        if self.broken:
            raise InferenceError("it is broken")
        boxes = np.array([[10, 10, 50, 50], [60.5, 10, 90, 50.5]], np.float32)
        return Detections(boxes, np.array([0.9, 0.5], np.float32), np.zeros(2, np.int64))

    def close(self) -> None:
        """Nothing to free."""


class Describer:
    """An embedder that remembers what it was shown."""

    name, hash, dimension = "describer", "0" * 16, 2

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        self.shapes += [crop.shape for crop in crops]
        return np.zeros((len(crops), 2), np.float32)

    def close(self) -> None:
        """Nothing to free."""


def search(limit: int, first: int) -> tuple[int, list[int]]:
    """The number that is found where so many streams are sustained, and what was tried."""
    results: dict[int, bool] = {}
    while (count := next_count(results, first)) is not None and count > 0:
        assert count not in results
        results[count] = count <= limit
    return max((count for count, good in results.items() if good), default=0), list(results)


@pytest.mark.parametrize("limit", [0, 1, 3, 7, 16, 50, 129, 300])
def test_the_number_of_streams_is_found_within_an_eighth(limit: int) -> None:
    found, tried = search(limit, 16)
    assert found <= limit <= found + max(1, found // 8)
    assert len(tried) <= 12


def test_more_than_anybody_has_is_not_tried() -> None:
    found, _ = search(10**6, 16)
    assert found == 1024


def picture(_: int) -> Image:
    return np.zeros((96, 160, 3), np.uint8)


async def test_streams_that_are_analysed_in_time_are_sustained() -> None:
    embedder = Describer()
    streams = [MadeStream(f"c{number}", picture, 20.0, phase) for number, phase in enumerate(phases(3))]
    trial = await try_streams(streams, Finder(), embedder, 20.0, 1, 1.0)
    assert trial.streams == 3
    assert trial.analysed > 0
    assert 0 <= trial.p50 <= trial.p99
    assert trial.crops == trial.analysed  # the best vehicle of each
    assert set(embedder.shapes) == {(40, 40, 3)}
    assert trial.trouble == ""


async def test_an_engine_that_fails_is_told_and_not_sustained() -> None:
    trial = await try_streams([MadeStream("c0", picture, 20.0, 0.0)], Finder(broken=True), Describer(), 20.0, 1, 0.3)
    assert (trial.sustained, trial.trouble) == (False, "it is broken")


async def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    trial = await try_streams([FileStream("c0", tmp_path / "nothing.mp4", ON_CPU, 5.0, 0.0)], Finder(), Describer(), 5.0, 1, 0.3)
    assert not trial.sustained
    assert "nothing.mp4 does not exist" in trial.trouble


async def test_a_file_is_played_at_its_pace_over_and_over_and_thinned(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [coded_picture(number) for number in range(10)], fps=20)  # half a second
    streams = [FileStream("c0", clip, ON_CPU, 5.0, 0.0)]
    trial = await try_streams(streams, Finder(), Describer(), 5.0, 2, 2.0)
    assert trial.trouble == ""
    assert 1 <= trial.analysed <= 25  # ten are due, and forty are decoded


def test_crops_lie_inside_and_are_the_best_ones() -> None:
    boxes = np.array([[0, 0, 10.2, 5], [20, 20, 20, 30], [1, 1, 4, 4]], np.float32)
    found = Detections(boxes, np.array([0.9, 0.8, 0.7], np.float32), np.zeros(3, np.int64))
    frame = Frame("c0", 0, 0, ClockSource.FILE, 0.0, np.zeros((50, 60, 3), np.uint8))
    assert [crop.shape for crop in crops_of(frame, found, 3)] == [(5, 11, 3), (3, 3, 3)]
    assert len(crops_of(frame, found, 1)) == 1


def test_the_pipeline_runs_the_first_tensorrt_that_is_right_and_torch() -> None:
    both = ("torch, float16", "torch, CUDA graphs, float16", "TensorRT-RTX 1.7.1, float16", "TensorRT-RTX 1.7.1, int8")
    assert best_engines(both) == ["TensorRT-RTX 1.7.1, float16", "torch, CUDA graphs, float16"]
    assert best_engines((*both, "TensorRT 11.4, float16"))[0] == "TensorRT 11.4, float16"
    assert best_engines(("TensorRT, memory of pycuda 1.7, float16", "torch, float32")) == ["torch, float32"]
    assert best_engines(("torch, float16", "torch, float32")) == ["torch, float16"]
    assert best_engines(()) == []
