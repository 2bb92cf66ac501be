"""The plan of a network: found where plans are kept, or built."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from inference.engines.gpu import Gpu
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import sha256_of
from inference.errors import ModelError
from inference.tensorrt.building import BuildOptions, build_plan
from inference.tensorrt.flavours import TensorRT
from inference.tensorrt.graphs import BuiltPrecision, chosen_precision, graph_for
from inference.tensorrt.plans import Plan, PlanCache, PlanKey, PlanState
from throughline.settings.models import EngineSettings

__all__ = ["CompiledPlan", "compile_plan"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompiledPlan:
    """A plan, ready to be loaded.

    Attributes:
        key: What it depends on.
        plan: The plan.
        path: Where it is kept; the folder may have refused it.
        state: What was found there before; all but ``cached`` made it be built.
        seconds: That building took.
    """

    key: PlanKey
    plan: Plan
    path: Path
    state: PlanState
    seconds: float


def compile_plan(
    path: Path, settings: EngineSettings, tensorrt: TensorRT, gpu: Gpu | None, cache: PlanCache, *, again: bool = False
) -> CompiledPlan:
    """The plan of a network, built if there is none that fits.

    Args:
        path: ONNX file.
        settings: Section ``models.engine`` of the site file: precision and largest batch matter.
        tensorrt: Which one builds.
        gpu: The GPU it is for, which is current; TensorRT-RTX needs none.
        cache: Where plans are kept.
        again: Build it even if there is one.

    Raises:
        ModelError: the file is missing, broken or of another kind, or cannot be built here.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; `throughline models list` shows the models there are")
    if gpu is None and not tensorrt.is_rtx:
        raise ModelError("TensorRT builds only on a machine with the GPU that will run the plan; TensorRT-RTX needs none")
    precision = chosen_precision(path, settings.precision)
    graph = graph_for(path, precision, cache.folder)
    options = BuildOptions(settings.max_batch, exact=precision == "float32")
    key = _key(graph, precision, options, tensorrt, gpu)
    plan, state = cache.load(key)
    if plan is not None and not again:
        return CompiledPlan(key, plan, cache.path(key), state, 0.0)
    if state not in ("missing", "cached"):
        _logger.warning("%s: its plan %s is %s and is built again", path, cache.path(key), state)
    _logger.info("building %s for %s in %s: this can take minutes", path, key.gpu, precision)
    began = time.monotonic()
    plan = _build(graph, options, tensorrt, key, cache)
    seconds = time.monotonic() - began
    try:
        cache.store(key, plan)
    except OSError as error:
        _logger.warning("%s: its plan cannot be kept and will be built again next time: %s", path, error)
    return CompiledPlan(key, plan, cache.path(key), state, seconds)


def _key(graph: Path, precision: BuiltPrecision, options: BuildOptions, tensorrt: TensorRT, gpu: Gpu | None) -> PlanKey:
    target, driver = "any", "any"
    if gpu is not None and not tensorrt.is_rtx:
        target, driver = gpu.architecture, gpu.driver
    return PlanKey(
        sha256_of(graph), tensorrt.flavour, tensorrt.version, target, driver, precision, options.max_batch, options.names
    )


def _build(graph: Path, options: BuildOptions, tensorrt: TensorRT, key: PlanKey, cache: PlanCache) -> Plan:
    described = OnnxRuntimeEngine(graph)  # tells in clear words what is wrong with a file, and what the file says about itself
    timing = f"{key.flavour}-{key.version}-{key.gpu}.timing"
    content, measured = build_plan(tensorrt, graph, options, timing_cache=None if tensorrt.is_rtx else cache.load_extra(timing))
    described.close()
    if measured is not None:
        cache.store_extra(timing, measured)
    return Plan(content, described.output_names, described.metadata)
