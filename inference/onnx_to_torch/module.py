"""An ONNX graph as a module: its nodes in their order, its weights as buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from inference.onnx_to_torch.attributes import Attributes, UnsupportedError
from inference.onnx_to_torch.operators import ASKS_VALUES, HEAVY, IN_32_BITS, OPERATORS, Compute

__all__ = ["OnnxModule", "UnknownOperatorError"]

_MOVED = " where the values lie"
"""What is added to the name of an index that is moved with the module."""


class UnknownOperatorError(Exception):
    """The graph holds an operator that is not known here, or a form of it; the text names it."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One node.

    Attributes:
        kind: Its operator.
        name: Of the node, for messages.
        compute: What it does.
        inputs: Names of its values, empty where one is left out.
        outputs: Names of its results.
        done_with: Values that no later node takes.
    """

    kind: str
    name: str
    compute: Compute
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    done_with: tuple[str, ...]


class OnnxModule(nn.Module):
    """Computes what an ONNX graph with one input computes.

    What depends on nothing but weights is computed once, here. In 16 bits, convolutions and matrix products compute in 16
    bits and what lies between them takes what it gets; operators that would lose too much compute in 32. Files that are
    in 16 bits themselves are computed as they say, or in 32 bits if that is asked. Integers stay in memory wherever the
    module is moved, since they say how long things are; but for those that pick values out of others. So a pass never waits
    for a GPU.

    Args:
        model: The graph and its weights.
        half: Whether to compute in 16 bits; otherwise in 32.

    Raises:
        UnknownOperatorError: it holds an operator that is not known here.
    """

    def __init__(self, model: onnx.ModelProto, *, half: bool = False) -> None:
        super().__init__()
        self._half = half
        self._output_names = tuple(output.name for output in model.graph.output)
        constants = {tensor.name: self._loaded(tensor) for tensor in model.graph.initializer}
        inputs = [value.name for value in model.graph.input if value.name not in constants]
        if len(inputs) != 1:
            raise UnknownOperatorError(f"a graph with the inputs {', '.join(inputs) or 'none'}, where one is expected")
        self._input_name = inputs[0]
        steps = _picking_where_values_lie(self._folded(model, constants), constants)
        self._steps = _with_ends(steps, self._output_names)
        self._keep(constants, steps)

    @property
    def operators(self) -> frozenset[str]:
        """Kinds of the nodes that are computed in each pass."""
        return frozenset(step.kind for step in self._steps)

    def forward(self, batch: Tensor) -> tuple[Tensor, ...]:
        """The outputs, float32, of a batch float32."""
        values: dict[str, Tensor] = {**self._constants, self._input_name: batch}
        values.update((name, cast("Tensor", self._buffers[place])) for name, place in self._places.items())
        for step in self._steps:
            results = self._run(step, values)
            values.update(zip(step.outputs, results, strict=False))
            for name in step.done_with:
                del values[name]
        return tuple(values[name].float() for name in self._output_names)

    def _run(self, step: _Step, values: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        taken = [values[name] if name else None for name in step.inputs]
        if step.kind in HEAVY:
            taken = _as_weights(taken)
        elif step.kind in IN_32_BITS:
            taken = [one.float() if one is not None and one.dtype == torch.float16 else one for one in taken]
        elif step.kind == "Concat":
            taken = _alike(taken)
        try:
            results = step.compute(*taken)
        except UnsupportedError as error:
            raise UnknownOperatorError(f"{step.kind} ({step.name or step.outputs[0]}): {error}") from None
        return results if isinstance(results, tuple) else (results,)

    def _folded(self, model: onnx.ModelProto, constants: dict[str, Tensor]) -> list[_Step]:
        """The nodes that depend on the input; the results of the others are added to the constants."""
        opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
        unknown = sorted({_kind(node) for node in model.graph.node if _kind(node) not in OPERATORS})
        if unknown:
            raise UnknownOperatorError(f"unknown operators: {', '.join(unknown)}")
        steps = []
        for node in model.graph.node:
            try:
                compute = OPERATORS[node.op_type](Attributes(node, opset))
            except UnsupportedError as error:
                raise UnknownOperatorError(f"{node.op_type} ({node.name or node.output[0]}): {error}") from None
            step = _Step(node.op_type, node.name, self._in_type(node, compute), tuple(node.input), tuple(node.output), ())
            if all(name in constants for name in step.inputs if name):
                constants.update(zip(step.outputs, self._run(step, constants), strict=True))
            else:
                steps.append(step)
        return steps

    def _in_type(self, node: onnx.NodeProto, compute: Compute) -> Compute:
        """A cast to 16 bits does nothing where all is computed in 32."""
        to_half = node.op_type == "Cast" and any(
            attribute.name == "to" and attribute.i == onnx.TensorProto.FLOAT16 for attribute in node.attribute
        )
        return (lambda value: value.float()) if to_half and not self._half else compute

    def _loaded(self, tensor: onnx.TensorProto) -> Tensor:
        value = torch.from_numpy(np.array(onnx.numpy_helper.to_array(tensor)))
        return value.float() if value.dtype == torch.float16 and not self._half else value

    def _keep(self, constants: Mapping[str, Tensor], steps: Sequence[_Step]) -> None:
        """Keeps what the steps take: arrays of numbers as buffers, the rest as it is."""
        taken = {name for step in steps for name in step.inputs} | set(self._output_names)
        weights = {name for step in steps if step.kind in HEAVY for name in step.inputs[1:]}
        asked = {name for step in steps if step.kind in ASKS_VALUES for name in step.inputs[1:]}
        self._places: dict[str, str] = {}
        self._constants: dict[str, Tensor] = {}
        for name, value in constants.items():
            if name not in taken:
                continue
            if not name.endswith(_MOVED) and (name in asked or not value.is_floating_point() or value.ndim == 0):
                self._constants[name] = value
                continue
            if self._half and name in weights:
                value = value.half()
            if value.ndim == 4:
                value = value.contiguous(memory_format=torch.channels_last)
            self._places[name] = f"weight{len(self._places)}"
            self.register_buffer(self._places[name], value, persistent=False)


def _kind(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def _as_weights(values: Sequence[Tensor | None]) -> list[Tensor | None]:
    """All in the type of the second value, which is the weight as a rule."""
    second = values[1]
    kind = None if second is None else second.dtype
    return [one if one is None or one.dtype == kind else one.to(kind) for one in values]


def _alike(values: Sequence[Tensor | None]) -> list[Tensor | None]:
    """All in the widest type among them."""
    present = [one for one in values if one is not None]
    kind = present[0].dtype
    for one in present:
        kind = torch.promote_types(kind, one.dtype)
    return [one if one is None else one.to(kind) for one in values]


def _picking_where_values_lie(steps: Sequence[_Step], constants: dict[str, Tensor]) -> list[_Step]:
    """The steps, with copies of constant indices that are moved with the module, unless they pick out of lengths."""
    lengths = {name for name, value in constants.items() if not value.is_floating_point()}
    found = []
    for step in steps:
        if step.kind == "Shape" or all(name in lengths for name in step.inputs if name):
            lengths.update(step.outputs)
        elif step.kind in ("Gather", "GatherND") and step.inputs[1] in constants:
            value, index = step.inputs
            constants[index + _MOVED] = constants[index]
            step = replace(step, inputs=(value, index + _MOVED))
        found.append(step)
    return found


def _with_ends(steps: Sequence[_Step], outputs: Sequence[str]) -> list[_Step]:
    """The steps, each with the values that nobody takes after it, so that memory is free again as early as can be."""
    made = {name for step in steps for name in step.outputs}
    needed: set[str] = set(outputs)
    found: list[Any] = []
    for step in reversed(steps):
        ends = {name for name in (*step.inputs, *step.outputs) if name in made and name not in needed}
        needed.update(step.inputs)
        found.append(_Step(step.kind, step.name, step.compute, step.inputs, step.outputs, tuple(sorted(ends))))
    return found[::-1]
