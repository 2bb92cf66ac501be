"""Engines on the GPU: built, held to the CPU, and timed. What is wrong is not timed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections._here import why_not_here, why_not_torch
from benchmarks.gpu.sections._networks import NETWORKS, Network, Reference, decode, head_of, network_file, plan_folder
from benchmarks.gpu.sections._speed import seconds_of
from benchmarks.gpu.sections._verdicts import Precision, Verdict, judge_detections, judge_vectors
from benchmarks.gpu.sections.reference import placements_of
from inference.engines.protocol import DeviceEngine, Engine
from inference.errors import InferenceError, ModelError
from inference.pictures.choice import operations_for
from throughline.types import FloatArray

__all__ = ["TABLE", "pycuda_engines", "tensorrt_engines", "tensorrt_rtx_engines", "torch_engines"]

TABLE = "engines"
_BATCHES = (1, 4, 16, 32, 64)
_ENOUGH = 4.0
"""Seconds without which nothing more is begun."""
_ASKED = (1, 5)
"""Batches beside the whole: the smallest, and one that is padded."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine that has been opened, and what that took."""

    engine: Engine
    figures: dict[str, float | str]
    note: str = ""


def torch_engines(job: Job) -> Iterator[Line]:
    """Torch, layer by layer and as CUDA graphs."""
    reason = why_not_torch(job)
    if reason:
        yield Line(TABLE, {"engine": "torch", "precision": "", "network": ""}, "not run", note=reason)
        return
    from inference.engines.torch_engine import TorchEngine

    precisions: tuple[Precision, ...] = ("float32", "float16") if job.gpu is not None else ("float32",)
    for graphs in (False, True) if job.gpu is not None else (False,):
        for precision in precisions:

            def open_one(network: Network, precision: Precision = precision, graphs: bool = graphs) -> Opened:
                return Opened(
                    TorchEngine(
                        network_file(job, network),
                        device=job.device,
                        precision="float16" if precision == "float16" else "float32",
                        max_batch=job.max_batch,
                        cuda_graphs=graphs,
                    ),
                    {},
                )

            yield from measured(job, "torch, CUDA graphs" if graphs else "torch", precision, open_one)


def tensorrt_engines(job: Job) -> Iterator[Line]:
    """TensorRT 10 or 11."""
    yield from _tensorrt(job, "tensorrt")


def tensorrt_rtx_engines(job: Job) -> Iterator[Line]:
    """TensorRT-RTX, which also builds where there is no GPU."""
    yield from _tensorrt(job, "tensorrt-rtx")


def pycuda_engines(job: Job) -> Iterator[Line]:
    """The TensorRT that is here, with memory and streams of pycuda; its speed includes copies."""
    yield from _tensorrt(job, None)


def measured(job: Job, name: str, precision: Precision, open_one: Callable[[Network], Opened]) -> Iterator[Line]:
    """Lines of one engine: for each network what came of it, and its speed if it is right."""
    for network in NETWORKS:
        labels = {"engine": name, "precision": precision, "network": network}
        if job.left() < _ENOUGH:
            yield Line(TABLE, labels, "not run", note="the time of this section was over")
            continue
        try:
            opened = open_one(network)
        except ModelError as error:
            yield Line(TABLE, labels, "failed", note=str(error))
            continue
        try:
            verdict = judged(opened.engine, network, Reference.load(job, network), precision)
            figures = {**opened.figures, **verdict.figures}
            yield Line(TABLE, labels, "wrong" if verdict.reason else "ok", figures, verdict.reason or opened.note)
            if not verdict.reason:
                speed = {"network": network, "precision": precision, "engine": name}
                note = "" if isinstance(opened.engine, DeviceEngine) else "copies to and from the GPU included"
                yield Line("speed", speed, figures=speeds(job, opened.engine), note=note)
        except InferenceError as error:
            yield Line(TABLE, labels, "failed", opened.figures, str(error))
        finally:
            opened.engine.close()


