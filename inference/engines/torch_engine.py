"""Networks on a GPU through torch, from the same ONNX files that all engines read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from torch import Tensor

from inference.engines.cuda_graphs import CapturedPasses
from inference.engines.protocol import weights_hash
from inference.errors import InferenceError, ModelError
from inference.onnx_to_torch import OnnxModule, UnknownOperatorError
from throughline.types import FloatArray

__all__ = ["TorchEngine"]

_logger = logging.getLogger(__name__)


class TorchEngine:
    """An ONNX file as a module of torch.

    Calls from several threads run side by side, each on the stream that its thread has made current; with CUDA graphs they
    take turns on the GPU, since a graph has one set of buffers.

    Args:
        path: ONNX file with one float32 input (batch, channels, height, width); only the batch may vary.
        name: Name of the model; default: the file's name without its ending.
        device: As torch names it, such as ``cuda:0``.
        precision: In which convolutions and matrix products compute. On a GPU ``float32`` means just that, for all of this
            process: no shortcut through TF32.
        max_batch: Most pictures in one pass where the file leaves it open.
        cuda_graphs: Replay each pass as one graph, of batches padded to 1, 2, 4 and so on; on a GPU only. A network that
            cannot be recorded runs without.

    Raises:
        ModelError: the file is missing, broken, of another kind, or holds an operator that is not known here.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str | None = None,
        device: str = "cuda:0",
        precision: Literal["float32", "float16"] = "float16",
        max_batch: int = 16,
        cuda_graphs: bool = True,
    ) -> None:
        if not path.is_file():
            raise ModelError(f"{path}: no such model file; check the path, or use a name from the catalogue")
        self._path = path
        self._name = path.stem if name is None else name
        self._device = torch.device(device)
        model = _read(path)
        self._input_shape, self._fixed_batch = _picture_input(path, model)
        self._max_batch = self._fixed_batch or max_batch
        self._metadata = {one.key: one.value for one in model.metadata_props}
        self._output_names = tuple(output.name for output in model.graph.output)
        self._hash = weights_hash(path)
        if self._device.type == "cuda" and precision == "float32":
            torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # torch's stubs lag behind
            torch.backends.cuda.matmul.fp32_precision = "ieee"
        try:
            module = OnnxModule(model, half=precision == "float16").to(self._device).eval()
        except UnknownOperatorError as error:
            raise ModelError(f"{path}: torch cannot run this network: {error}; choose another models.engine.kind") from None
        self._pass: Callable[[Tensor], tuple[Tensor, ...]] | None = module
        self._output_shapes = self._probe(module)
        if self._device.type == "cuda" and cuda_graphs:
            sizes = [self._fixed_batch] if self._fixed_batch else _padded_sizes(max_batch)
            self._pass = self._captured(module, sizes)

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
        """On a GPU."""
        return self._device.type == "cuda"

    @property
    def max_batch(self) -> int | None:
        """Most pictures in one pass."""
        return self._max_batch

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's own metadata."""
        return self._metadata

    @property
    def device(self) -> torch.device:
        """Where inputs are expected, and where outputs lie."""
        return self._device

    def infer(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """Runs the network on what lies in memory; see `inference.engines.protocol.Engine.infer`."""
        self._check(batch.shape)
        taken = torch.from_numpy(np.array(batch, np.float32)).to(self._device)
        return tuple(output.cpu().numpy() for output in self.infer_tensors(taken))

    def infer_tensors(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Runs the network where the batch lies; see `inference.engines.protocol.DeviceEngine.infer_tensors`."""
        self._check(tuple(batch.shape))
        if batch.device != self._device or batch.dtype != torch.float32:
            raise ValueError(f"{self._name} takes float32 on {self._device}, not {batch.dtype} on {batch.device}")
        run = self._pass  # a local: another thread may close the engine meanwhile
        if run is None:
            raise InferenceError(f"{self._name} has been closed")
        if len(batch) == 0:
            return tuple(torch.zeros((0, *shape), device=self._device) for shape in self._output_shapes)
        try:
            with torch.inference_mode():
                parts = [self._part(run, part) for part in batch.split_with_sizes(_lengths(len(batch), self._max_batch))]
                return parts[0] if len(parts) == 1 else tuple(torch.cat(output) for output in zip(*parts, strict=True))
        except RuntimeError as error:
            raise InferenceError(f"{self._name} failed on a batch of {len(batch)}: {_first_line(error)}") from error

    def close(self) -> None:
        """Frees the network."""
        self._pass = None

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 4 or shape[1:] != self._input_shape:
            wanted = ", ".join(str(size) for size in self._input_shape)
            raise ValueError(f"{self._name} takes batches of (N, {wanted}), not {shape}")

    def _part(self, run: Callable[[Tensor], tuple[Tensor, ...]], batch: Tensor) -> tuple[Tensor, ...]:
        """One pass."""
        count = len(batch)
        if self._fixed_batch is not None and count < self._fixed_batch:
            batch = torch.cat([batch, batch.new_zeros((self._fixed_batch - count, *self._input_shape))])
        outputs = run(batch.contiguous(memory_format=torch.channels_last))
        return tuple(output[:count].contiguous() for output in outputs)

    def _captured(self, module: OnnxModule, sizes: list[int]) -> Callable[[Tensor], tuple[Tensor, ...]]:
        try:
            return CapturedPasses(module, self._input_shape, sizes, self._device)
        except RuntimeError as error:
            _logger.warning("%s runs without CUDA graphs, which it cannot be recorded as: %s", self._name, _first_line(error))
            return module

    def _probe(self, module: OnnxModule) -> tuple[tuple[int, ...], ...]:
        """One pass over a blank picture: proves that the network runs, and tells the shapes of its outputs."""
        count = self._fixed_batch or 1
        try:
            with torch.inference_mode():
                outputs = module(torch.zeros((count, *self._input_shape), device=self._device))
        except (RuntimeError, UnknownOperatorError) as error:
            raise ModelError(f"{self._path}: the network does not run in torch: {_first_line(error)}") from error
        for output in outputs:
            if output.shape[:1] != (count,):
                raise ModelError(f"{self._path}: expected outputs with one row for each picture, found {tuple(output.shape)}")
        return tuple(tuple(output.shape[1:]) for output in outputs)


def _read(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # its exceptions share no base class below Exception
        raise ModelError(f"{path}: not an ONNX model ({_first_line(error)}); get the file again") from error
    return model


def _picture_input(path: Path, model: onnx.ModelProto) -> tuple[tuple[int, int, int], int | None]:
    """(channels, height, width) and fixed batch (or None) of the one input."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    kinds = [value.type.tensor_type for value in inputs]
    if len(inputs) == 1 and kinds[0].elem_type == onnx.TensorProto.FLOAT and len(kinds[0].shape.dim) == 4:
        batch, *rest = (axis.dim_value for axis in kinds[0].shape.dim)  # 0 where it is open
        if min(rest) > 0:
            return (rest[0], rest[1], rest[2]), batch or None
    found = ", ".join(
        f"{value.name} {[axis.dim_value or axis.dim_param for axis in kind.shape.dim]}"
        for value, kind in zip(inputs, kinds, strict=True)
    )
    raise ModelError(
        f"{path}: expected one float32 input (batch, channels, height, width) of fixed height and width, found {found}; "
        "export the network with these"
    )


def _lengths(count: int, most: int) -> list[int]:
    """Parts of at most ``most`` that make up ``count``."""
    return [min(most, count - start) for start in range(0, count, most)]


def _padded_sizes(most: int) -> list[int]:
    """1, 2, 4 and so on, and the largest."""
    sizes = {1 << power for power in range(most.bit_length()) if 1 << power <= most}
    return sorted(sizes | {most})


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
