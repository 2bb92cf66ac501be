"""A plan becomes an engine of TensorRT, with what must be known to feed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inference.errors import InferenceError, ModelError
from inference.tensorrt.flavours import TensorRT
from inference.tensorrt.plans import Plan

__all__ = ["LoadedPlan", "PlanError", "load_plan"]


class PlanError(InferenceError):
    """TensorRT cannot load or start a plan; building it again may help."""


@dataclass(frozen=True, eq=False)
class LoadedPlan:
    """An engine of TensorRT, which any number of contexts and threads may use.

    Attributes:
        tensorrt: Which one.
        engine: Its own object.
        input_name: Of the picture input.
        input_shape: (channels, height, width) of one picture.
        batch_is_fixed: Whether each pass takes exactly `max_batch` pictures.
        max_batch: Most pictures in one pass.
        output_names: In the order of the ONNX file.
        output_shapes: For one picture, in the same order.
        output_types: As they lie in memory, in the same order.
        jit_cache: Of TensorRT-RTX: the kernels compiled so far; None: it has none.
    """

    tensorrt: TensorRT
    engine: Any
    input_name: str
    input_shape: tuple[int, int, int]
    batch_is_fixed: bool
    max_batch: int
    output_names: tuple[str, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    output_types: tuple[np.dtype[Any], ...]
    jit_cache: Any = None
    _runtime: Any = field(default=None, repr=False)  # must live as long as the engine
    _settings: Any = field(default=None, repr=False)

    def new_context(self, *, shared_scratch: bool) -> Any:
        """A context: what one pass at a time runs in.

        Args:
            shared_scratch: Let the caller give it memory to compute in; else it has its own.

        Raises:
            PlanError: there is not enough memory, or the GPU cannot run this plan.
        """
        self.tensorrt.log.take_errors()
        if self._settings is not None:
            context = self.engine.create_execution_context(self._settings)
        elif shared_scratch:
            strategy = self.tensorrt.api.ExecutionContextAllocationStrategy.USER_MANAGED
            context = self.engine.create_execution_context(strategy)
        else:
            context = self.engine.create_execution_context()
        if context is None:
            raise PlanError(f"TensorRT makes no context: {self.tensorrt.log.take_errors()}")
        return context

    def compiled_kernels(self) -> bytes:
        """Kernels that TensorRT-RTX compiled on this GPU; empty: none, or they are no matter."""
        if self.jit_cache is None:
            return b""
        content = self.jit_cache.serialize()
        return b"" if content is None else bytes(content)


def load_plan(tensorrt: TensorRT, plan: Plan, *, cuda_graphs: bool, kernels: bytes = b"") -> LoadedPlan:
    """Loads a plan onto the current GPU.

    Args:
        tensorrt: The one that built it.
        plan: The plan, from the cache of plans only: it holds code.
        cuda_graphs: Let TensorRT-RTX record its work as CUDA graphs; TensorRT leaves that to who calls it.
        kernels: What `LoadedPlan.compiled_kernels` gave, of this GPU; empty: none.

    Raises:
        PlanError: TensorRT does not load it.
        ModelError: it is no network of one picture input and outputs of known size.
    """
    api, log = tensorrt.api, tensorrt.log
    runtime = tensorrt.new("Runtime")
    engine = runtime.deserialize_cuda_engine(plan.content)
    if engine is None:
        raise PlanError(f"{tensorrt.flavour} {tensorrt.version} does not load the plan: {log.take_errors()}")
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == api.TensorIOMode.INPUT]
    outputs = [name for name in names if engine.get_tensor_mode(name) == api.TensorIOMode.OUTPUT]
    if set(outputs) != set(plan.outputs):
        raise PlanError(f"the plan's outputs are {', '.join(outputs)}, and not {', '.join(plan.outputs)}")
    if len(inputs) != 1 or engine.get_tensor_dtype(inputs[0]) != api.DataType.FLOAT:
        raise ModelError(f"expected one float32 input, found {', '.join(inputs)}; export the network with one")
    batch, *picture = engine.get_tensor_shape(inputs[0])
    fixed = batch > 0
    most = batch if fixed else engine.get_tensor_profile_shape(inputs[0], 0)[2][0]
    shapes = tuple(tuple(engine.get_tensor_shape(name))[1:] for name in plan.outputs)
    if any(size < 0 for shape in shapes for size in shape):
        raise ModelError("an output has another size for each picture; leave such steps out of the exported network")
    settings, cache = _runtime_settings(engine, api, cuda_graphs, kernels) if tensorrt.is_rtx else (None, None)
    return LoadedPlan(
        tensorrt,
        engine,
        inputs[0],
        (picture[0], picture[1], picture[2]),
        fixed,
        most,
        plan.outputs,
        shapes,
        tuple(_numpy_type(api, engine, name) for name in plan.outputs),
        cache,
        runtime,
        settings,
    )


def _numpy_type(api: Any, engine: Any, name: str) -> np.dtype[Any]:
    found = engine.get_tensor_dtype(name)
    try:
        dtype: np.dtype[Any] = np.dtype(api.nptype(found))
        return dtype
    except TypeError as error:
        raise ModelError(f"the output {name} is {found}, which numpy has not; export the network with float32 outputs") from error


def _runtime_settings(engine: Any, api: Any, cuda_graphs: bool, kernels: bytes) -> tuple[Any, Any]:
    """How TensorRT-RTX runs, and its cache of compiled kernels; it says itself whether old ones still fit."""
    settings = engine.create_runtime_config()
    if cuda_graphs:
        settings.cuda_graph_strategy = api.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    cache = settings.create_runtime_cache()
    if kernels:
        cache.deserialize(kernels)
    settings.set_runtime_cache(cache)
    return settings, cache
