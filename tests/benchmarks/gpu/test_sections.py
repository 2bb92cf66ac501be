"""The sections' own logic, on torch's CPU device: what they would say of a GPU."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections import decoding, driver, engines, footage, gallery, libraries, pipeline, pixels, reference
from benchmarks.gpu.sections._networks import Network, Reference, network_file
from benchmarks.gpu.sections._scenes import drawn_scenes
from inference.engines.gpu import Gpu, NoGpuError, find_gpus
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import ModelError
from inference.tensorrt.torch_memory import TorchMemory
from tests.support.fake_gpu import FakeGpu, FakeMemory
from tests.support.fake_tensorrt import fake_tensorrt
from tests.support.fake_torch_cuda import FakeCuda
from tests.support.onnx_models import write_embedder
from throughline.types import FloatArray, Image

SECONDS = 600.0


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A job after the section that asks the CPU."""
    folder = tmp_path_factory.mktemp("gpu")
    patch = pytest.MonkeyPatch()
    patch.setattr("benchmarks.gpu.sections._networks._SCENES", 2)
    patch.setattr("benchmarks.gpu.sections._networks._CROPS", 6)
    embedder = write_embedder(folder / "embedder.onnx", layers=3)
    job = Job("s", "machine", SECONDS, str(folder), device="cpu", embedder=str(embedder), max_batch=4, began=time.monotonic())
    lines = list(reference.run(job))
    assert [line.state for line in lines] == ["ok"] * len(lines)
    yield job
    patch.undo()


