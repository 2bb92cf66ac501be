"""Networks in ONNX files that tell attributes and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.attributes import ATTRIBUTE_CLASSES, AttributeHeads
from inference.batcher import Batcher
from inference.crop_preparation import CropPreparation
from inference.embedder import Description
from inference.engines.protocol import Engine
from inference.errors import ModelError
from inference.pictures.choice import operations_for
from inference.pictures.protocol import AnyBatch
from throughline.types import Pixels

__all__ = ["OnnxAttributes"]


class OnnxAttributes:
    """`inference.embedder.Describer` from an ONNX file with outputs called ``type``, ``colour`` or ``orientation``.

    Args:
        engine: The network.
        batcher: Where it runs.

    Raises:
        ModelError: the network tells none of these, or its shapes or metadata are not those of such a network.
    """

    def __init__(self, engine: Engine, batcher: Batcher) -> None:
        self._engine = engine
        self._batcher = batcher
        self._heads = AttributeHeads(engine)
        if not self._heads.names:
            names = ", ".join(engine.output_names)
            raise ModelError(f"{engine.name}: expected an output called {' or '.join(ATTRIBUTE_CLASSES)}, found {names}")
        self._operations = operations_for(engine)
        self._preparation = CropPreparation(engine)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._engine.name

    @property
    def hash(self) -> str:
        """Hash of the weights."""
        return self._engine.hash

    @property
    def attributes(self) -> tuple[str, ...]:
        """What it tells."""
        return self._heads.names

    async def describe(self, crops: Sequence[Pixels], *, camera: str = "") -> Description:
        """Tells attributes of crops; see `inference.embedder.Describer.describe`."""
        vectors = np.zeros((len(crops), 0), np.float32)
        if not crops:
            return Description(vectors, self._heads.nothing())

        def prepare() -> AnyBatch:
            return self._operations.crops(crops, self._preparation)

        def finish(outputs: tuple[AnyBatch, ...]) -> Description:
            told = [self._operations.download(outputs[place]) for place in self._heads.outputs]
            return Description(vectors, self._heads.read(told))

        return await self._batcher.submit(self._engine, prepare, finish, camera=camera, size=len(crops))

    def close(self) -> None:
        """Frees the network."""
        self._engine.close()
