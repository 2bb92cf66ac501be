"""The comparison of the live pipeline with the script one would write instead: figures, and both at work for a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks._pipeline_peer import Load, PipelineRun, Product, Script, measure, report, sustained
from inference.catalogue import find, locate, model_folders
from tests.support.clips import write_clip


def _run(name: str, cameras: int, fps: float, slowest: float, cores: float) -> PipelineRun:
    return PipelineRun(name, cameras, fps, slowest, cores, 10.0)


RUNS = [
    _run("ours", 2, 20.0, 10.0, 0.5),
    _run("ours", 6, 58.0, 9.6, 1.5),
    _run("theirs", 2, 20.0, 10.0, 1.0),
    _run("theirs", 6, 40.0, 6.6, 2.0),
]


def test_a_camera_that_falls_behind_is_not_carried() -> None:
    assert sustained(RUNS, "ours") == (6, 58.0)
    assert sustained(RUNS, "theirs") == (2, 40.0)
    assert sustained(RUNS, "nobody") == (0, 0.0)


def test_the_report_tells_costs_and_how_they_compare() -> None:
    text = report(RUNS, "ours", "theirs")
    assert "| ours | 6 | 58.0 | 9.60 of 10 | 1.50 | 25.9 |" in text
    assert "| ours | 6 | 58.0 | 1.45 |" in text
    assert "with 2 cameras: theirs takes 2.00 times" in text
    assert "with 6 cameras: theirs takes 1.93 times" in text


def test_what_analysed_nothing_costs_no_finite_time() -> None:
    assert _run("ours", 1, 0.0, 0.0, 1.0).milliseconds_a_frame == float("inf")


@pytest.mark.slow
@pytest.mark.parametrize("contestant", [Product("ours"), Script("theirs", tuned=True)], ids=lambda one: one.name)
def test_everybody_is_measured_at_work(tmp_path: Path, contestant: Product | Script) -> None:
    detector = locate(find("vehicle-detector"), model_folders())
    assert detector is not None
    clip = write_clip(tmp_path / "clip.mp4", [np.full((96, 160, 3), grey, np.uint8) for grey in range(0, 200, 5)], fps=4)
    load = Load(clip, str(detector), cameras=2, fps=2.0, source_fps=4.0)
    run = measure(contestant, load, tmp_path, warm_up=1.0, seconds=4.0)
    assert (run.contestant, run.cameras) == (contestant.name, 2)
    assert run.slowest_fps > 0
    assert run.analysed_fps < 8, "every second frame is to be analysed, not each"
    assert run.cores > 0
