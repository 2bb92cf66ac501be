"""Opens a network through TensorRT: from its plan if there is one that fits, else by building that first."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path

from inference.engines.gpu import Gpu, NoGpuError, find_gpu
from inference.engines.protocol import sha256_of
from inference.errors import InferenceError, ModelError
from inference.tensorrt.compiling import CompiledPlan, compile_plan
from inference.tensorrt.engine import Identity, TensorRTEngine
from inference.tensorrt.flavours import Flavour, TensorRT, load_tensorrt
from inference.tensorrt.loading import LoadedPlan, PlanError, load_plan
from inference.tensorrt.memory import GpuMemory
from inference.tensorrt.plans import PlanCache, PlanState
from throughline.settings.models import EngineSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["Place", "open_on", "open_tensorrt", "provide_memory", "tensorrt_is_here"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where networks run.

    Attributes:
        tensorrt: Which TensorRT.
        gpu: The GPU.
        memory: Provides memory and streams on it.
        cache: Where plans are kept.
    """

    tensorrt: TensorRT
    gpu: Gpu
    memory: GpuMemory
    cache: PlanCache


def tensorrt_is_here() -> bool:
    """Whether a TensorRT is installed; it is not loaded for that."""
    return any(importlib.util.find_spec(name) is not None for name in ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings"))


def open_tensorrt(
    path: Path,
    settings: EngineSettings,
    *,
    name: str | None = None,
    metrics: Metrics | None = None,
    flavour: Flavour | None = None,
    cache: PlanCache | None = None,
) -> TensorRTEngine:
    """Loads an ONNX file on a GPU.

    The first time, and after TensorRT or the driver have changed, it is built, which can take minutes; ``throughline models
    compile`` does that beforehand.

    Args:
        path: The file.
        settings: Section ``models.engine`` of the site file.
        name: Name of the model; default: the file's name without its ending.
        metrics: Where it is counted what became of its plan.
        flavour: Which TensorRT; default: TensorRT where it is, else TensorRT-RTX.
        cache: Where plans are kept; default: the user's cache.

    Returns:
        An engine; with ``memory: torch`` it is a `inference.engines.protocol.DeviceEngine`.

    Raises:
        ModelError: there is no GPU or no TensorRT, or the file is missing, broken or of another kind.
    """
    tensorrt = load_tensorrt(flavour)
    try:
        gpu = find_gpu(settings.gpu)
    except NoGpuError as error:
        raise ModelError(f"models.engine.kind: TensorRT needs an NVIDIA GPU: {error}; use `auto` or `onnxruntime`") from error
    place = Place(tensorrt, gpu, provide_memory(settings), PlanCache() if cache is None else cache)
    return open_on(place, path, settings, name=path.stem if name is None else name, metrics=metrics)


def open_on(place: Place, path: Path, settings: EngineSettings, *, name: str, metrics: Metrics | None = None) -> TensorRTEngine:
    """As `open_tensorrt`, in a place that is known. A kept plan that TensorRT does not load is built again."""
    memory = place.memory
    with memory.current():
        try:
            memory.stream().synchronise()  # TensorRT takes the context that is there
        except memory.failures as error:
            raise ModelError(f"models.engine.gpu: the {place.gpu.name} does not work: {error}") from error
        compiled = compile_plan(path, settings, place.tensorrt, place.gpu, place.cache)
        loaded, state = _load(compiled, place, path, settings)
        if metrics is not None:
            metrics.engine_plans.labels(name, state).inc()
        identity = Identity(name, sha256_of(path)[:16], path, compiled.plan.metadata)
        engine = _engine(loaded, memory, identity, cuda_graphs=settings.cuda_graphs)
        try:
            engine.warm_up()
        except InferenceError as error:
            engine.close()
            raise ModelError(f"{path}: {error}") from error
        _keep_kernels(loaded, compiled, place)
    return engine


def provide_memory(settings: EngineSettings) -> GpuMemory:
    """Memory and streams as the settings ask for.

    Raises:
        ModelError: torch or pycuda is missing, or does not find the GPU.
    """
    if settings.memory == "pycuda":
        from inference.tensorrt.pycuda_memory import PycudaMemory

        return PycudaMemory(settings.gpu)
    try:
        from inference.tensorrt.torch_memory import torch_memory
    except ImportError as error:
        raise ModelError(f"models.engine.memory: torch cannot be used here ({error}); install it, or use pycuda") from error
    return torch_memory(settings.gpu)


def _load(compiled: CompiledPlan, place: Place, path: Path, settings: EngineSettings) -> tuple[LoadedPlan, PlanState]:
    kernels = place.cache.load_extra(_kernels(compiled, place)) if place.tensorrt.is_rtx else b""
    state = compiled.state
    if state == "cached":
        try:
            return load_plan(place.tensorrt, compiled.plan, cuda_graphs=settings.cuda_graphs, kernels=kernels), state
        except PlanError as error:
            _logger.warning("%s: its plan in %s is built again: %s", path, compiled.path, error)
        state = "broken"
        compiled = compile_plan(path, settings, place.tensorrt, place.gpu, place.cache, again=True)
    try:
        return load_plan(place.tensorrt, compiled.plan, cuda_graphs=settings.cuda_graphs), state
    except (PlanError, ModelError) as error:
        raise ModelError(f"{path}: {error}") from error


def _engine(loaded: LoadedPlan, memory: GpuMemory, identity: Identity, *, cuda_graphs: bool) -> TensorRTEngine:
    if memory.name == "torch":
        from inference.tensorrt.device_engine import TensorRTDeviceEngine
        from inference.tensorrt.torch_memory import TorchMemory

        if isinstance(memory, TorchMemory):
            return TensorRTDeviceEngine(loaded, memory, identity, cuda_graphs=cuda_graphs)
    return TensorRTEngine(loaded, memory, identity, cuda_graphs=cuda_graphs)


def _kernels(compiled: CompiledPlan, place: Place) -> str:
    """Where kernels that TensorRT-RTX has compiled for this GPU are kept."""
    return f"{compiled.path.stem}-{place.gpu.architecture}.kernels"


def _keep_kernels(loaded: LoadedPlan, compiled: CompiledPlan, place: Place) -> None:
    kernels = loaded.compiled_kernels()
    if kernels and compiled.path.is_file():
        place.cache.store_extra(_kernels(compiled, place), kernels)
