"""YOLOX-nano from torch to the ONNX file that the live path reads: `inference.yolox`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from inference.networks.export import export_module
from inference.networks.precision import keep_weights_in_half
from inference.networks.yolox import YoloxNano, probabilities

__all__ = ["export_detector"]


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
        if half:
            keep_weights_in_half(full, path)


class _Exported(nn.Module):
    """Objectness and classes as probabilities, as the published files give them."""

    def __init__(self, network: YoloxNano) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return probabilities(self.network(images))
