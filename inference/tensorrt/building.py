"""From an ONNX file to TensorRT's plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import ModelError
from inference.tensorrt.flavours import TensorRT

__all__ = ["BuildOptions", "build_plan"]

_MOST_ERRORS = 5


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What a plan depends on beside its graph.

    Attributes:
        max_batch: Most pictures in one pass; it is also what kernels are chosen for. A graph with a fixed batch keeps its own.
        exact: Multiply floats with all their bits; else with the 10 bits of TF32, which is faster.
        workspace: Most bytes of GPU memory that one layer may use while it computes.
    """

    max_batch: int = 16
    exact: bool = True
    workspace: int = 4 << 30

    @property
    def names(self) -> tuple[str, ...]:
        """What of it changes a plan, as words for its key; the batch has a place of its own."""
        return (f"workspace {self.workspace}", *(["exact"] if self.exact else []))


def build_plan(
    tensorrt: TensorRT, graph: Path, options: BuildOptions, *, timing_cache: bytes | None = None
) -> tuple[bytes, bytes | None]:
    """Builds a plan. TensorRT needs the GPU for it on which the plan will run; TensorRT-RTX needs none.

    Args:
        tensorrt: Which one builds.
        graph: ONNX file with one picture input; arithmetic is as the file says.
        options: See `BuildOptions`.
        timing_cache: Measurements of earlier builds, empty if there are none; None: keep none. TensorRT-RTX has none.

    Returns:
        The plan, and the timing cache with the measurements of this build.

    Raises:
        ModelError: the graph cannot be read or built; one line says why.
    """
    api, log = tensorrt.api, tensorrt.log
    builder = tensorrt.new("Builder")
    network = builder.create_network(_flags(tensorrt))
    parser = tensorrt.new("OnnxParser", network)
    if not parser.parse_from_file(str(graph)):
        raise ModelError(
            f"{graph}: {tensorrt.flavour} {tensorrt.version} cannot read this network: {_parser_errors(parser, log)}"
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, options.workspace)
    if options.exact:
        config.clear_flag(api.BuilderFlag.TF32)
    _add_profile(builder, network, config, graph, options.max_batch)
    cache = None
    if timing_cache is not None and not tensorrt.is_rtx:
        cache = _attach_timing_cache(config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(f"{graph}: {tensorrt.flavour} {tensorrt.version} cannot build this network: {log.take_errors()}")
    return bytes(plan), bytes(cache.serialize()) if cache is not None else None


def _flags(tensorrt: TensorRT) -> int:
    if not tensorrt.types_are_optional:
        return 0
    return 1 << int(tensorrt.api.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def _add_profile(builder: Any, network: Any, config: Any, graph: Path, max_batch: int) -> None:
    found = [network.get_input(index) for index in range(network.num_inputs)]
    shapes = ", ".join(f"{one.name} {tuple(one.shape)}" for one in found)
    if len(found) != 1 or len(found[0].shape) != 4 or any(size < 1 for size in tuple(found[0].shape)[1:]):
        raise ModelError(
            f"{graph}: expected one input (batch, channels, height, width) of fixed height and width, found {shapes}; "
            "export the network with these"
        )
    batch, *picture = found[0].shape
    if batch > 0:
        return
    profile = builder.create_optimization_profile()
    profile.set_shape(found[0].name, (1, *picture), (max_batch, *picture), (max_batch, *picture))
    if config.add_optimization_profile(profile) < 0:
        raise ModelError(f"{graph}: a batch of up to {max_batch} is not possible with this network")


def _attach_timing_cache(config: Any, content: bytes) -> Any:
    """A cache with what was measured before; an empty one if that is of another GPU or version."""
    cache = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def _parser_errors(parser: Any, log: Any) -> str:
    """The parser's list in one line; each error names the node where it can."""
    errors = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        where = f"node {error.node_name()} ({error.node_operator()}): " if error.node_name() else ""
        errors.append(where + " ".join(error.desc().split()))
    logged = log.take_errors()
    if not errors:
        return str(logged)
    shown = "; ".join(dict.fromkeys(errors[:_MOST_ERRORS]))
    more = len(errors) - _MOST_ERRORS
    return f"{shown}; and {more} more" if more > 0 else shown