def judged(engine: Engine, network: Network, reference: Reference, precision: Precision) -> Verdict:
    """Compares an engine with the CPU: whole and in small batches, through memory and on the device."""
    expected = reference.outputs_int8 if precision == "int8" else reference.outputs
    whole = engine.infer(reference.batch)
    for count in _ASKED:
        if not _near(engine.infer(reference.batch[:count])[0], whole[0][:count], precision):
            return Verdict({}, f"a batch of {count} gives other results than the same pictures in a larger one")
    if isinstance(engine, DeviceEngine) and not _near(_on_device(engine, reference.batch), whole[0], precision):
        return Verdict({}, "it gives other results on the GPU's memory than through this machine's")
    if network == "embedder":
        return judge_vectors(expected[0], whole[0], precision)
    head, lying = head_of(engine), placements_of(reference.batch)
    if not any(len(one) for one in decode(head, expected[0], lying)):
        return judge_vectors(expected[0], whole[0], precision)  # nothing to find in these pictures: then by all that is said
    return judge_detections(decode(head, expected[0], lying), decode(head, whole[0], lying), precision)


def speeds(job: Job, engine: Engine) -> dict[str, float | str]:
    """Pictures a second by batch."""
    random = np.random.default_rng(0)
    shape = (job.max_batch, *engine.input_shape)
    pictures = random.uniform(0, 255, shape).astype(np.float32)
    found: dict[str, float | str] = {}
    for count in [size for size in _BATCHES if size <= job.max_batch]:
        if job.left() < _ENOUGH:
            break
        found[f"batch {count}"] = count / _seconds(engine, pictures[:count])
    return found


def _seconds(engine: Engine, pictures: FloatArray) -> float:
    if not isinstance(engine, DeviceEngine):
        return seconds_of(lambda: engine.infer(pictures), lambda: None)
    import torch

    batch = torch.from_numpy(pictures).to(engine.device)
    wait: Callable[[], object] = torch.cuda.synchronize if engine.device.type == "cuda" else lambda: None
    wait()
    with operations_for(engine).session():
        return seconds_of(lambda: engine.infer_tensors(batch), wait)


def _on_device(engine: DeviceEngine, batch: FloatArray) -> FloatArray:
    import torch

    operations = operations_for(engine)
    with operations.session():
        return operations.download(engine.infer_tensors(torch.from_numpy(batch).to(engine.device))[0])


def _near(one: FloatArray, other: FloatArray, precision: Precision) -> bool:
    """Equal but for rounding: kernels for other batches add up in another order."""
    share = {"float32": 2e-3, "float16": 5e-2, "int8": 1e-1}[precision]
    largest = float(np.abs(other).max()) if other.size else 0.0
    return one.shape == other.shape and bool((np.abs(one - other) <= share * largest).mean() >= 0.999)  # nan is not near


def _tensorrt(job: Job, flavour: str | None) -> Iterator[Line]:
    from inference.tensorrt.flavours import FLAVOURS, load_tensorrt

    name = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX", None: "TensorRT, memory of pycuda"}[flavour]
    reason = "no CPU can run it" if job.gpu is None else why_not_here(job)
    if flavour is None:
        importlib.import_module("pycuda")  # tells that it is missing before anything else is done
        if reason:
            yield Line(TABLE, {"engine": name, "precision": "", "network": ""}, "not run", note=reason)
            return
    try:
        tensorrt = load_tensorrt(next((one for one in FLAVOURS if one == flavour), None))
    except ModelError as error:
        yield Line(TABLE, {"engine": name, "precision": "", "network": ""}, "missing", note=str(error))
        return
    from benchmarks.gpu.sections._tensorrt import Builder

    builder = Builder(job, tensorrt, "pycuda" if flavour is None else "torch")
    for precision in builder.precisions():
        if reason:
            yield from builder.only_built(f"{name} {tensorrt.version}", precision, plan_folder(job), reason)
        else:
            yield from measured(job, f"{name} {tensorrt.version}", precision, builder.opener(precision))
