"""One network as an ONNX file of a chosen precision, checked against torch when it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import onnx

from inference.errors import ModelError
from inference.networks.export import ExportedNetwork, export_onnx
from inference.networks.half import compute_in_half
from inference.networks.parity import OutputLoss, compare, drawn_pictures, run_onnx, run_torch
from inference.networks.precision import keep_weights_in_half, quantise
from throughline.types import FloatArray

__all__ = ["PRECISIONS", "Precision", "write_variant", "write_variant_of_file"]

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
_OF_FILES: tuple[Precision, ...] = ("float16", "float16-weights", "int8", "int8-symmetric")


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
            _shrink(full, path, precision, pictures)
    losses = compare(expected, run_onnx(path, network.names, measured))
    wrong = [name for name, loss in losses.items() if precision == "float32" and not loss.largest < _LARGEST_DIFFERENCE]
    if wrong:
        path.unlink()
        raise ModelError(f"{path}: {', '.join(wrong)} of the ONNX file differ from torch, so it was not kept")
    return losses


def write_variant_of_file(source: Path, path: Path, precision: Precision, pictures: FloatArray) -> dict[str, OutputLoss]:
    """Makes a smaller ONNX file of another one, such as of weights that are shipped, and tells what each output loses.

    Args:
        source: ONNX file that computes in 32 bits; its weights may be kept in 16.
        path: ONNX file to write.
        precision: Any but ``float32``.
        pictures: (N, 3, H, W) float32 as the network takes them, at least two; see `write_variant`.

    Raises:
        ModelError: another precision, too few pictures, or the source is no such file.
    """
    if precision not in _OF_FILES:
        raise ModelError(
            f"{precision}: an ONNX file can become {', '.join(_OF_FILES)}; for others export the network.pt of its training"
        )
    if len(pictures) < 2:
        raise ModelError("at least two pictures are needed to tell what is lost")
    measured = pictures[1::2] if precision.startswith("int8") else pictures
    names = tuple(output.name for output in onnx.load(source, load_external_data=False).graph.output)
    expected = run_onnx(source, names, measured)
    _shrink(source, path, precision, pictures)
    return compare(expected, run_onnx(path, names, measured))


def _shrink(source: Path, path: Path, precision: Precision, pictures: FloatArray) -> None:
    if precision == "float16":
        compute_in_half(source, path)
    elif precision == "float16-weights":
        keep_weights_in_half(source, path)
    else:
        quantise(source, path, pictures[::2], symmetric=precision == "int8-symmetric")
