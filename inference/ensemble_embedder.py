"""Several networks that look at the same crops: appearance and attributes together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.embedder import Describer, Description, Embedder
from throughline.types import FloatArray, Pixels

__all__ = ["EnsembleDescription", "EnsembleEmbedder"]


@dataclass(frozen=True, slots=True)
class EnsembleDescription:
    """What an ensemble says of N crops.

    Attributes:
        vectors: (N, D) float32 with unit rows, by the name of the member.
        attributes: (N, C) float32 by attribute; see `inference.embedder.Description`.
        failures: What went wrong, by the name of the network; what it should have told is missing above.
    """

    vectors: Mapping[str, FloatArray]
    attributes: Mapping[str, FloatArray]
    failures: Mapping[str, Exception]


class EnsembleEmbedder:
    """Asks all members at once; one that fails is left out, since the others still tell something.

    Each attribute is told by one network: the first of ``attribute_networks`` that tells it, else the first embedder with such
    a head.

    Args:
        embedders: Those whose vectors are wanted.
        attribute_networks: Networks that only tell attributes.
        attributes: Those that are wanted; what nobody tells is left out.
    """

    def __init__(
        self, embedders: Sequence[Embedder], attribute_networks: Sequence[Describer] = (), attributes: Sequence[str] = ()
    ) -> None:
        self._embedders = tuple(embedders)
        describers = [*attribute_networks, *(embedder for embedder in embedders if isinstance(embedder, Describer))]
        tellers: dict[str, Describer] = {}
        for attribute in attributes:
            for describer in describers:
                if attribute in describer.attributes:
                    tellers.setdefault(attribute, describer)
        self._tellers = tellers
        self._others = tuple(network for network in attribute_networks if network in tellers.values())

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """(name, hash) of each embedder."""
        return tuple((embedder.name, embedder.hash) for embedder in self._embedders)

    @property
    def attribute_models(self) -> dict[str, tuple[str, str]]:
        """(name, hash) of the network that tells each attribute."""
        return {attribute: (network.name, network.hash) for attribute, network in self._tellers.items()}

    async def describe(self, crops: Sequence[Pixels], *, camera: str = "") -> EnsembleDescription:
        """Describes crops by every network.

        Args:
            crops: Each (height, width, 3) uint8, BGR.
            camera: Whose crops these are.
        """
        networks: list[Embedder | Describer] = [*self._embedders, *self._others]
        answers = await asyncio.gather(*(self._ask(network, crops, camera) for network in networks), return_exceptions=True)
        vectors: dict[str, FloatArray] = {}
        attributes: dict[str, FloatArray] = {}
        failures: dict[str, Exception] = {}
        for network, answer in zip(networks, answers, strict=True):
            if isinstance(answer, Exception):
                failures[network.name] = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                if answer.vectors.shape[1]:
                    vectors[network.name] = answer.vectors
                attributes.update({name: rows for name, rows in answer.attributes.items() if self._tellers.get(name) is network})
        return EnsembleDescription(vectors, attributes, failures)

    async def _ask(self, network: Embedder | Describer, crops: Sequence[Pixels], camera: str) -> Description:
        if isinstance(network, Describer):
            return await network.describe(crops, camera=camera)
        return Description(await network.embed(crops, camera=camera), {})
