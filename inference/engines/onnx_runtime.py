"""Networks on the CPU through ONNX Runtime: one thread for each call, no spinning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from inference.engines.onnx_input_size import with_input_size
from inference.engines.passes import Passes
from inference.engines.protocol import weights_hash
from inference.errors import InferenceError, ModelError
from throughline.types import FloatArray

__all__ = ["OnnxRuntimeEngine"]

_ADVICE = "`throughline models list` shows the models there are"


class OnnxRuntimeEngine:
    """An ONNX file in a session of ONNX Runtime.

    A call runs in the caller's thread alone and holds no lock of the interpreter, so calls from several threads run side by
    side. Files with a fixed batch are served any number of pictures in passes of that size.

    Args:
        path: ONNX file with one float32 input (batch, channels, height, width); only the batch may vary.
        name: Name of the model; default: the file's name without its ending.
        max_batch: Most pictures in one pass where the file leaves it open; on a CPU more brings no speed, only memory.
        size: Height and width of its pictures, where they are not to be those of the file; see `resized`.

    Raises:
        ModelError: the file is missing, broken or of another kind, or cannot be had for this size.
    """

    def __init__(
        self, path: Path, *, name: str | None = None, max_batch: int | None = 16, size: tuple[int, int] | None = None
    ) -> None:
        if not path.is_file():
            raise ModelError(f"{path}: no such model file; check the path, or use a name from the catalogue: {_ADVICE}")
        self._path = path
        self._name = path.stem if name is None else name
        self._session: Any = _open(path, size)
        self._input, batch, self._input_shape = _picture_input(path, self._session)
        self._fixed_batch = batch
        self._max_batch = batch if batch is not None else max_batch
        self._metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._output_names = tuple(str(output.name) for output in self._session.get_outputs())
        self._hash = weights_hash(path)
        self._output_shapes = self._probe()
        self._passes = Passes(self._name, self._input_shape, self._output_shapes, self._fixed_batch, self._max_batch)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._name

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the file."""
        return self._hash

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self._path

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one picture."""
        return self._input_shape

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each output for one picture, without the batch axis."""
        return self._output_shapes

    @property
    def output_names(self) -> tuple[str, ...]:
        """Name of each output."""
        return self._output_names

    @property
    def joins(self) -> bool:
        """No: on a CPU they do not."""
        return False

    @property
    def max_batch(self) -> int | None:
        """Most pictures in one pass; None: any number."""
        return self._max_batch

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's own metadata."""
        return self._metadata

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """Runs the network; see `inference.engines.protocol.Engine.infer`."""
        return self._passes.run(batch, self._pass)

    def resized(self, height: int, width: int) -> OnnxRuntimeEngine | None:
        """The same network for pictures of another size; see `inference.engines.protocol.ResizableEngine.resized`."""
        try:
            return OnnxRuntimeEngine(self._path, name=self._name, max_batch=self._max_batch, size=(height, width))
        except ModelError:  # sizes are written into its inner parts, too
            return None

    def close(self) -> None:
        """Frees the session."""
        self._session = None

    def _pass(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        session = self._session  # a local: another thread may close the engine meanwhile
        if session is None:
            raise InferenceError(f"{self._name} has been closed")
        try:
            return tuple(session.run(None, {self._input: batch}))
        except Exception as error:  # its exceptions share no base class below Exception
            raise InferenceError(f"{self._name} failed on a batch of {len(batch)}: {_first_line(error)}") from error

    def _probe(self) -> tuple[tuple[int, ...], ...]:
        """One pass over blank pictures: proves that the network runs, and tells the true shapes of its outputs."""
        count = self._fixed_batch or 1
        try:
            outputs = self._session.run(None, {self._input: np.zeros((count, *self._input_shape), np.float32)})
        except Exception as error:  # its exceptions share no base class below Exception
            raise ModelError(f"{self._path}: the network does not run: {_first_line(error)}; export it again") from error
        for output in outputs:
            if not isinstance(output, np.ndarray) or output.shape[:1] != (count,):
                found = getattr(output, "shape", type(output).__name__)
                raise ModelError(f"{self._path}: expected outputs with one row for each picture, found {found}")
        return tuple(tuple(output.shape[1:]) for output in outputs)


def _open(path: Path, size: tuple[int, int] | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Errors only: warnings about folded constants mean nothing to a user; nor do errors, of a size that is merely tried.
    options.log_severity_level = 3 if size is None else 4
    try:
        model = str(path) if size is None else with_input_size(path.read_bytes(), *size)
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class below Exception
        raise ModelError(
            f"{path}: not an ONNX model that ONNX Runtime can load ({_first_line(error)}); get the file again: {_ADVICE}"
        ) from error


def _picture_input(path: Path, session: Any) -> tuple[str, int | None, tuple[int, int, int]]:
    """Name, fixed batch (or None) and (channels, height, width) of the one input."""
    inputs = session.get_inputs()
    found = ", ".join(f"{one.name} {one.shape} {one.type}" for one in inputs)
    if len(inputs) == 1 and inputs[0].type == "tensor(float)" and len(inputs[0].shape) == 4:
        batch, *rest = inputs[0].shape
        if all(isinstance(size, int) and size > 0 for size in rest):
            fixed = batch if isinstance(batch, int) and batch > 0 else None
            return inputs[0].name, fixed, (rest[0], rest[1], rest[2])
    raise ModelError(
        f"{path}: expected one float32 input (batch, channels, height, width) of fixed height and width, found {found}; "
        "export the network with these"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
