"""Networks on the CPU through ONNX Runtime: one thread for each call, no spinning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from inference.engines.described import DescribedEngine, NetworkFacts, first_line, named_file, rows_of
from inference.engines.onnx_input_size import with_input_size
from inference.engines.protocol import weights_hash
from inference.errors import InferenceError, ModelError
from throughline.types import FloatArray

__all__ = ["OnnxRuntimeEngine"]

_ADVICE = "`throughline models list` shows the models there are"


class OnnxRuntimeEngine(DescribedEngine):
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
        name = named_file(path, name)
        self._session: Any = _open(path, size)
        self._input, fixed, input_shape = _picture_input(path, self._session)
        super().__init__(
            NetworkFacts(
                name,
                weights_hash(path),
                path,
                dict(self._session.get_modelmeta().custom_metadata_map),
                input_shape,
                self._probe(path, fixed or 1, input_shape),
                tuple(str(output.name) for output in self._session.get_outputs()),
                fixed,
                fixed or max_batch,
            )
        )

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """Runs the network; see `inference.engines.protocol.Engine.infer`."""
        return self._run_in_passes(batch, self._pass)

    def resized(self, height: int, width: int) -> OnnxRuntimeEngine | None:
        """The same network for pictures of another size; see `inference.engines.protocol.ResizableEngine.resized`."""
        try:
            return OnnxRuntimeEngine(self.path, name=self.name, max_batch=self.max_batch, size=(height, width))
        except ModelError:  # sizes are written into its inner parts, too
            return None

    def close(self) -> None:
        """Frees the session."""
        self._session = None

    def _pass(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        session = self._session  # a local: another thread may close the engine meanwhile
        if session is None:
            raise self._closed()
        try:
            return tuple(session.run(None, {self._input: batch}))
        except Exception as error:  # its exceptions share no base class below Exception
            raise InferenceError(f"{self.name} failed on a batch of {len(batch)}: {first_line(error)}") from error

    def _probe(self, path: Path, count: int, input_shape: tuple[int, int, int]) -> tuple[tuple[int, ...], ...]:
        """One pass over blank pictures: proves that the network runs, and tells the true shapes of its outputs."""
        try:
            outputs = self._session.run(None, {self._input: np.zeros((count, *input_shape), np.float32)})
        except Exception as error:  # its exceptions share no base class below Exception
            raise ModelError(f"{path}: the network does not run: {first_line(error)}; export it again") from error
        for output in outputs:
            if not isinstance(output, np.ndarray):
                raise ModelError(f"{path}: expected outputs with one row for each picture, found {type(output).__name__}")
        return rows_of(path, count, [output.shape for output in outputs])


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
            f"{path}: not an ONNX model that ONNX Runtime can load ({first_line(error)}); get the file again: {_ADVICE}"
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
