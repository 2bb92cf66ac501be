"""Smaller and faster variants of an exported ONNX file: weights kept in 16 bits, and 8-bit convolutions."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from throughline.types import FloatArray

__all__ = ["keep_weights_in_half", "quantise"]

_SMALLEST_TENSOR = 256
"""Values; what is smaller saves nothing and may be a constant of the arithmetic, such as an epsilon."""
_CALIBRATION_BATCH = 8
_SCALES_BY_CHANNEL = 13
"""Operator set of ONNX."""
_BOUNDED = ("Relu", "Clip")
_FOR_TENSORRT = {"ActivationSymmetric": True, "QuantizeBias": False, "DedicatedQDQPair": True}


def keep_weights_in_half(source: Path, target: Path) -> None:
    """Halves an ONNX file: weights are stored in 16 bits and become 32 when the file is loaded.

    Everything is computed in 32 bits, so it runs as fast as the original wherever that runs; the arithmetic itself in 16 bits,
    for GPUs, is another variant: `inference.networks.export.ExportedNetwork.half`.

    Args:
        source: ONNX file in 32 bits.
        target: File to write.

    Raises:
        ValueError: a weight is too large for 16 bits.
    """
    model = onnx.load(source)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or int(np.prod(tensor.dims)) < _SMALLEST_TENSOR:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        if not np.isfinite(values).all() or np.abs(values).max() > np.finfo(np.float16).max:
            raise ValueError(f"{source}: the weight {tensor.name} is too large for 16 bits")
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], f"{name}_cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    _save(model, target)


def quantise(source: Path, target: Path, pictures: FloatArray, *, symmetric: bool = False) -> None:
    """Makes convolutions compute with 8 bits: Q/DQ nodes, one scale for each channel of the weights.

    Activations are quantised behind their ReLU, not before: what it cuts off would use up half of the 8 bits. The first
    convolution, which sees the picture itself, and what comes after the last one stay in 32 bits: they are cheap, and an
    error there moves the embedding most. So do, in networks whose activations have no upper end (SiLU), depthwise convolutions
    and those that give the outputs: with them in 8 bits our detector finds nothing.

    Args:
        source: ONNX file in 32 bits, as `inference.networks.export` writes it.
        target: File to write.
        pictures: (N, 3, H, W) float32 as the network takes them: they set the scales, so they should be like those it will
            see; a hundred are enough.
        symmetric: Signed values around zero and biases in 32 bits, as TensorRT asks for; else unsigned ones with a zero
            point, for which ONNX Runtime has the faster kernels on a CPU.

    Raises:
        ValueError: there are no pictures.
    """
    if len(pictures) == 0:
        raise ValueError("without pictures the scales of 8-bit values cannot be set")
    properties = {one.key: one.value for one in onnx.load(source, load_external_data=False).metadata_props}
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # the quantiser logs hints about its own preprocessing to the root logger
    try:
        with tempfile.TemporaryDirectory() as folder:
            prepared, quantised = Path(folder) / "prepared.onnx", Path(folder) / "quantised.onnx"
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            graph = _ready_for_scales(prepared).graph
            quantize_static(
                str(prepared),
                str(quantised),
                _Pictures(pictures, graph.input[0]),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Relu", "Clip", "Add"],
                nodes_to_exclude=_kept_exact(graph),
                per_channel=True,
                activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options={"WeightSymmetric": True, **(_FOR_TENSORRT if symmetric else {})},
            )
            model = onnx.load(quantised)
    finally:
        log.setLevel(level)
    onnx.helper.set_model_props(model, properties)
    _save(model, target)


def _ready_for_scales(path: Path) -> onnx.ModelProto:
    """The network, brought to the version of ONNX that knows a scale for each channel if it is older, each node with a name."""
    model = onnx.load(path)
    if next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")) < _SCALES_BY_CHANNEL:
        model = onnx.version_converter.convert_version(model, _SCALES_BY_CHANNEL)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"  # nodes are left out by their name
    onnx.save(model, path)
    return model


def _kept_exact(graph: onnx.GraphProto) -> list[str]:
    """Names of the convolutions that stay in 32 bits."""
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    before_another = _before_a_convolution(graph)
    kept = [convolutions[0].name]
    for node in convolutions[1:]:
        depthwise = any(one.name == "group" and one.i > 1 for one in node.attribute)
        bounded = any(reader.op_type in _BOUNDED for reader in readers.get(node.output[0], []))
        if not bounded and (depthwise or node.output[0] not in before_another):
            kept.append(node.name)
    return kept


def _before_a_convolution(graph: onnx.GraphProto) -> set[str]:
    """Values that reach some convolution."""
    reach: set[str] = set()
    for node in reversed(graph.node):  # they stand in the order in which they are computed
        if node.op_type == "Conv" or reach.intersection(node.output):
            reach.update(node.input)
    return reach


class _Pictures(CalibrationDataReader):  # type: ignore[misc]  # the base class has no types
    """Batches as the network takes them: of its own size where that is fixed, the last pictures over again to fill it."""

    def __init__(self, pictures: FloatArray, taken: onnx.ValueInfoProto) -> None:
        fixed = taken.type.tensor_type.shape.dim[0].dim_value
        size = fixed or _CALIBRATION_BATCH
        if fixed and len(pictures) % fixed:
            pictures = np.concatenate([pictures, np.repeat(pictures[-1:], fixed - len(pictures) % fixed, axis=0)])
        self._batches: Iterator[FloatArray] = iter([pictures[start : start + size] for start in range(0, len(pictures), size)])
        self._name = taken.name

    def get_next(self) -> dict[str, FloatArray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


def _save(model: onnx.ModelProto, target: Path) -> None:
    partial = target.with_name(f"{target.name}.part")
    onnx.save(model, partial)
    partial.replace(target)
