"""The whole pipeline: how many 1080p streams at a fixed analysed rate, from capture to vehicles and vectors in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final

import torch

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Figure, Line
from benchmarks.gpu.sections._here import why_not_torch
from benchmarks.gpu.sections._load import MOST_SECONDS, Trial, next_count, try_streams
from benchmarks.gpu.sections._networks import network_file, plan_folder
from benchmarks.gpu.sections._scenes import scenes
from benchmarks.gpu.sections._streams import FileStream, MadeStream, Stream, phases
from benchmarks.gpu.sections.footage import DRAWN, REAL
from benchmarks.gpu.sections.pixels import nv12_of
from inference.batcher import InferenceWorkers
from inference.batching import JoinedPasses
from inference.engines.protocol import Engine
from inference.engines.torch_engine import TorchEngine
from inference.errors import InferenceError, ModelError
from inference.onnx_embedder import OnnxEmbedder
from inference.pictures.decoded import image_of_planes
from inference.yolox import YoloxDetector
from streams.sources import ON_CPU, Decoder, SourceError
from throughline.settings.models import EngineSettings
from throughline.telemetry.metrics import Metrics
from throughline.types import Pixels

__all__ = ["TABLE", "best_engines", "clip", "open_networks", "synthetic"]

TABLE = "pipeline"
_PICTURES: Final = 8
_VEHICLES: Final = 8
"""Of a frame that are embedded at most; the live path looks at fewer, and not in every frame."""
_SECONDS: Final = 2.5
_TRIAL: Final = _SECONDS + 2.0
"""Seconds that a trial takes in all."""
_FIRST: Final = 16
_PREFERRED: Final = ("TensorRT 1", "TensorRT-RTX", "torch, CUDA graphs", "torch")


def synthetic(job: Job) -> Iterator[Line]:
    """Frames that lie on the GPU as a decoder leaves them: what the machine does when decoding costs nothing."""
    reason = why_not_torch(job)
    if reason:
        yield Line(TABLE, {"what": "synthetic load"}, "not run", note=reason)
        return
    device = torch.device(job.device)
    planes = [[torch.from_numpy(plane).to(device) for plane in nv12_of(picture)] for picture in scenes(job, _PICTURES)]

    def make(number: int) -> Pixels:
        return image_of_planes(planes[number % len(planes)], matrix="bt601", full_range=False)

    def streams(count: int) -> Sequence[Stream]:
        return [MadeStream(f"c{number}", make, job.rate, phase) for number, phase in enumerate(phases(count))]

    yield from _lines(job, "synthetic, NV12 on the GPU, no decoding", streams)


def clip(job: Job) -> Iterator[Line]:
    """Files at their own pace, decoded by NVDEC where that works."""
    reason = why_not_torch(job)
    file = next((job.work / name for name in (REAL, DRAWN) if (job.work / name).is_file()), None)
    if file is None:
        reason = reason or "no footage was made"
    if reason or file is None:
        yield Line(TABLE, {"what": "footage"}, "not run", note=reason)
        return
    decoder, told = _decoder(job)

    def streams(count: int) -> Sequence[Stream]:
        return [FileStream(f"c{number}", file, decoder, job.rate, phase) for number, phase in enumerate(phases(count))]

    yield from _lines(job, f"{file.stem} footage, {told}", streams)


def best_engines(verified: Sequence[str]) -> list[str]:
    """The engines that are tried: of those that are right in 16 bits the first TensorRT, and torch; 32 bits where no other is."""
    for precision in ("float16", "float32"):
        right = [name for name in verified if name.endswith(f", {precision}") and "pycuda" not in name]
        ordered = [name for start in _PREFERRED for name in right if name.startswith(start)]
        if ordered:
            first = ordered[0]
            torch_one = next((name for name in ordered if name.startswith("torch")), None)
            return [first] if torch_one in (None, first) else [first, str(torch_one)]
    return []


def open_networks(job: Job, name: str) -> tuple[Engine, Engine]:
    """Detector and embedder on an engine that has been found right, by its name and precision."""
    kind, _, precision = name.rpartition(", ")
    if kind.startswith("torch"):
        detector, embedder = (
            TorchEngine(
                network_file(job, network),
                name=network,
                device=job.device,
                precision="float16" if precision == "float16" else "float32",
                max_batch=job.max_batch,
                cuda_graphs="graphs" in kind,
            )
            for network in ("detector", "embedder")
        )
        return detector, embedder
    from inference.tensorrt.flavours import Flavour
    from inference.tensorrt.opening import open_tensorrt
    from inference.tensorrt.plans import PlanCache

    settings = EngineSettings.model_validate(
        {"kind": "tensorrt", "precision": precision, "gpu": job.gpu or 0, "max_batch": job.max_batch}
    )
    flavour: Flavour = "tensorrt-rtx" if kind.startswith("TensorRT-RTX") else "tensorrt"
    cache = PlanCache(plan_folder(job))
    return (
        open_tensorrt(network_file(job, "detector"), settings, name="detector", flavour=flavour, cache=cache),
        open_tensorrt(network_file(job, "embedder"), settings, name="embedder", flavour=flavour, cache=cache),
    )


def _lines(job: Job, load: str, streams: Callable[[int], Sequence[Stream]]) -> Iterator[Line]:
    names = best_engines(job.verified)
    if not names:
        yield Line(TABLE, {"what": load}, "not run", note="no engine with detector and embedder has been found right before")
        return
    for place, name in enumerate(names):
        kept_back = job.left() * (len(names) - place - 1) / (len(names) - place)  # each engine has its share of the time
        labels = {"load": load, "engine": name}
        try:
            yield _told(job, labels, asyncio.run(_search(job, name, streams, kept_back)))
        except (ModelError, InferenceError) as error:
            yield Line(TABLE, labels, "failed", note=str(error))


async def _search(job: Job, name: str, streams: Callable[[int], Sequence[Stream]], kept_back: float) -> list[Trial]:
    """Trials until the number is known or no more time is left than is kept back."""
    engines = await asyncio.to_thread(open_networks, job, name)
    metrics = Metrics()
    trials: list[Trial] = []
    with (
        closing(JoinedPasses(InferenceWorkers(1, metrics), metrics)) as batcher,
        closing(YoloxDetector(engines[0], batcher)) as detector,
        closing(OnnxEmbedder(engines[1], batcher)) as embedder,
    ):
        while job.left() - kept_back > _TRIAL:
            count = next_count({trial.streams: trial.sustained for trial in trials}, _FIRST if job.gpu is not None else 1)
            if not count:
                break
            trials.append(await try_streams(streams(count), detector, embedder, job.rate, _VEHICLES, _SECONDS))
    return trials


def _told(job: Job, labels: dict[str, str], trials: Sequence[Trial]) -> Line:
    if not trials:
        return Line(TABLE, labels, "not run", note="the time of this section was over")
    best = max((trial for trial in trials if trial.sustained), key=lambda trial: trial.streams, default=None)
    worse = [trial for trial in trials if not trial.sustained]
    limit = min(worse, key=lambda trial: trial.streams) if worse else None
    shown = best or min(trials, key=lambda trial: trial.streams)
    figures: dict[str, Figure] = {
        f"streams at {job.rate:g} a second": float(best.streams if best else 0),
        "p50 ms": 1000 * shown.p50,
        "p99 ms": 1000 * shown.p99,
        "analysed": shown.analysed / max(shown.wanted, 1.0),
        "vehicles a frame": shown.crops / max(shown.analysed, 1),
    }
    troubles = next((trial.trouble for trial in worse if trial.trouble), "")
    if best is None and troubles:
        return Line(TABLE, labels, "failed", note=troubles)
    if limit is None:
        note = "more were not tried: the time was over"
    else:
        share = limit.analysed / max(limit.wanted, 1.0)
        note = f"{limit.streams} were too many: {share:.0%} analysed, p99 {1000 * limit.p99:.0f} ms"
        note += f", {limit.trouble}" if limit.trouble else ""
    return Line(TABLE, labels, figures=figures, note=f"p99 up to {1000 * MOST_SECONDS:.0f} ms counts; {note}")


def _decoder(job: Job) -> tuple[Decoder, str]:
    if job.gpu is None:
        return ON_CPU, "decoded on the CPU"
    decoder = Decoder(job.gpu)
    try:
        decoder.hardware()
    except SourceError as error:
        return ON_CPU, f"decoded on the CPU ({error})"
    return decoder, "decoded by NVDEC"
