"""How far two forms of one network are apart: torch and ONNX, 32 bits and fewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from inference.crop_preparation import CropPreparation
from inference.engines.onnx_runtime import OnnxRuntimeEngine
from inference.engines.protocol import Engine
from inference.errors import ModelError
from inference.letterbox import letterbox
from inference.networks.export import ExportedNetwork
from inference.networks.network import Network
from throughline.types import FloatArray, Image

__all__ = [
    "OutputLoss",
    "compare",
    "drawn_pictures",
    "read_pictures",
    "read_prepared_pictures",
    "run_onnx",
    "run_torch",
    "settle",
]

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_BATCH = 8
_SETTLING = 8


@dataclass(frozen=True, slots=True)
class OutputLoss:
    """What one output loses.

    Attributes:
        largest: Largest absolute difference of a value.
        spread: Mean length of the difference as a share of the mean distance between the outputs of different pictures:
            0.01 means that a picture moved by a hundredth of what parts it from another; nan for a single picture.
        cosine: Least cosine between the two forms of one picture's output.
        same_best: Share of pictures whose largest value (the class that wins) has the same place.
    """

    largest: float
    spread: float
    cosine: float
    same_best: float


def compare(expected: Mapping[str, FloatArray], found: Mapping[str, FloatArray]) -> dict[str, OutputLoss]:
    """What each output loses.

    Args:
        expected: (N, ...) by output.
        found: Of the other form, for the same pictures.

    Raises:
        ValueError: they have other outputs or shapes.
    """
    if list(expected) != list(found):
        raise ValueError(f"expected the outputs {', '.join(expected)}, found {', '.join(found)}")
    return {name: _loss(name, expected[name], found[name]) for name in expected}


def run_torch(network: ExportedNetwork, pictures: FloatArray) -> dict[str, FloatArray]:
    """Outputs (N, ...) by name of pictures (N, 3, H, W) float32, RGB, 0..255."""
    with torch.no_grad():
        parts = [
            [part.numpy() for part in network(torch.from_numpy(pictures[start : start + _BATCH]))]
            for start in range(0, len(pictures), _BATCH)
        ]
    joined = [np.concatenate(output) for output in zip(*parts, strict=True)]
    return dict(zip(network.names, joined, strict=True))


def run_onnx(path: Path, names: tuple[str, ...], pictures: FloatArray) -> dict[str, FloatArray]:
    """Outputs (N, ...) by name of an ONNX file, one thread.

    Raises:
        ModelError: the file cannot be run.
    """
    engine = OnnxRuntimeEngine(path, max_batch=_BATCH)
    try:
        return dict(zip(names, engine.infer(pictures), strict=True))
    finally:
        engine.close()


def settle(network: Network, seed: int = 0) -> None:
    """Sets the statistics of batch normalisation to those of a few drawn pictures.

    With random weights and blank statistics the values of a deep network grow from block to block until rounding decides
    what it gives: the embeddings of SE-ResNet-152 then differ more between 32 and 64 bits than between two pictures. Settled,
    it computes as evenly as a trained one, and can be compared with its ONNX file.
    """
    layers = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain average
    height, width = (max(size // 64 * 32, 64) for size in network.input_size)  # half, and a multiple of all strides
    pictures = drawn_pictures(_SETTLING, (height, width), seed)
    normalised = (torch.from_numpy(pictures) / 255 - torch.tensor(network.mean).reshape(3, 1, 1)) / torch.tensor(
        network.std
    ).reshape(3, 1, 1)
    was_training = network.training
    with torch.no_grad():
        network.train()(normalised)
    network.train(was_training)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def read_pictures(folder: Path, input_size: tuple[int, int], limit: int) -> FloatArray:
    """(N, 3, H, W) float32, RGB, 0..255: pictures of a folder, stretched to the size, evenly taken from all of them.

    Args:
        folder: Where pictures are, at any depth.
        input_size: (height, width).
        limit: Most pictures.

    Raises:
        ModelError: there are none, or one cannot be read.
    """
    height, width = input_size
    rows = []
    for picture in _read(folder, limit):
        shrinks = picture.shape[0] > height and picture.shape[1] > width
        resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        rows.append(resized[:, :, ::-1].transpose(2, 0, 1).astype(np.float32))
    return np.stack(rows)


def read_prepared_pictures(folder: Path, engine: Engine, limit: int) -> FloatArray:
    """(N, 3, H, W) float32: pictures of a folder as the live path gives them to an embedder, or frames as to a detector.

    Args:
        folder: Where pictures are, at any depth.
        engine: The network: a detector if its first output is (batch, cells, values), else an embedder.
        limit: Most pictures.

    Raises:
        ModelError: there are no pictures, one cannot be read, or the network's metadata cannot be understood.
    """
    pictures = _read(folder, limit)
    if len(engine.output_shapes[0]) == 2:
        _, height, width = engine.input_shape
        return np.stack([letterbox(picture, height, width)[0] for picture in pictures])
    return CropPreparation(engine)(pictures)


def _read(folder: Path, limit: int) -> list[Image]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise ModelError(f"{folder}: no pictures in this folder ({', '.join(_SUFFIXES)})")
    pictures = []
    for path in files[:: -(-len(files) // limit)]:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise ModelError(f"{path}: not a picture that can be read")
        pictures.append(picture.astype(np.uint8, copy=False))
    return pictures


def drawn_pictures(count: int, input_size: tuple[int, int], seed: int = 0) -> FloatArray:
    """(N, 3, H, W) float32, RGB, 0..255: smooth coloured blots, where real pictures are not at hand."""
    random = np.random.default_rng(seed)
    height, width = input_size
    pictures = np.empty((count, 3, height, width), np.float32)
    for row in pictures:
        cells = (int(random.integers(2, 9)), int(random.integers(2, 9)))
        coarse = random.uniform(0, 255, (*cells, 3)).astype(np.float32)
        row[:] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1)
    return pictures


def _loss(name: str, expected: FloatArray, found: FloatArray) -> OutputLoss:
    if expected.shape != found.shape:
        raise ValueError(f"{name}: expected the shape {expected.shape}, found {found.shape}")
    one, other = (values.reshape(len(values), -1).astype(np.float64) for values in (expected, found))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = (one * other).sum(1) / np.maximum(lengths, 1e-12)
    apart = np.linalg.norm(one[:, None] - one[None], axis=2)[~np.eye(len(one), dtype=bool)]
    moved = float(np.linalg.norm(one - other, axis=1).mean())
    return OutputLoss(
        largest=float(np.abs(one - other).max()),
        spread=moved / float(apart.mean()) if apart.size and apart.mean() > 0 else float("nan"),
        cosine=float(cosines.min()),
        same_best=float((one.argmax(1) == other.argmax(1)).mean()),
    )
