"""Weights of YOLOX-nano as an ONNX file that holds its convolutions, in order, and nothing else: quick to write."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from inference.networks.yolox import YoloxNano, convolutions_in_order

__all__ = ["write_yolox_weights"]


def write_yolox_weights(network: YoloxNano, path: Path) -> Path:
    """A file that `inference.networks.yolox.from_onnx` reads; it cannot be run."""
    nodes, weights = [], []
    for number, module in enumerate(convolutions_in_order(network)):
        assert isinstance(module, nn.Conv2d)
        assert module.bias is not None
        weights.append(numpy_helper.from_array(module.weight.detach().numpy(), f"w{number}"))
        weights.append(numpy_helper.from_array(module.bias.detach().numpy(), f"b{number}"))
        nodes.append(helper.make_node("Conv", [f"x{number}", f"w{number}", f"b{number}"], [f"x{number + 1}"]))
    images = helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["batch", 12, 64, 64])
    output = helper.make_tensor_value_info(f"x{len(nodes)}", TensorProto.FLOAT, None)
    onnx.save(helper.make_model(helper.make_graph(nodes, "weights", [images], [output], weights)), path)
    return path
