"""Appearance embedders from re-identification networks in ONNX files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from inference.batcher import Batcher
from inference.crop_preparation import CropPreparation
from inference.engines.protocol import Engine
from inference.errors import InferenceError, ModelError
from inference.pictures.choice import operations_for
from inference.pictures.protocol import AnyBatch
from throughline.types import FloatArray, Pixels

__all__ = ["OnnxEmbedder"]


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
        self._operations = operations_for(engine)
        self._preparation = CropPreparation(engine)
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

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        """Embeds crops; see `inference.embedder.Embedder.embed`."""
        if not crops:
            return np.zeros((0, self._dimension), np.float32)

        def prepare() -> AnyBatch:
            batch = self._operations.crops(crops, self._preparation)
            return self._operations.with_mirrored(batch) if self._flip else batch

        def finish(outputs: tuple[AnyBatch, ...]) -> FloatArray:
            try:
                return self._operations.unit(outputs[0], mirrored=self._flip)
            except InferenceError as error:
                raise InferenceError(f"{self.name}: {error}") from None

        return await self._batcher.submit(self._engine, prepare, finish, camera=camera)

    def close(self) -> None:
        """Frees the network."""
        self._engine.close()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
