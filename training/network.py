"""The network of a recipe: from the registry, with weights to start from, and what of it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from torch import nn

from inference.networks.network import Network
from inference.networks.registry import build
from training.errors import RecipeError
from training.randomness import seed_torch
from training.settings import Section
from training.starting_weights import load_starting_weights

__all__ = ["BuiltNetwork", "NetworkSettings", "build_network"]


class NetworkSettings(Section):
    """Which network, and where its weights come from."""

    name: str = Field(description="Name in the registry of networks.")
    options: dict[str, Any] = Field(default_factory=dict, description="Options of its definition that differ from its defaults.")
    start: Path | None = Field(
        None, description="File of weights to start from; what it has of other names or shapes, such as classifiers, is left."
    )
    frozen_stages: int = Field(0, ge=0, description="Stages of the backbone that stay as they are, counted from its start.")
    frozen_norms: bool = Field(
        False, description="Whether the backbone's batch norms keep the statistics they start with: for small batches and sets."
    )
    frozen_parts: tuple[str, ...] = Field(
        (), description="Modules of the network that stay as they are, such as all but a new head on a network that was fitted."
    )


@dataclass(frozen=True, slots=True)
class BuiltNetwork:
    """A network and what of it must not change.

    Attributes:
        network: The network.
        held: Modules that stay in evaluation mode while the others learn.
    """

    network: Network
    held: tuple[nn.Module, ...]

    def hold(self) -> None:
        """Puts the held modules back into evaluation mode; to be called before each step."""
        for module in self.held:
            module.eval()

    def specification(self) -> dict[str, Any]:
        """Name in the registry, and classes by classifier."""
        specification = self.network.specification
        if specification is None:
            raise TypeError("expected a network that the registry built")
        return {"network": specification.name, "classes": dict(specification.classes)}


def build_network(settings: NetworkSettings, classes: Mapping[str, int], seed: int) -> BuiltNetwork:
    """Builds a recipe's network, its random weights decided by the seed.

    Raises:
        RecipeError: the registry has no such network, it has no such option or stages, or the weights to start from do not fit.
    """
    seed_torch(seed, "initialisation")
    try:
        network = build(settings.name, classes, **settings.options)
    except (ValueError, TypeError) as error:  # definitions check their options; torch refuses some that they pass on
        raise RecipeError(f"network: {error}") from error
    if settings.start is not None:
        load_starting_weights(network, settings.start)
    parts = (*_frozen_stages(network, settings), *_frozen_parts(network, settings))
    for part in parts:
        part.requires_grad_(requires_grad=False)
    return BuiltNetwork(network, (*parts, *_frozen_norms(network, settings)))


def _frozen_stages(network: Network, settings: NetworkSettings) -> list[nn.Module]:
    """The first stages."""
    if not settings.frozen_stages:
        return []
    stages = getattr(getattr(network, "backbone", None), "stages", None)
    if not isinstance(stages, nn.ModuleList) or len(stages) < settings.frozen_stages:
        raise RecipeError(f"network.frozen_stages: {settings.name} has no {settings.frozen_stages} stages")
    return list(stages[: settings.frozen_stages])


def _frozen_parts(network: Network, settings: NetworkSettings) -> list[nn.Module]:
    """The modules that the recipe names."""
    named = dict(network.named_modules())
    unknown = [name for name in settings.frozen_parts if name not in named]
    if unknown:
        parts = ", ".join(name for name, _ in network.named_children())
        raise RecipeError(f"network.frozen_parts: {settings.name} has no {', '.join(unknown)}; its parts are {parts}")
    return [named[name] for name in settings.frozen_parts]


def _frozen_norms(network: Network, settings: NetworkSettings) -> list[nn.Module]:
    """The backbone's batch norms."""
    if not settings.frozen_norms:
        return []
    backbone = {id(parameter) for parameter in network.backbone_parameters()}
    norms = (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    return [norm for norm in norms if any(id(parameter) in backbone for parameter in norm.parameters())]
