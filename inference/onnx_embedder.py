"""Appearance embedders from re-identification networks in ONNX files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from inference.batcher import Batcher
from inference.engines.protocol import Engine
from inference.errors import InferenceError, ModelError
from throughline.types import FloatArray, Image

__all__ = ["CropPreparation", "OnnxEmbedder"]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_SMALLEST_NORM = 1e-6


class CropPreparation:
    """How crops become a network's input: stretched to its size, scaled to 0..1, normalised by channel.

    ImageNet's RGB normalisation, unless the file's metadata say otherwise: ``color`` (``rgb`` or ``bgr``), ``mean`` and
    ``std`` (three numbers each for values in 0..1, separated by commas, in the order of ``color``).

    Raises:
        ModelError: the metadata cannot be understood, or the network does not take three channels.
    """

    def __init__(self, engine: Engine) -> None:
        channels, self.height, self.width = engine.input_shape
        if channels != 3:
            raise ModelError(f"{engine.name}: expected an input of 3 channels, found {channels}")
        colour = engine.metadata.get("color", "rgb").strip().lower()
        if colour not in ("rgb", "bgr"):
            raise ModelError(f"{engine.name}: its metadata `color` is {colour!r}, expected rgb or bgr")
        self._reverse = colour == "rgb"
        mean = _three_numbers(engine, "mean", _IMAGENET_MEAN)
        deviation = _three_numbers(engine, "std", _IMAGENET_STD)
        if not (deviation > 0).all():
            raise ModelError(f"{engine.name}: its metadata `std` must be above zero, found {engine.metadata['std']!r}")
        # (pixel / 255 - mean) / std as one multiplication and one addition
        self._factor = (1 / (255 * deviation)).astype(np.float32)
        self._offset = (-mean / deviation).astype(np.float32)

    def __call__(self, crops: Sequence[Image]) -> FloatArray:
        """(N, 3, height, width) float32 from crops (h, w, 3) uint8, BGR.

        Raises:
            ValueError: a crop has no pixels.
        """
        batch = np.empty((len(crops), 3, self.height, self.width), np.float32)
        for row, crop in zip(batch, crops, strict=True):
            if crop.size == 0:
                raise ValueError(f"a crop of shape {crop.shape} has no pixels")
            shrinks = crop.shape[0] > self.height and crop.shape[1] > self.width
            resized = cv2.resize(crop, (self.width, self.height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            ordered = resized[:, :, ::-1] if self._reverse else resized
            row[:] = (ordered * self._factor + self._offset).transpose(2, 0, 1)
        return batch


class OnnxEmbedder:
    """Embedder from an ONNX file whose first output is (batch, D).

    Further outputs, such as the type that a head on the same trunk tells, are not asked here.

    Args:
        engine: The network.
        batcher: Where it runs.
        flip: Average the vector with that of the mirrored crop, and normalise again: steadier, at twice the cost. None: as
            the file's metadata ``flip`` (``true`` or ``false``) says, by default not.

    Raises:
        ModelError: the network's shapes or metadata are not those of an embedder.
    """

    def __init__(self, engine: Engine, batcher: Batcher, *, flip: bool | None = None) -> None:
        shapes = engine.output_shapes
        if not shapes or len(shapes[0]) != 1 or shapes[0][0] < 1:
            found = ", ".join(f"(batch, {', '.join(str(size) for size in shape)})" for shape in shapes)
            raise ModelError(f"{engine.name}: expected a first output (batch, dimension) of an embedder, found {found}")
        self._engine = engine
        self._batcher = batcher
        self._prepare = CropPreparation(engine)
        usual = engine.metadata.get("flip", "false").strip().lower() == "true"
        self._flip = usual if flip is None else flip
        self._hash = engine.hash if self._flip == usual else _hash(f"{engine.hash} flip {self._flip}")
        self._dimension = shapes[0][0]

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._engine.name

    @property
    def hash(self) -> str:
        """Hash of the weights; another one where ``flip`` is not what the file says, for vectors then are others."""
        return self._hash

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return self._dimension

    async def embed(self, crops: Sequence[Image]) -> FloatArray:
        """Embeds crops; see `inference.embedder.Embedder.embed`."""
        if not crops:
            return np.zeros((0, self._dimension), np.float32)

        def prepare() -> FloatArray:
            batch = self._prepare(crops)
            return np.concatenate([batch, batch[:, :, :, ::-1]]) if self._flip else batch

        def finish(outputs: tuple[FloatArray, ...]) -> FloatArray:
            vectors = self._unit(outputs[0])
            if not self._flip:
                return vectors
            return self._unit(vectors[: len(crops)] + vectors[len(crops) :])

        return await self._batcher.submit(self._engine, prepare, finish)

    def close(self) -> None:
        """Frees the network."""
        self._engine.close()

    def _unit(self, vectors: FloatArray) -> FloatArray:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(norms) & (norms > _SMALLEST_NORM)).all():
            raise InferenceError(f"{self.name} gave a vector that is zero or not finite")
        unit: FloatArray = (vectors / norms).astype(np.float32)
        return unit


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _three_numbers(engine: Engine, field: str, default: tuple[float, float, float]) -> FloatArray:
    text = engine.metadata.get(field)
    if text is None:
        return np.array(default, np.float32)
    try:
        numbers = np.array([float(part) for part in text.strip().strip("[]()").split(",")], np.float32)
    except ValueError:
        numbers = np.zeros(0, np.float32)
    if numbers.shape != (3,) or not np.isfinite(numbers).all():
        raise ModelError(f"{engine.name}: its metadata `{field}` is {text!r}, expected three numbers separated by commas")
    return numbers
