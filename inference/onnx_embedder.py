"""Appearance embedders from re-identification networks in ONNX files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from inference.attributes import AttributeHeads
from inference.batcher import Batcher
from inference.crop_preparation import CropPreparation
from inference.embedder import Description
from inference.engines.protocol import Engine
from inference.errors import InferenceError, ModelError
from inference.pictures.choice import operations_for
from inference.pictures.protocol import AnyBatch
from throughline.types import FloatArray, Pixels

__all__ = ["OnnxEmbedder"]


class OnnxEmbedder:
    """Embedder from an ONNX file whose first output is (batch, D).

    Further outputs may tell attributes, as a head on the same trunk does (`inference.attributes.AttributeHeads`); others are
    passed over. Attributes are those of the crop as it is: the mirrored one would show another side.

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
        self._heads = AttributeHeads(engine)
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

    @property
    def attributes(self) -> tuple[str, ...]:
        """What heads beside the embedding tell."""
        return self._heads.names

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        """Embeds crops; see `inference.embedder.Embedder.embed`."""
        return (await self.describe(crops, camera=camera)).vectors

    async def describe(self, crops: Sequence[Pixels], *, camera: str = "") -> Description:
        """Embeds crops and tells their attributes; see `inference.embedder.Describer.describe`."""
        if not crops:
            return Description(np.zeros((0, self._dimension), np.float32), self._heads.nothing())

        def prepare() -> AnyBatch:
            batch = self._operations.crops(crops, self._preparation)
            return self._operations.with_mirrored(batch) if self._flip else batch

        def finish(outputs: tuple[AnyBatch, ...]) -> Description:
            try:
                vectors = self._operations.unit(outputs[0], mirrored=self._flip)
            except InferenceError as error:
                raise InferenceError(f"{self.name}: {error}") from None
            told = [self._operations.download(outputs[place][: len(crops)]) for place in self._heads.outputs]
            return Description(vectors, self._heads.read(told))

        size = 2 * len(crops) if self._flip else len(crops)
        return await self._batcher.submit(self._engine, prepare, finish, camera=camera, size=size)

    def close(self) -> None:
        """Frees the network."""
        self._engine.close()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
