"""TensorRT's Python module as far as the product uses it, computing with ONNX Runtime on a `FakeGpu`.

A test holds its names to those of the genuine modules.
"""

from __future__ import annotations

import enum
import itertools
import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from inference.engines.gpu import Gpu
from inference.tensorrt.engine import TensorRTEngine
from inference.tensorrt.flavours import Flavour, TensorRT, make_log
from inference.tensorrt.memory import GpuMemory
from inference.tensorrt.opening import Place, open_on
from inference.tensorrt.plans import PlanCache
from tests.support.fake_gpu import FakeGpu
from throughline.settings.models import EngineSettings
from throughline.telemetry.metrics import Metrics

__all__ = ["GPU", "FakeApi", "fake_tensorrt", "open_on_fake"]

GPU = Gpu(0, "Fake GPU", (9, 0), 80 << 30, "13.2")

_MAGIC = b"fake plan\n"
_NUMPY = {"FLOAT": np.float32, "HALF": np.float16, "INT32": np.int32, "INT64": np.int64}
_ELEMENTS = {1: "FLOAT", 10: "HALF", 6: "INT32", 7: "INT64"}
_SCRATCH = 4096


class Severity(enum.Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class DataType(enum.Enum):
    FLOAT = 0
    HALF = 1
    INT32 = 3
    INT64 = 5
    BF16 = 6


class TensorIOMode(enum.Enum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class ExecutionContextAllocationStrategy(enum.Enum):
    STATIC = 0
    USER_MANAGED = 2


class MemoryPoolType(enum.Enum):
    WORKSPACE = 0


class BuilderFlag(enum.Enum):
    TF32 = 0


class CudaGraphStrategy(enum.Enum):
    DISABLED = 0
    WHOLE_GRAPH_CAPTURE = 1


class NetworkDefinitionCreationFlag(enum.IntEnum):
    STRONGLY_TYPED = 1


class ILogger:
    Severity = Severity


class FakeApi:
    """The module.

    Attributes:
        gpu: Where everything happens.
        fail: Calls that fail next, by name of the method; each is taken once.
        contexts: Every context made, in order.
        builds: How often something was built.
        timing_caches: What timing caches were made of.
    """

    ILogger = ILogger
    DataType = DataType
    TensorIOMode = TensorIOMode
    ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy
    MemoryPoolType = MemoryPoolType
    BuilderFlag = BuilderFlag
    CudaGraphStrategy = CudaGraphStrategy
    NetworkDefinitionCreationFlag = NetworkDefinitionCreationFlag

    def __init__(self, gpu: FakeGpu, version: str = "11.4.0.106") -> None:
        self.gpu = gpu
        self.__version__ = version
        self.fail: list[str] = []
        self.contexts: list[IExecutionContext] = []
        self.builds = 0
        self.creation_flags: list[int] = []
        self.timing_caches: list[bytes] = []
        self.logger: Any = None

    def fails(self, call: str) -> bool:
        """Whether this call shall fail now; then the log says so, as TensorRT's would."""
        if call not in self.fail:
            return False
        self.fail.remove(call)
        self.complain(f"{call}: Error Code 1: made to fail")
        return True

    def complain(self, text: str) -> None:
        """Logs an error, as TensorRT does."""
        self.logger.log(Severity.ERROR, text)

    def nptype(self, kind: Any) -> Any:
        if kind.name not in _NUMPY:
            raise TypeError(f"could not resolve {kind} to an equivalent numpy type")
        return _NUMPY[kind.name]

    def Builder(self, logger: Any) -> Builder:  # noqa: N802 - TensorRT's name
        self.logger = logger
        return Builder(self)

    def OnnxParser(self, network: INetworkDefinition, logger: Any) -> OnnxParser:  # noqa: N802
        self.logger = logger
        return OnnxParser(network)

    def Runtime(self, logger: Any) -> Runtime:  # noqa: N802
        self.logger = logger
        return Runtime(self)


class ITensor:
    def __init__(self, value: onnx.ValueInfoProto) -> None:
        self.name = value.name
        self.shape = tuple(-1 if one.dim_param else one.dim_value for one in value.type.tensor_type.shape.dim)
        self.dtype = DataType[_ELEMENTS[value.type.tensor_type.elem_type]]


class INetworkDefinition:
    def __init__(self) -> None:
        self.model: onnx.ModelProto | None = None

    @property
    def num_inputs(self) -> int:
        return len(self._graph.input)

    def get_input(self, index: int) -> ITensor:
        return ITensor(self._graph.input[index])

    @property
    def _graph(self) -> onnx.GraphProto:
        assert self.model is not None
        return self.model.graph


class ParserError:
    def __init__(self, node: onnx.NodeProto | None, text: str) -> None:
        self._node = node
        self._text = text

    def desc(self) -> str:
        return self._text

    def node_name(self) -> str:
        return "" if self._node is None else self._node.name

    def node_operator(self) -> str:
        return "" if self._node is None else self._node.op_type


class OnnxParser:
    """Refuses nodes of the operator ``Unknown``."""

    def __init__(self, network: INetworkDefinition) -> None:
        self._network = network
        self._errors: list[ParserError] = []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]

    def parse_from_file(self, model: str) -> bool:
        self._network.model = onnx.load(model)
        self._errors = [
            ParserError(node, "no importer\nfor this") for node in self._network.model.graph.node if node.op_type == "Unknown"
        ]
        return not self._errors


class IOptimizationProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def set_shape(self, name: str, least: tuple[int, ...], best: tuple[int, ...], most: tuple[int, ...]) -> None:
        self.shapes[name] = (least, best, most)


class ITimingCache:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content


class IBuilderConfig:
    def __init__(self, api: FakeApi) -> None:
        self.profile: IOptimizationProfile | None = None
        self.timing: ITimingCache | None = None
        self.limits: dict[MemoryPoolType, int] = {}
        self.cleared: list[BuilderFlag] = []
        self._api = api

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        self.limits[pool] = pool_size

    def clear_flag(self, flag: BuilderFlag) -> None:
        self.cleared.append(flag)

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        self.profile = profile
        return 0

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
        self._api.timing_caches.append(serialized_timing_cache)
        return None if self._api.fails("create_timing_cache") else ITimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        self.timing = cache
        return not ignore_mismatch


class Builder:
    def __init__(self, api: FakeApi) -> None:
        self._api = api

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        self._api.creation_flags.append(flags)
        return INetworkDefinition()

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig(self._api)

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> bytes | None:
        if self._api.fails("build_serialized_network"):
            return None
        assert network.model is not None
        dynamic = any(size < 0 for size in network.get_input(0).shape)
        if dynamic and config.profile is None:
            self._api.complain("no optimization profile has been defined")
            return None
        self._api.builds += 1
        if config.timing is not None:
            config.timing.content += b"measured;"
        most = config.profile.shapes[network.get_input(0).name] if config.profile is not None else ()
        plan: bytes = _MAGIC + json.dumps(most).encode() + b"\n" + network.model.SerializeToString()
        return plan


class Runtime:
    def __init__(self, api: FakeApi) -> None:
        self._api = api

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
        if self._api.fails("deserialize_cuda_engine"):
            return None
        if not serialized_engine.startswith(_MAGIC):
            self._api.complain("Serialization assertion\n failed: Magic tag does not match")
            return None
        profile, _, model = serialized_engine[len(_MAGIC) :].partition(b"\n")
        return ICudaEngine(self._api, onnx.load_model_from_string(model), json.loads(profile))


class IRuntimeCache:
    def __init__(self) -> None:
        self.content = b""

    def deserialize(self, blob: bytes) -> bool:
        self.content = bytes(blob)
        return True

    def serialize(self) -> bytes:
        return self.content


class IRuntimeConfig:
    def __init__(self) -> None:
        self.cuda_graph_strategy = CudaGraphStrategy.DISABLED
        self.cache: IRuntimeCache | None = None

    def create_runtime_cache(self) -> IRuntimeCache:
        return IRuntimeCache()

    def set_runtime_cache(self, cache: IRuntimeCache) -> bool:
        self.cache = cache
        return True


class ICudaEngine:
    def __init__(self, api: FakeApi, model: onnx.ModelProto, profile: list[list[int]]) -> None:
        self._api = api
        # TensorRT's order need not be that of the file
        self._tensors = [
            (ITensor(value), mode)
            for values, mode in ((model.graph.input, TensorIOMode.INPUT), (reversed(model.graph.output), TensorIOMode.OUTPUT))
            for value in values
        ]
        self._profile = profile
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    @property
    def device_memory_size_v2(self) -> int:
        return _SCRATCH

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return self._tensors[index][0].name

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return self._find(name)[1]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._find(name)[0].shape

    def get_tensor_dtype(self, name: str) -> DataType:
        return self._find(name)[0].dtype

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        return [tuple(shape) for shape in self._profile]

    def create_runtime_config(self) -> IRuntimeConfig:
        return IRuntimeConfig()

    def create_execution_context(self, strategy: Any = ExecutionContextAllocationStrategy.STATIC) -> IExecutionContext | None:
        if self._api.fails("create_execution_context"):
            return None
        context = IExecutionContext(self._api, self, strategy)
        self._api.contexts.append(context)
        return context

    def _find(self, name: str) -> tuple[ITensor, TensorIOMode]:
        return next(one for one in self._tensors if one[0].name == name)


class IExecutionContext:
    """Looks at shapes and addresses when it is queued, and at memory when its stream gets there."""

    _numbers = itertools.count()

    def __init__(self, api: FakeApi, engine: ICudaEngine, strategy: Any) -> None:
        self.strategy = strategy
        self.passes: list[int] = []
        self.streams: set[int] = set()
        self._api = api
        self._engine = engine
        self._batch = 0
        self._addresses: dict[str, int] = {}
        self._scratch: tuple[int, int] | None = None
        self._busy = threading.Lock()
        if isinstance(strategy, IRuntimeConfig) and strategy.cache is not None:
            strategy.cache.content += b"compiled;"

    def set_device_memory(self, memory: int, size: int) -> None:
        self._scratch = (memory, size)

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        fixed = self._engine.get_tensor_shape(name)
        most = fixed[0] if fixed[0] > 0 else self._engine._profile[2][0]
        if shape[1:] != fixed[1:] or shape[0] > most:
            self._api.complain(f"set_input_shape: {shape} is out of range")
            return False
        self._batch = shape[0]
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        if self._api.fails("execute_async_v3"):
            return False
        if not self._busy.acquire(blocking=False):
            self._api.gpu.problems.append("two threads in one context")
            return False
        try:
            return self._queue(stream_handle)
        finally:
            self._busy.release()

    def _queue(self, handle: int) -> bool:
        gpu, engine = self._api.gpu, self._engine
        if self.strategy is ExecutionContextAllocationStrategy.USER_MANAGED:
            if self._scratch is None or self._scratch[1] < _SCRATCH:
                self._api.complain("no device memory was set")
                return False
            gpu.memory_at(self._scratch[0], (_SCRATCH,), np.uint8)
        if not self._batch or len(self._addresses) != engine.num_io_tensors or handle not in gpu.streams:
            self._api.complain("a shape, an address or the stream is missing")
            return False
        batch, addresses = self._batch, dict(self._addresses)
        self.streams.add(handle)
        gpu.events.append(("queue", handle, 0))

        def work() -> None:
            self.passes.append(batch)
            (given,) = engine._session.get_inputs()
            source = gpu.memory_at(addresses[given.name], (batch, *given.shape[1:]), np.float32)
            outputs = engine._session.run(None, {given.name: source.copy()})
            for output, value in zip(engine._session.get_outputs(), outputs, strict=True):
                gpu.memory_at(addresses[output.name], value.shape, value.dtype)[...] = value

        gpu.streams[handle].enqueue(work)
        return True


def fake_tensorrt(gpu: FakeGpu, *, flavour: Flavour = "tensorrt", version: str = "11.4.0.106") -> TensorRT:
    """A handle like `inference.tensorrt.flavours.load_tensorrt` gives."""
    api = FakeApi(gpu, version)
    log = make_log(api)
    api.logger = log.native
    return TensorRT(api, flavour, version, log)


def open_on_fake(
    path: Path,
    tensorrt: TensorRT,
    memory: GpuMemory,
    *,
    folder: Path | None = None,
    metrics: Metrics | None = None,
    **settings: Any,
) -> TensorRTEngine:
    """Opens a network like `inference.tensorrt.opening.open_tensorrt`, in 32 bits unless the settings say otherwise."""
    with tempfile.TemporaryDirectory() as own:
        place = Place(tensorrt, GPU, memory, PlanCache(Path(own) if folder is None else folder))
        chosen = EngineSettings.model_validate({"precision": "float32", **settings})
        return open_on(place, path, chosen, name=path.stem, metrics=metrics)
