"""Networks on a GPU through torch, from the same ONNX files that all engines read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from torch import Tensor

from inference.engines.cuda_graphs import CapturedPasses
from inference.engines.described import DescribedEngine, NetworkFacts, first_line, named_file, rows_of
from inference.engines.protocol import weights_hash
from inference.errors import InferenceError, ModelError
from inference.onnx_to_torch import OnnxModule, UnknownOperatorError
from throughline.types import FloatArray

__all__ = ["TorchEngine"]

_logger = logging.getLogger(__name__)


class TorchEngine(DescribedEngine):
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
        name = named_file(path, name)
        self._device = torch.device(device)
        model = _read(path)
        input_shape, fixed = _picture_input(path, model)
        if self._device.type == "cuda" and precision == "float32":
            torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]  # torch's stubs lag behind
            torch.backends.cuda.matmul.fp32_precision = "ieee"
        try:
            module = OnnxModule(model, half=precision == "float16").to(self._device).eval()
        except UnknownOperatorError as error:
            raise ModelError(f"{path}: torch cannot run this network: {error}; choose another models.engine.kind") from None
        self._pass: Callable[[Tensor], tuple[Tensor, ...]] | None = module
        super().__init__(
            NetworkFacts(
                name,
                weights_hash(path),
                path,
                {one.key: one.value for one in model.metadata_props},
                input_shape,
                self._probe(path, module, fixed or 1, input_shape),
                tuple(output.name for output in model.graph.output),
                fixed,
                fixed or max_batch,
                joins=self._device.type == "cuda",
            )
        )
        if self._device.type == "cuda" and cuda_graphs:
            self._pass = self._captured(module, [fixed] if fixed else _padded_sizes(max_batch))

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
            raise ValueError(f"{self.name} takes float32 on {self._device}, not {batch.dtype} on {batch.device}")
        run = self._pass  # a local: another thread may close the engine meanwhile
        if run is None:
            raise self._closed()
        if len(batch) == 0:
            return tuple(torch.zeros((0, *shape), device=self._device) for shape in self.output_shapes)
        try:
            with torch.inference_mode():
                parts = [self._part(run, batch[rows]) for rows in self._passes(len(batch))]
                return parts[0] if len(parts) == 1 else tuple(torch.cat(output) for output in zip(*parts, strict=True))
        except RuntimeError as error:
            raise InferenceError(f"{self.name} failed on a batch of {len(batch)}: {first_line(error)}") from error

    def close(self) -> None:
        """Frees the network."""
        self._pass = None

    def _part(self, run: Callable[[Tensor], tuple[Tensor, ...]], batch: Tensor) -> tuple[Tensor, ...]:
        """One pass."""
        count, fixed = len(batch), self._network.fixed_batch
        if fixed is not None and count < fixed:
            batch = torch.cat([batch, batch.new_zeros((fixed - count, *self.input_shape))])
        outputs = run(batch.contiguous(memory_format=torch.channels_last))
        return tuple(output[:count].contiguous() for output in outputs)

    def _captured(self, module: OnnxModule, sizes: list[int]) -> Callable[[Tensor], tuple[Tensor, ...]]:
        try:
            return CapturedPasses(module, self.input_shape, sizes, self._device)
        except RuntimeError as error:
            _logger.warning("%s runs without CUDA graphs, which it cannot be recorded as: %s", self.name, first_line(error))
            return module

    def _probe(
        self, path: Path, module: OnnxModule, count: int, input_shape: tuple[int, int, int]
    ) -> tuple[tuple[int, ...], ...]:
        """One pass over blank pictures: proves that the network runs, and tells the shapes of its outputs."""
        try:
            with torch.inference_mode():
                outputs = module(torch.zeros((count, *input_shape), device=self._device))
        except (RuntimeError, UnknownOperatorError) as error:
            raise ModelError(f"{path}: the network does not run in torch: {first_line(error)}") from error
        return rows_of(path, count, [tuple(output.shape) for output in outputs])


def _read(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # its exceptions share no base class below Exception
        raise ModelError(f"{path}: not an ONNX model ({first_line(error)}); get the file again") from error
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


def _padded_sizes(most: int) -> list[int]:
    """1, 2, 4 and so on, and the largest."""
    sizes = {1 << power for power in range(most.bit_length()) if 1 << power <= most}
    return sorted(sizes | {most})
