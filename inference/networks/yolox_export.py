"""YOLOX-nano from torch to the ONNX file that the live path reads: `inference.yolox`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from torch import Tensor, nn

from inference.networks.export import export_module
from inference.networks.precision import keep_weights_in_half
from inference.networks.yolox import YoloxNano, on_pixels, probabilities

__all__ = ["export_detector"]

_CELLS_LAST = (0, 0, -1)
"""Pictures and channels as they are, all rows and columns in one."""


def export_detector(
    network: YoloxNano,
    path: Path,
    input_size: tuple[int, int],
    *,
    half: bool = True,
    metadata: Mapping[str, str | int | float] | None = None,
) -> None:
    """Writes the network with a dynamic batch; the file's metadata ``classes`` names its classes in their order.

    Args:
        network: The network; it is put into evaluation mode.
        path: File to write; it appears under this name when it is complete.
        input_size: (height, width), multiples of 32.
        half: Whether weights are kept in 16 bits: half the file, computed in 32 bits all the same.
        metadata: What the file says about itself besides.
    """
    facts = {**(metadata or {}), "network": "yolox-nano", "classes": ",".join(network.classes)}
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.onnx" if half else path
        export_module(_Exported(network).eval(), full, input_size=input_size, output_names=("output",), metadata=facts)
        _leave_size_open(full)
        if half:
            keep_weights_in_half(full, path)


def _leave_size_open(path: Path) -> None:
    """Lets a loaded file be given another input size: its levels are flattened to however many cells they have.

    The exporter writes down the number of cells that the example had.
    """
    model = onnx.load(path)
    flattened = [node for node in model.graph.node if node.op_type == "Reshape"]
    for node in flattened:
        del node.attribute[:]  # zeros mean "as it is" unless an attribute says otherwise
    shapes = {node.input[1] for node in flattened}
    for constant in model.graph.initializer:
        if constant.name in shapes:
            constant.CopyFrom(numpy_helper.from_array(np.array(_CELLS_LAST, np.int64), constant.name))
    onnx.checker.check_model(model)
    onnx.save(model, path)


class _Exported(YoloxNano):
    """The network on pixels, with objectness and classes as probabilities, as the published files give them."""

    def __init__(self, network: YoloxNano) -> None:
        super().__init__(network.classes)
        self.load_state_dict(network.state_dict())
        stem = network.stem.convolution
        self.stem.convolution = nn.Conv2d(3, stem.out_channels, 6, stride=2, padding=2)
        self.stem.convolution.load_state_dict({"weight": on_pixels(stem.weight), "bias": stem.bias})

    def first(self, images: Tensor) -> Tensor:
        feature: Tensor = self.stem(images)
        return feature

    def forward(self, images: Tensor) -> Tensor:
        return probabilities(super().forward(images))
