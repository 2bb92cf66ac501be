"""What the CPU computes: ONNX Runtime in 32 bits, and in 8; everything later is held to it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.gpu.job import Job
from benchmarks.gpu.lines import Line
from benchmarks.gpu.sections._networks import (
    NETWORKS,
    Network,
    Reference,
    decode,
    head_of,
    make_reference,
    network_file,
    plan_folder,
)
from benchmarks.gpu.sections._verdicts import found_share, least_cosine
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.errors import ModelError
from inference.letterbox import Placement
from throughline.types import FloatArray

__all__ = ["TABLE", "placements_of", "run"]

TABLE = "engines"
_ENGINE = "ONNX Runtime, CPU, one core"


def run(job: Job) -> Iterator[Line]:
    """Keeps what networks are shown and give, makes 8-bit files, and tells the CPU's speed."""
    for network in NETWORKS:
        reference = make_reference(job, network)
        reference.save(job, network)
        engine = OnnxRuntimeEngine(network_file(job, network))
        note = f"{engine.name}, {len(reference.batch)} pictures"
        yield Line(TABLE, {"engine": _ENGINE, "precision": "float32", "network": network}, note=note)
        yield Line(
            "speed", {"network": network, "precision": "float32", "engine": _ENGINE}, figures=_speed(engine, reference.batch)
        )
        engine.close()
    for network in NETWORKS:
        yield _int8(job, network)


def placements_of(batch: FloatArray) -> list[Placement]:
    """As if the pictures of a batch had been as large as the input."""
    return [Placement.of(picture.shape[1:], *picture.shape[1:]) for picture in batch]


def _speed(engine: OnnxRuntimeEngine, batch: FloatArray) -> dict[str, float | str]:
    engine.infer(batch[:1])
    began = time.perf_counter()
    for picture in batch:
        engine.infer(picture[None])
    return {"batch 1": len(batch) / (time.perf_counter() - began)}


def _int8(job: Job, network: Network) -> Line:
    """Makes the 8-bit file that TensorRT takes, and tells what it loses."""
    from inference.networks.variants import write_variant_of_file  # brings onnx and torch
    from inference.tensorrt.graphs import int8_graph

    labels = {"engine": _ENGINE, "precision": "int8", "network": network}
    reference = Reference.load(job, network)
    folder = plan_folder(job)
    folder.mkdir(mode=0o700, exist_ok=True)
    target = int8_graph(network_file(job, network), folder)
    try:
        write_variant_of_file(network_file(job, network), target, "int8-symmetric", reference.batch)
        engine = OnnxRuntimeEngine(target)
    except ModelError as error:
        return Line(TABLE, labels, "failed", note=str(error))
    outputs = engine.infer(reference.batch)
    Reference(reference.batch, reference.outputs, outputs).save(job, network)
    note = "what eight bits cost, on the pictures that set its scales and as many others"
    if network == "embedder":
        return Line(TABLE, labels, figures={"least cosine": least_cosine(reference.outputs[0], outputs[0])}, note=note)
    head, lying = head_of(engine), placements_of(reference.batch)
    share, count = found_share(*(decode(head, rows[0], lying) for rows in (reference.outputs, outputs)))
    return Line(TABLE, labels, figures={"sure vehicles": float(count), "found by both": share}, note=note)
