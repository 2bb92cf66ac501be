"""From torch to ONNX: one file with a dynamic batch that holds the normalisation too."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
import torch

from inference.networks.network import Network

__all__ = ["ExportedNetwork", "export_module", "export_onnx"]

_OPSET = 18
_NOT_EXPORTED = ("feature", "identity", "attention")
"""What only training needs."""
_NOT_CLASSES = ("embedding", "heatmaps", "visibility", *_NOT_EXPORTED)
_INPUT_METADATA = {"color": "rgb", "mean": "0,0,0", "std": ",".join(["0.00392156862745098"] * 3)}
"""Tells `inference.crop_preparation.CropPreparation` to give pixels as they are: std is 1/255 of its scale of 0..1."""


class ExportedNetwork(torch.nn.Module):
    """A network as the live path runs it: RGB pixels 0..255 in; a vector of unit length and probabilities out.

    Args:
        network: The network; it is put into eval mode.
        outputs: Which outputs, in this order; default: all but those for training only, ``embedding`` first.
        temperatures: By which the logits of a classifier are divided before their softmax, 1 where none is given: calibration
            of its probabilities (Guo et al., *On Calibration of Modern Neural Networks*, arXiv 1706.04599).

    Attributes:
        names: Of the outputs that `forward` gives.

    Raises:
        ValueError: the network has no such output.
    """

    def __init__(
        self,
        network: Network,
        outputs: Sequence[str] | None = None,
        temperatures: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.network = network.eval()
        self.input_size = network.input_size
        with torch.no_grad():
            given = network(torch.zeros(1, 3, *network.input_size))
        offered = [name for name in given if name not in _NOT_EXPORTED]
        self.names = tuple(offered if outputs is None else outputs)
        missing = [name for name in self.names if name not in offered]
        if missing:
            raise ValueError(f"the network does not give {', '.join(missing)}; it gives {', '.join(offered)}")
        self._temperatures = dict(temperatures or {})
        self.register_buffer("_offset", 255.0 * torch.tensor(network.mean).reshape(3, 1, 1), persistent=False)
        self.register_buffer("_scale", 255.0 * torch.tensor(network.std).reshape(3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One tensor for each of `names`, float32, from images (B, 3, H, W) float32, RGB, 0..255."""
        normalised = (images - self.get_buffer("_offset")) / self.get_buffer("_scale")
        found = self.network(normalised.to(next(self.network.parameters()).dtype))
        return tuple(self._finished(name, found[name].float()) for name in self.names)

    def half(self) -> ExportedNetwork:
        """Turns the network to 16 bits; pictures, normalisation and outputs stay at 32."""
        self.network.half()
        return self

    def _finished(self, name: str, output: torch.Tensor) -> torch.Tensor:
        if name in _NOT_CLASSES:
            return output
        return torch.softmax(output / self._temperatures.get(name, 1.0), 1)


def export_onnx(network: ExportedNetwork, path: Path, *, metadata: Mapping[str, str | int | float] | None = None) -> None:
    """Writes a network as an ONNX file: input ``images``, outputs by their names, any batch.

    Args:
        network: The network; in 16 bits if its `half` was called.
        path: File to write; it appears under this name when it is complete.
        metadata: What the file says about itself, beside what the live path needs to feed it.
    """
    specification = network.network.specification
    facts: dict[str, str | int | float] = {**_INPUT_METADATA, **(metadata or {})}
    if specification is not None:
        facts = {"network": specification.name, **facts}
    export_module(network, path, input_size=network.input_size, output_names=network.names, metadata=facts)


def export_module(
    module: torch.nn.Module,
    path: Path,
    *,
    input_size: tuple[int, int],
    output_names: Sequence[str],
    metadata: Mapping[str, str | int | float] | None = None,
) -> None:
    """Writes any module whose one argument is called ``images`` as one ONNX file with a dynamic batch.

    Args:
        module: In eval mode.
        path: File to write; it appears under this name when it is complete.
        input_size: (height, width) of the pictures; fixed in the file.
        output_names: Of what the module gives, in order.
        metadata: What the file says about itself.
    """
    example = torch.zeros(2, 3, *input_size)  # a batch of 1 would be taken for a constant
    partial = path.with_name(f"{path.name}.part")
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                module,
                (example,),
                str(partial),
                dynamo=True,
                verbose=False,
                opset_version=_OPSET,
                input_names=["images"],
                output_names=list(output_names),
                dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1, max=4096)}},
                external_data=False,
            )
        model = onnx.load(partial)
        del model.metadata_props[:]  # the exporter's own notes name files of this machine
        onnx.helper.set_model_props(model, {key: str(value) for key, value in (metadata or {}).items()})
        _forget_sources(model)
        onnx.save(model, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _forget_sources(model: onnx.ModelProto) -> None:
    """Removes the stack traces that the exporter leaves at each node."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter: it warns of its own parts' future and logs each step, which tells a user nothing."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
