"""Small ONNX networks with seeded weights, in the forms that the product loads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.catalogue import find, shipped_file

__all__ = ["write_embedder", "write_fixed_detector", "write_yolox"]


def write_embedder(
    path: Path,
    *,
    dimension: int = 16,
    height: int = 24,
    width: int = 20,
    batch: int | str = "batch",
    channels: int = 3,
    metadata: Mapping[str, str] | None = None,
    pooled: bool = True,
    heads: Mapping[str, int] | None = None,
    logits: bool = False,
    embeds: bool = True,
    layers: int = 1,
) -> Path:
    """Convolutions, each with ReLU, and global average pooling: (batch, channels, height, width) to (batch, dimension).

    Without ``pooled`` the output is the map before pooling, which is no embedding. ``heads`` are further outputs on the pooled
    vector, so many classes by name: probabilities, or bare ``logits``; without ``embeds`` they are all that it gives.
    With ``layers`` above 1 there is something that 8 bits do not leave out.
    """
    rng = np.random.default_rng(11)
    weights = [
        numpy_helper.from_array(rng.standard_normal((dimension, channels, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(rng.standard_normal(dimension).astype(np.float32), "b"),
    ]
    nodes = [
        helper.make_node("Conv", ["images", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["map"]),
    ]
    for layer in range(1, layers):
        weight = rng.standard_normal((dimension, dimension, 1, 1)).astype(np.float32) / dimension
        weights.append(numpy_helper.from_array(weight, f"w{layer}"))
        nodes[-1].output[0] = f"r{layer}"
        nodes += [
            helper.make_node("Conv", [f"r{layer}", f"w{layer}"], [f"c{layer}"]),
            helper.make_node("Relu", [f"c{layer}"], ["map"]),
        ]
    shape: list[int | str] = [batch, dimension, height, width]
    if pooled:
        nodes += [helper.make_node("GlobalAveragePool", ["map"], ["p"]), helper.make_node("Flatten", ["p"], ["vector"])]
        shape = [batch, dimension]
    outputs = [helper.make_tensor_value_info("vector" if pooled else "map", TensorProto.FLOAT, shape)] if embeds else []
    for name, classes in (heads or {}).items():
        weights.append(numpy_helper.from_array(rng.standard_normal((dimension, classes)).astype(np.float32), f"w {name}"))
        nodes.append(helper.make_node("MatMul", ["vector", f"w {name}"], [name if logits else f"logits {name}"]))
        if not logits:
            nodes.append(helper.make_node("Softmax", [f"logits {name}"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, classes]))
    return _write(path, nodes, [batch, channels, height, width], outputs, weights, metadata)


def write_yolox(
    path: Path,
    *,
    classes: int = 80,
    side: int = 64,
    batch: int | str = 1,
    strides: tuple[int, ...] = (8, 16, 32),
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A head of some strides over the bare picture: (batch, 3, side, side) to (batch, cells, 5 + classes)."""
    rng = np.random.default_rng(5)
    rows = 5 + classes
    weights, nodes, parts = [], [], []
    for stride in strides:
        kernel = rng.standard_normal((rows, 3, stride, stride)) * 0.02 / stride
        bias = np.concatenate([rng.standard_normal(4) * 0.3, rng.standard_normal(1 + classes) - 0.5])
        weights += [
            numpy_helper.from_array(kernel.astype(np.float32), f"w{stride}"),
            numpy_helper.from_array(bias.astype(np.float32), f"b{stride}"),
        ]
        nodes += [
            helper.make_node("Conv", ["images", f"w{stride}", f"b{stride}"], [f"c{stride}"], strides=[stride, stride]),
            helper.make_node("Reshape", [f"c{stride}", "flat"], [f"r{stride}"]),
        ]
        parts.append(f"r{stride}")
    weights += [
        numpy_helper.from_array(np.array([0, rows, -1], np.int64), "flat"),
        numpy_helper.from_array(np.array([4, 1 + classes], np.int64), "parts"),
    ]
    nodes += [
        helper.make_node("Concat", parts, ["all"], axis=2),
        helper.make_node("Transpose", ["all"], ["cells"], perm=[0, 2, 1]),
        helper.make_node("Split", ["cells", "parts"], ["box", "logit"], axis=2),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
        helper.make_node("Concat", ["box", "probability"], ["output"], axis=2),
    ]
    cells = sum((side // stride) ** 2 for stride in strides)
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, cells, rows])
    return _write(path, nodes, [batch, 3, side, side], [output], weights, metadata)


def _write(
    path: Path,
    nodes: list[onnx.NodeProto],
    shape: list[int | str],
    outputs: list[onnx.ValueInfoProto],
    weights: list[onnx.TensorProto],
    metadata: Mapping[str, str] | None,
) -> Path:
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)], outputs, weights
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def write_fixed_detector(path: Path) -> Path:
    """The shipped detector with the number of cells of its levels written into it, so that it takes no other size."""
    model = onnx.load(shipped_file(find("vehicle-detector")))
    flattened = [node for node in model.graph.node if node.op_type == "Reshape"]
    for node, cells in zip(flattened, (3840, 960, 240), strict=True):
        shape = next(one for one in model.graph.initializer if one.name == node.input[1])
        shape.CopyFrom(numpy_helper.from_array(np.array([-1, 9, cells]), shape.name))
    onnx.save(model, path)
    return path
