"""One network as an ONNX file of a chosen precision, checked against torch when it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from inference.errors import ModelError
from inference.networks.export import ExportedNetwork, export_onnx
from inference.networks.parity import OutputLoss, compare, drawn_pictures, run_onnx, run_torch
from inference.networks.precision import keep_weights_in_half, quantise
from throughline.types import FloatArray

__all__ = ["PRECISIONS", "Precision", "write_variant"]

Precision: TypeAlias = Literal["float32", "float16", "float16-weights", "int8", "int8-symmetric"]
PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)
"""In the order of `Precision`:

- ``float32``: as it was trained;
- ``float16``: computes in 16 bits, for GPUs;
- ``float16-weights``: half the file, computes in 32 bits;
- ``int8``: 8-bit convolutions for ONNX Runtime on a CPU;
- ``int8-symmetric``: the same as TensorRT takes them.
"""

_LARGEST_DIFFERENCE = 1e-3
"""Of an output in 32 bits: two orders above what the order of additions explains, and far below what anyone would notice."""
_DRAWN = 16


def write_variant(
    network: ExportedNetwork,
    path: Path,
    precision: Precision,
    *,
    pictures: FloatArray | None = None,
    metadata: Mapping[str, str | int | float] | None = None,
) -> dict[str, OutputLoss]:
    """Writes a network and tells what each output loses against torch in 32 bits.

    Args:
        network: The network in 32 bits; after ``float16`` it computes in 16.
        path: ONNX file to write.
        precision: See `PRECISIONS`.
        pictures: (N, 3, H, W) float32, RGB, 0..255, on which the loss is measured; drawn ones if there are none. With 8 bits,
            every second one sets the scales and only the others measure.
        metadata: What the file says about itself.

    Raises:
        ModelError: 8 bits without at least two pictures, or the file does not compute what torch computes.
    """
    eight_bits = precision.startswith("int8")
    if eight_bits and (pictures is None or len(pictures) < 2):
        raise ModelError("8 bits need pictures like those that the network will see: they set the scales of the values")
    if pictures is None:
        pictures = drawn_pictures(_DRAWN, network.input_size)
    measured = pictures[1::2] if eight_bits else pictures
    expected = run_torch(network, measured)
    facts = {"precision": precision, **(metadata or {})}
    if precision == "float16":
        network.half()
    if precision in ("float32", "float16"):
        export_onnx(network, path, metadata=facts)
    else:
        with tempfile.TemporaryDirectory() as folder:
            full = Path(folder) / "full.onnx"
            export_onnx(network, full, metadata=facts)
            if eight_bits:
                quantise(full, path, pictures[::2], symmetric=precision == "int8-symmetric")
            else:
                keep_weights_in_half(full, path)
    losses = compare(expected, run_onnx(path, network.names, measured))
    wrong = [name for name, loss in losses.items() if precision == "float32" and not loss.largest < _LARGEST_DIFFERENCE]
    if wrong:
        path.unlink()
        raise ModelError(f"{path}: {', '.join(wrong)} of the ONNX file differ from torch, so it was not kept")
    return losses
