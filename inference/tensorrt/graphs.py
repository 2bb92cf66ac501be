"""The ONNX file that is built for a precision: TensorRT computes as the file says, so precision lives there."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from inference.engines.protocol import sha256_of
from inference.errors import ModelError

__all__ = ["BuiltPrecision", "chosen_precision", "graph_for", "int8_graph", "is_quantised"]

BuiltPrecision: TypeAlias = Literal["float32", "float16", "int8"]

_QUANTISED = b"DequantizeLinear"


def chosen_precision(path: Path, asked: str) -> BuiltPrecision:
    """The precision to build a file in: with ``auto`` 8 bits if the file has them, else 16.

    Raises:
        ModelError: it is none that is built here.
    """
    for precision in get_args(BuiltPrecision):
        if asked == precision:
            found: BuiltPrecision = precision
            return found
    if asked != "auto":
        raise ModelError(f"models.engine.precision: TensorRT builds {', '.join(get_args(BuiltPrecision))}, not {asked}")
    return "int8" if is_quantised(path) else "float16"


def graph_for(path: Path, precision: BuiltPrecision, folder: Path) -> Path:
    """The ONNX file to build.

    Args:
        path: File of the network.
        precision: What it shall compute in.
        folder: Where files made of others are kept.

    Raises:
        ModelError: there is no such file and none can be made.
    """
    if precision == "int8":
        return _quantised(path, folder)
    if is_quantised(path):
        raise ModelError(f"{path}: computes in 8 bits, so it cannot be built in {precision}; use the file it was made of")
    return path if precision == "float32" else _half(path, folder)


def int8_graph(path: Path, folder: Path) -> Path:
    """Where the 8-bit file made of this one is or would be."""
    return folder / f"{sha256_of(path)[:16]}-int8.onnx"


def _quantised(path: Path, folder: Path) -> Path:
    if is_quantised(path):
        return path
    made = int8_graph(path, folder)
    if not made.is_file():
        raise ModelError(
            f"{path}: there is no 8-bit form of this network here; make one with `throughline models compile {path} --precision "
            "int8 --pictures DIR`, with pictures like those it will see"
        )
    return made


def _half(path: Path, folder: Path) -> Path:
    try:
        from inference.networks.half import REVISION, compute_in_half
    except ModuleNotFoundError as error:
        raise ModelError(
            f"{path}: to compute in 16 bits it needs {error.name}, which is not installed: pip install "
            "'throughline[tensorrt-rtx]', or set models.engine.precision to float32"
        ) from error
    made = folder / f"{sha256_of(path)[:16]}-float16-{REVISION}.onnx"
    if made.is_file():
        return made
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as own:  # others may make the same file at the same time
            partial = Path(own) / made.name
            compute_in_half(path, partial)
            partial.replace(made)
    except OSError as error:
        raise ModelError(
            f"{folder}: cannot be written ({error.strerror}), and the 16-bit form of {path.name} is kept there"
        ) from error
    return made


def is_quantised(path: Path) -> bool:
    """Whether there are 8-bit nodes; names of operators stand as they are in the file, so that no parser is needed."""
    try:
        return _QUANTISED in path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); `throughline models list` shows the models there are"
        ) from error
