"""The operators: each takes the attributes of a node and gives the function that computes it.

Definitions: *ONNX Operators*, the standard's own reference. What decides about shapes (lengths, axes, indices) are integer
tensors in memory, so that asking for their values never waits for a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import onnx
import torch
from torch import Tensor
from torch.nn import functional

from inference.onnx_to_torch.attributes import Attributes, UnsupportedError
from inference.onnx_to_torch.windows import average_pool, convolution, max_pool, resize, transposed_convolution

__all__ = ["ASKS_VALUES", "HEAVY", "IN_32_BITS", "OPERATORS", "Compute"]

Compute: TypeAlias = Callable[..., Tensor | tuple[Tensor, ...]]
"""From the values of a node's inputs, None where an optional one is left out, to the values of its outputs."""

_TYPES: Final[dict[int, torch.dtype]] = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.FLOAT16: torch.float16,
    onnx.TensorProto.DOUBLE: torch.float64,
    onnx.TensorProto.INT32: torch.int32,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.BOOL: torch.bool,
}

HEAVY: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators whose weights set the type in which they compute."""

ASKS_VALUES: Final = frozenset({"Clip", "Resize"})
"""Operators that ask for the values of their further inputs, though these are no integers."""

IN_32_BITS: Final = frozenset(
    {"BatchNormalization", "Exp", "GlobalAveragePool", "Pow", "ReduceL2", "ReduceMean", "ReduceSum", "Softmax", "Sqrt"}
)
"""Operators whose results leave the range of 16 bits, or lose too much there."""


def _elementwise(function: Callable[..., Tensor]) -> Callable[[Attributes], Compute]:
    return lambda _: function


def _cast(attributes: Attributes) -> Compute:
    target = attributes.integer("to", 0)
    if target not in _TYPES:
        raise UnsupportedError(f"to = {onnx.TensorProto.DataType.Name(target)}")
    return lambda value: value.to(_TYPES[target])


def _clip(attributes: Attributes) -> Compute:
    low = attributes.number("min", 0.0) if attributes.present("min") else None
    high = attributes.number("max", 0.0) if attributes.present("max") else None

    def clip(value: Tensor, least: Tensor | None = None, most: Tensor | None = None) -> Tensor:
        return value.clamp(low if least is None else least.item(), high if most is None else most.item())

    return clip


def _divide(_: Attributes) -> Compute:
    def divide(one: Tensor, other: Tensor) -> Tensor:
        whole = not (one.is_floating_point() or other.is_floating_point())
        return torch.div(one, other, rounding_mode="trunc" if whole else None)

    return divide


def _concatenate(attributes: Attributes) -> Compute:
    axis = attributes.integer("axis", 0)
    return lambda *values: torch.cat(values, dim=axis)


def _constant(attributes: Attributes) -> Compute:
    for name in ("value_float", "value_floats", "value_int", "value_ints"):
        if attributes.present(name):
            value = torch.tensor(attributes.value(name))
            return lambda: value
    if not attributes.present("value"):
        raise UnsupportedError("a constant that is neither a tensor nor a number")
    tensor = torch.from_numpy(onnx.numpy_helper.to_array(attributes.value("value")).copy())
    return lambda: tensor


def _extreme(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Attributes], Compute]:
    def build(_: Attributes) -> Compute:
        def extreme(first: Tensor, *others: Tensor) -> Tensor:
            for other in others:
                first = function(first, other)
            return first

        return extreme

    return build


def _expand(_: Attributes) -> Compute:
    def expand(value: Tensor, shape: Tensor) -> Tensor:
        lengths = torch.broadcast_shapes(value.shape, shape.tolist())  # type: ignore[no-untyped-call]  # torch left it out
        return value.expand(lengths)

    return expand


def _flatten(attributes: Attributes) -> Compute:
    axis = attributes.integer("axis", 1)

    def flatten(value: Tensor) -> Tensor:
        ahead = 1
        for length in value.shape[:axis]:
            ahead *= length
        return value.reshape(ahead, -1) if value.numel() else value.reshape(ahead, value.shape[axis:].numel())

    return flatten


def _gather(attributes: Attributes) -> Compute:
    axis = attributes.integer("axis", 0)

    def gather(value: Tensor, index: Tensor) -> Tensor:
        index = index.to(value.device)
        index = torch.where(index < 0, index + value.shape[axis], index)
        found = value.index_select(axis, index.reshape(-1))
        return found.reshape(*value.shape[:axis], *index.shape, *value.shape[axis:][1:])

    return gather


def _gather_nd(attributes: Attributes) -> Compute:
    if attributes.integer("batch_dims", 0) != 0:
        raise UnsupportedError("batch_dims")
    return lambda value, index: value[tuple(index.to(value.device).unbind(-1))]


def _gemm(attributes: Attributes) -> Compute:
    alpha, beta = attributes.number("alpha", 1.0), attributes.number("beta", 1.0)
    first, second = attributes.integer("transA", 0), attributes.integer("transB", 0)

    def gemm(one: Tensor, other: Tensor, bias: Tensor | None = None) -> Tensor:
        product = (one.mT if first else one) @ (other.mT if second else other)
        if alpha != 1.0:
            product = alpha * product
        if bias is None:
            return product
        return product + (bias if beta == 1.0 else beta * bias)

    return gemm


def _normalise(attributes: Attributes) -> Compute:
    epsilon = attributes.number("epsilon", 1e-5)
    if attributes.outputs != 1 or attributes.integer("training_mode", 0):
        raise UnsupportedError("training")

    def normalise(value: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return functional.batch_norm(value, mean, variance, scale, bias, eps=epsilon)

    return normalise


def _reduce(function: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[[Attributes], Compute]:
    def build(attributes: Attributes) -> Compute:
        keep, only_axes = bool(attributes.integer("keepdims", 1)), attributes.integer("noop_with_empty_axes", 0)
        usual = attributes.integers("axes", ())

        def reduce(value: Tensor, axes: Tensor | None = None) -> Tensor:
            chosen = usual if axes is None else axes.tolist()
            if not chosen and only_axes:
                return value
            return function(value, chosen or list(range(value.ndim)), keep)

        return reduce

    return build


def _reshape(attributes: Attributes) -> Compute:
    zero_is_zero = attributes.integer("allowzero", 0)

    def reshape(value: Tensor, shape: Tensor) -> Tensor:
        lengths = shape.tolist()
        if not zero_is_zero:
            lengths = [value.shape[place] if length == 0 else length for place, length in enumerate(lengths)]
        return value.reshape(lengths)

    return reshape


def _shape(attributes: Attributes) -> Compute:
    start = attributes.integer("start", 0)
    end = attributes.integer("end", 0) if attributes.present("end") else None
    return lambda value: torch.tensor(value.shape[start:end], dtype=torch.int64)


def _slice(attributes: Attributes) -> Compute:
    if attributes.opset < 10:
        raise UnsupportedError(f"the form of operator set {attributes.opset}")

    def cut(value: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None) -> Tensor:
        count = len(starts)
        places = list(range(count)) if axes is None else axes.tolist()
        strides = [1] * count if steps is None else steps.tolist()
        if min(strides) < 1:
            raise UnsupportedError("steps below one")
        index = [slice(None)] * value.ndim
        for axis, start, end, step in zip(places, starts.tolist(), ends.tolist(), strides, strict=True):
            index[axis] = slice(start, end, step)
        return value[tuple(index)]

    return cut


def _softmax(attributes: Attributes) -> Compute:
    if attributes.opset < 13 and not attributes.present("axis"):
        raise UnsupportedError(f"the form of operator set {attributes.opset}")
    axis = attributes.integer("axis", -1)
    return lambda value: value.softmax(axis)


def _space_to_depth(attributes: Attributes) -> Compute:
    block = attributes.integer("blocksize", 1)

    def rearrange(value: Tensor) -> Tensor:
        count, channels, height, width = value.shape
        blocks = value.reshape(count, channels, height // block, block, width // block, block)
        return blocks.permute(0, 3, 5, 1, 2, 4).reshape(count, channels * block**2, height // block, width // block)

    return rearrange


def _split(attributes: Attributes) -> Compute:
    axis, usual, count = attributes.integer("axis", 0), attributes.integers("split", ()), attributes.outputs

    def split(value: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        chosen = usual if lengths is None else lengths.tolist()
        if not chosen:
            each = -(-value.shape[axis] // count)
            chosen = [each] * (count - 1) + [value.shape[axis] - each * (count - 1)]
        return value.split_with_sizes(chosen, axis)

    return split


def _squeeze(attributes: Attributes) -> Compute:
    usual = attributes.integers("axes", ())

    def squeeze(value: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen = usual if axes is None else axes.tolist()
        return value.squeeze(chosen) if chosen else value.squeeze()

    return squeeze


def _unsqueeze(attributes: Attributes) -> Compute:
    usual = attributes.integers("axes", ())

    def unsqueeze(value: Tensor, axes: Tensor | None = None) -> Tensor:
        chosen: Sequence[int] = usual if axes is None else axes.tolist()
        rank = value.ndim + len(chosen)
        for axis in sorted(axis % rank for axis in chosen):
            value = value.unsqueeze(axis)
        return value

    return unsqueeze


def _transpose(attributes: Attributes) -> Compute:
    order = attributes.integers("perm", ())
    return lambda value: value.permute(order or list(range(value.ndim))[::-1])


def _leaky(attributes: Attributes) -> Compute:
    slope = attributes.number("alpha", 0.01)
    return lambda value: functional.leaky_relu(value, slope)


def _quantise(attributes: Attributes) -> Compute:
    axis = attributes.integer("axis", 1)

    def quantise(value: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        kind = torch.uint8 if zero is None else zero.dtype
        limits = torch.iinfo(kind)
        steps = (value / _along(scale, value, axis)).round()
        if zero is not None:
            steps = steps + _along(zero, value, axis)
        return steps.clamp(limits.min, limits.max).to(kind)

    return quantise


def _dequantise(attributes: Attributes) -> Compute:
    axis = attributes.integer("axis", 1)

    def dequantise(value: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        steps = value.to(scale.dtype)
        if zero is not None:
            steps = steps - _along(zero, value, axis)
        return steps * _along(scale, value, axis)

    return dequantise


def _along(values: Tensor, other: Tensor, axis: int) -> Tensor:
    """A scale for each place on an axis, in a shape that goes with ``other``; a single one as it is."""
    if values.numel() == 1:
        return values.reshape(())
    return values.reshape([-1 if place == axis % other.ndim else 1 for place in range(other.ndim)])


OPERATORS: Final[dict[str, Callable[[Attributes], Compute]]] = {
    "Add": _elementwise(torch.add),
    "AveragePool": average_pool,
    "BatchNormalization": _normalise,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concatenate,
    "Constant": _constant,
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "DequantizeLinear": _dequantise,
    "Div": _divide,
    "Exp": _elementwise(torch.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherND": _gather_nd,
    "Gemm": _gemm,
    "GlobalAveragePool": _elementwise(lambda value: value.mean(dim=tuple(range(2, value.ndim)), keepdim=True)),
    "Identity": _elementwise(lambda value: value),
    "LeakyRelu": _leaky,
    "MatMul": _elementwise(torch.matmul),
    "Max": _extreme(torch.maximum),
    "MaxPool": max_pool,
    "Min": _extreme(torch.minimum),
    "Mul": _elementwise(torch.mul),
    "Pow": _elementwise(torch.pow),
    "QuantizeLinear": _quantise,
    "ReduceL2": _reduce(lambda value, axes, keep: torch.linalg.vector_norm(value, dim=axes, keepdim=keep)),
    "ReduceMax": _reduce(lambda value, axes, keep: value.amax(axes, keep)),
    "ReduceMean": _reduce(lambda value, axes, keep: value.mean(axes, keep)),
    "ReduceMin": _reduce(lambda value, axes, keep: value.amin(axes, keep)),
    "ReduceSum": _reduce(lambda value, axes, keep: value.sum(axes, keep)),
    "Relu": _elementwise(torch.relu),
    "Reshape": _reshape,
    "Resize": resize,
    "Shape": _shape,
    "Sigmoid": _elementwise(torch.sigmoid),
    "Slice": _slice,
    "Softmax": _softmax,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Sqrt": _elementwise(torch.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(torch.sub),
    "Tanh": _elementwise(torch.tanh),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
