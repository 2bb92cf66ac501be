"""An ONNX network that computes in 16 bits, made of one that computes in 32."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import onnx

from inference.errors import ModelError

__all__ = ["REVISION", "compute_in_half"]

REVISION: Final = 1
"""Goes up when the result changes, so that files made before are not taken for it."""

_FLOAT, _HALF = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
_HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_KEPT = frozenset(
    {
        *("Pow", "Exp", "Log", "Sqrt", "Reciprocal", "Softmax", "LogSoftmax", "CumSum"),
        *("ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMean", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
        *("AveragePool", "GlobalAveragePool", "LayerNormalization", "InstanceNormalization", "GroupNormalization"),
    }
)
"""Sums and powers: what lies between may be larger than 16 bits hold."""
_QUANTISED = frozenset({"QuantizeLinear", "DequantizeLinear"})
_NOT_VALUES = {"Resize": (1, 2), "Upsample": (1,)}
"""Inputs that are 32 bits in any case."""
_SUFFIX = "_in_half"


def compute_in_half(source: Path, target: Path) -> None:
    """Writes a network that computes in 16 bits from its first convolution to its last: for GPUs.

    Input, normalisation of pixels, what comes behind the last convolution or matrix product, sums and powers stay in 32 bits,
    and so do inputs and outputs of the file.

    Args:
        source: ONNX file that computes in 32 bits; its weights may be kept in 16.
        target: File to write; it appears under this name when it is complete.

    Raises:
        ModelError: the file has 8-bit or control flow nodes, a weight is too large for 16 bits, or there is nothing to compute.
    """
    model = onnx.load(source)
    if any(node.op_type in _QUANTISED for node in model.graph.node):
        raise ModelError(f"{source}: computes in 8 bits already; make 16 bits of the file it was made of")
    if any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute):
        raise ModelError(f"{source}: has control flow, which cannot be turned to 16 bits; export its torch module with half()")
    _Conversion(model, source).run()
    properties = {one.key: one.value for one in model.metadata_props}
    onnx.helper.set_model_props(model, {**properties, "precision": "float16"})
    onnx.checker.check_model(model)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    partial = target.with_name(f"{target.name}.part")
    onnx.save(model, partial)
    partial.replace(target)


class _Conversion:
    """Each value may exist in both forms: a cast is made where the other one is asked for, once."""

    def __init__(self, model: onnx.ModelProto, source: Path) -> None:
        self._graph = model.graph
        self._source = source
        self._floats = _float_values(model)
        self._weights = {one.name: one for one in model.graph.initializer}
        self._constants = _constant_values(model.graph)
        self._kept_in_half = _weights_kept_in_half(model.graph)
        self._in_half: set[int] = set()
        self._made: dict[str, str] = {}  # 32-bit value -> its 16-bit form
        self._nodes: list[onnx.NodeProto] = []

    def run(self) -> None:
        self._in_half = self._between_heavy_nodes()
        if not self._in_half:
            raise ModelError(f"{self._source}: has no convolution or matrix product that could compute in 16 bits")
        for index, node in enumerate(self._graph.node):
            if index in self._in_half:
                self._turn(node)
            else:
                self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        del self._graph.value_info[:]  # tells the old types
        self._drop_unused()

    def _between_heavy_nodes(self) -> set[int]:
        """Nodes on a way from a heavy one to a heavy one, these included, that handle floats and stand 16 bits."""
        nodes = list(self._graph.node)
        behind: set[str] = set()
        forward: set[int] = set()
        for index, node in enumerate(nodes):
            if node.op_type in _HEAVY or any(name in behind for name in node.input):
                forward.add(index)
                behind.update(node.output)
        before: set[str] = set()
        between: set[int] = set()
        for index in reversed(range(len(nodes))):
            node = nodes[index]
            if node.op_type in _HEAVY or any(name in before for name in node.output):
                before.update(node.input)
                if index in forward:
                    between.add(index)
        return {index for index in between if self._can_turn(nodes[index])}

    def _can_turn(self, node: onnx.NodeProto) -> bool:
        if node.op_type in _KEPT or all(name in self._constants for name in node.output):
            return False
        touched = [name for name in (*node.input, *node.output) if name in self._floats]
        return bool(touched) and (node.op_type != "Cast" or node.output[0] in self._floats)

    def _turn(self, node: onnx.NodeProto) -> None:
        fixed = _NOT_VALUES.get(node.op_type, ())
        for position, name in enumerate(node.input):
            if name in self._floats and position not in fixed:
                node.input[position] = self._half_of(name)
        if node.op_type == "Cast":
            next(one for one in node.attribute if one.name == "to").i = _HALF
        self._nodes.append(node)
        for position, name in enumerate(node.output):
            if name in self._floats:
                half = f"{name}{_SUFFIX}"
                node.output[position] = half
                self._made[name] = half
                # dropped again if nobody asks for 32 bits
                self._nodes.append(onnx.helper.make_node("Cast", [half], [name], f"{name}_in_full", to=_FLOAT))

    def _half_of(self, name: str) -> str:
        """Name of the 16-bit form of a value."""
        if name not in self._made:
            half = self._kept_in_half.get(name, f"{name}{_SUFFIX}")
            weight = self._weights.get(name)
            if name in self._kept_in_half:
                pass
            elif weight is None:
                self._nodes.append(onnx.helper.make_node("Cast", [name], [half], f"{name}_cast_to_half", to=_HALF))
            else:
                values = onnx.numpy_helper.to_array(weight)
                if not np.isfinite(values).all() or np.abs(values).max(initial=0) > np.finfo(np.float16).max:
                    raise ModelError(f"{self._source}: the weight {name} is too large for 16 bits")
                self._graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), half))
            self._made[name] = half
        return self._made[name]

    def _drop_unused(self) -> None:
        """Removes casts and weights that nobody asks for any more."""
        wanted = {output.name for output in self._graph.output}
        kept = []
        for node in reversed(self._graph.node):
            if any(name in wanted for name in node.output):
                wanted.update(node.input)
                kept.append(node)
        del self._graph.node[:]
        self._graph.node.extend(reversed(kept))
        weights = [one for one in self._graph.initializer if one.name in wanted]
        del self._graph.initializer[:]
        self._graph.initializer.extend(weights)


def _float_values(model: onnx.ModelProto) -> set[str]:
    """Names of all values of 32 bits."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values: Iterable[onnx.ValueInfoProto] = (*graph.input, *graph.output, *graph.value_info)
    found = {one.name for one in values if one.type.tensor_type.elem_type == _FLOAT}
    return found | {one.name for one in graph.initializer if one.data_type == _FLOAT}


def _weights_kept_in_half(graph: onnx.GraphProto) -> dict[str, str]:
    """The 16-bit weight behind each value that is nothing but such a weight turned to 32 bits."""
    half = {one.name for one in graph.initializer if one.data_type == _HALF}
    return {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast" and node.input[0] in half}


def _constant_values(graph: onnx.GraphProto) -> set[str]:
    """Names of weights, and of what is computed from nothing else, such as weights kept in 16 bits."""
    found = {one.name for one in graph.initializer}
    for node in graph.node:
        if all(not name or name in found for name in node.input):
            found.update(node.output)
    return found