@pytest.fixture
def job(kept: Job, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr("benchmarks.gpu.sections._speed._ROUNDS", 1)
    for module in (engines, pixels, gallery):
        monkeypatch.setattr(module, "seconds_of", lambda work, wait, **_: (work(), wait(), 0.5)[2])
    return replace(kept, began=time.monotonic())


def states(lines: Sequence[Line], table: str) -> list[str]:
    return [line.state for line in lines if line.table == table]


def test_torch_is_held_to_the_cpu_and_timed(job: Job) -> None:
    lines = list(engines.torch_engines(job))
    assert states(lines, "engines") == ["ok", "ok"]
    detector, embedder = (line for line in lines if line.table == "engines")
    assert detector.figures["found by both"] == 1.0
    assert float(detector.figures["sure vehicles"]) > 0
    assert float(embedder.figures["least cosine"]) > 0.9999
    speed = next(line for line in lines if line.table == "speed")
    assert speed.figures == {"batch 1": 2.0, "batch 4": 8.0}


class Altered(OnnxRuntimeEngine):
    """An engine that gives something else than its network does."""

    how = "scrambled"

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        outputs = super().infer(batch)
        if self.how == "nan":
            return tuple(np.full_like(output, np.nan) for output in outputs)
        if self.how == "by batch" and len(batch) == 1:
            return tuple(2 * output for output in outputs)
        if self.how == "scrambled":
            return tuple(output[..., ::-1].copy() for output in outputs)
        return outputs


@pytest.mark.parametrize("how", ["scrambled", "nan", "by batch"])
def test_an_engine_that_is_wrong_is_told_and_not_timed(job: Job, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Altered, "how", how)
    lines = list(
        engines.measured(job, "altered", "float32", lambda network: engines.Opened(Altered(network_file(job, network)), {}))
    )
    assert [line.state for line in lines] == ["wrong", "wrong"]
    assert all(line.note for line in lines)


def test_an_engine_that_is_right_in_memory_alone_says_that_copies_count(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Altered, "how", "not at all")
    lines = list(
        engines.measured(job, "altered", "float32", lambda network: engines.Opened(Altered(network_file(job, network)), {}))
    )
    assert states(lines, "engines") == ["ok", "ok"]
    assert all("copies" in line.note for line in lines if line.table == "speed")


def test_an_engine_that_cannot_be_opened_or_has_no_time_costs_its_own_lines(job: Job) -> None:
    def refuse(network: Network) -> engines.Opened:
        raise ModelError(f"no {network} for you")

    lines = list(engines.measured(job, "refused", "float16", refuse))
    assert [(line.state, line.note) for line in lines] == [("failed", "no detector for you"), ("failed", "no embedder for you")]
    late = replace(job, began=time.monotonic() - SECONDS)
    assert [line.state for line in engines.measured(late, "late", "float16", refuse)] == ["not run", "not run"]


def test_eight_bits_are_held_to_the_same_file_on_the_cpu(job: Job) -> None:
    kept = Reference.load(job, "embedder")
    assert len(kept.outputs_int8) == len(kept.outputs)
    plain = OnnxRuntimeEngine(network_file(job, "embedder"))
    verdict = engines.judged(plain, "embedder", replace(kept, outputs_int8=kept.outputs), "int8")
    assert verdict.reason == ""
    swapped = replace(kept, outputs_int8=tuple(-output for output in kept.outputs))
    assert engines.judged(plain, "embedder", swapped, "int8").reason


def test_tensorrt_rtx_builds_every_precision_where_nothing_can_run(job: Job) -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX is not installed")
    lines = list(engines.tensorrt_rtx_engines(job))
    assert {line.labels["precision"] for line in lines} == {"float32", "float16", "int8"}
    assert [line.state for line in lines] == ["not run"] * 6
    assert all(float(line.figures["plan MB"]) > 0 for line in lines)


def test_what_is_not_installed_is_missing(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(flavour: str | None) -> object:
        raise ModelError(f"{flavour} is not on this machine")

    monkeypatch.setattr("inference.tensorrt.flavours.load_tensorrt", nothing)
    (line,) = engines.tensorrt_engines(job)
    assert (line.state, line.note) == ("missing", "tensorrt is not on this machine")


@pytest.mark.parametrize("by", ["torch", "pycuda"])
def test_tensorrt_is_built_opened_compared_and_timed(job: Job, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu(knows_memory=by == "pycuda")
    memory = FakeMemory(gpu) if by == "pycuda" else TorchMemory(0, device=torch.device("cpu"), cuda=FakeCuda(gpu))
    fake = fake_tensorrt(gpu)
    plans = tmp_path / "plans"  # none of these plans may be taken for TensorRT's
    shutil.copytree(job.work / "plans", plans)
    plans.chmod(0o700)
    monkeypatch.setattr("benchmarks.gpu.sections._tensorrt.plan_folder", lambda _: plans)
    monkeypatch.setattr("benchmarks.gpu.sections._tensorrt.find_gpu", lambda number: Gpu(number, "fake", (9, 0), 2**30, "13.0"))
    monkeypatch.setattr("benchmarks.gpu.sections._tensorrt.provide_memory", lambda _: memory)
    monkeypatch.setattr("inference.tensorrt.flavours.load_tensorrt", lambda _: fake)
    monkeypatch.setattr(engines, "why_not_here", lambda _: "")
    monkeypatch.setitem(sys.modules, "pycuda", ModuleType("pycuda"))
    on_gpu = replace(job, device="cuda:0")
    lines = list(engines.pycuda_engines(on_gpu) if by == "pycuda" else engines.tensorrt_engines(on_gpu))
    built = [line for line in lines if line.table == "engines"]
    assert [(line.state, line.note) for line in built] == [("ok", "")] * (2 if by == "pycuda" else 6)
    assert all({"built in s", "plan MB", "opened in s"} <= set(line.figures) for line in built)
    assert len(states(lines, "speed")) == len(built)
    assert gpu.problems == []


def test_pixels_on_the_device_are_those_of_the_cpu(job: Job) -> None:
    lines = list(pixels.run(job))
    assert [line.state for line in lines] == ["ok"] * 7
    assert all(line.figures["times as fast"] == 1.0 for line in lines)


def test_pixels_that_are_off_are_wrong(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def brighter(luma: object, chroma: object) -> object:
        from inference.pictures.device_image import bgr_from_nv12

        return bgr_from_nv12(luma, chroma, full_range=True)  # type: ignore[arg-type]  # tensors

    monkeypatch.setattr(pixels, "bgr_from_nv12", brighter)
    first = next(pixels.run(job))
    assert (first.labels["operation"], first.state) == ("NV12 to BGR, 1920x1080", "wrong")


def test_searches_on_the_device_find_what_the_cpu_finds(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "_SIZES", (1000, 2000))
    lines = list(gallery.run(job))
    assert [line.state for line in lines] == ["ok"] * 4
    assert [line.figures["found"] for line in lines if "found" in line.figures] == [1.0, 1.0]
    monkeypatch.setattr(gallery, "host_search", lambda vectors, questions: np.zeros((len(questions), 10), np.int64))
    assert "wrong" in [line.state for line in gallery.run(job)]


@pytest.fixture
def small_footage(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(count: int) -> Iterator[Image]:
        yield from drawn_scenes(min(count, 12))

    monkeypatch.setattr(footage, "drawn_scenes", few)


@pytest.mark.usefixtures("small_footage")
def test_footage_is_made_and_decoded(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list(footage.run(job))
    assert [line.state for line in made] == ["ok", "missing"]
    assert (job.work / footage.DRAWN).is_file()
    monkeypatch.setattr(decoding, "_SECONDS", 0.3)
    *on_cpu, nvdec = decoding.run(job)
    assert {line.state for line in on_cpu} == {"ok"}
    assert all(float(line.figures["frames a second"]) > 0 for line in on_cpu)
    assert nvdec.state == "not run"


def test_without_footage_nothing_is_decoded(tmp_path: Path) -> None:
    empty = Job("s", "decoding", SECONDS, str(tmp_path), device="cpu", verified=("torch, float32",), began=time.monotonic())
    assert [(line.state, line.note) for line in decoding.run(empty)] == [("not run", "no footage was made")]
    assert [(line.state, line.note) for line in pipeline.clip(empty)] == [("not run", "no footage was made")]


def test_the_pipeline_carries_a_stream_or_says_how_far_it_is(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_PICTURES", 1)
    monkeypatch.setattr(pipeline, "_SECONDS", 1.0)
    monkeypatch.setattr(pipeline, "_TRIAL", 0.0)
    asked: list[int] = []

    def once(results: dict[int, bool], first: int) -> int | None:
        asked.append(first)
        return None if results else 1

    monkeypatch.setattr(pipeline, "next_count", once)
    (line,) = pipeline.synthetic(replace(job, rate=1.0, verified=("torch, float32",)))
    assert line.state == "ok", line.note
    assert line.labels["engine"] == "torch, float32"
    assert "p99 ms" in line.figures
    (none,) = pipeline.synthetic(replace(job, verified=()))
    assert none.state == "not run"


def test_a_machine_without_a_gpu_says_so_in_every_section(job: Job) -> None:
    try:
        find_gpus()
        pytest.skip("there is a GPU here")
    except NoGpuError:
        pass
    asked = replace(job, device="cuda:0")
    assert "missing" in [line.state for line in driver.run(asked)]
    for run in (libraries.torch_works, engines.torch_engines, pixels.run, gallery.run, pipeline.synthetic):
        (line,) = run(asked)
        assert line.state == "not run"
        assert "NVIDIA driver" in line.note
    assert [line.state for line in libraries.torch_works(job)] == ["ok"]
    assert [line.state for line in libraries.nvdec_works(asked)] == ["ok", "not run"]
