"""Trained networks as files of torch: how to build the network again, and its state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from inference.networks.network import Network

__all__ = ["load_network", "load_state", "save_network"]

_FORMAT = "throughline network 1"
_STARTING_WEIGHTS = ("pretrained", "key_point_weights")
"""Options that say where weights come from at the start: the file has them all."""


def save_network(path: Path, network: Network, facts: Mapping[str, str | int | float] | None = None) -> None:
    """Writes a network that the registry built.

    Args:
        path: File to write; it appears under this name when it is complete.
        network: The network.
        facts: What is known of it, such as the recipe and the seed: becomes metadata of the ONNX file.

    Raises:
        ValueError: the network was not built by the registry.
    """
    if network.specification is None:
        raise ValueError("only networks that the registry built can be saved: others cannot be built again from a file")
    specification = network.specification
    content = {
        "format": _FORMAT,
        "name": specification.name,
        "classes": dict(specification.classes),
        "options": {name: _plain(value) for name, value in specification.options.items() if name not in _STARTING_WEIGHTS},
        "facts": dict(facts or {}),
        "state": network.state_dict(),
    }
    partial = path.with_name(f"{path.name}.part")
    torch.save(content, partial)
    partial.replace(path)


def load_network(path: Path) -> tuple[Network, dict[str, str | int | float]]:
    """Builds a network from its file, in eval mode, and tells the facts that are known of it.

    Raises:
        ValueError: the file is no such network, or of one that is not known here.
    """
    from inference.networks.registry import build  # the registry holds networks that load weights themselves

    content = _content(path)
    network = build(content["name"], content["classes"], **content["options"])
    network.load_state_dict(content["state"])
    network.eval()
    return network, content["facts"]


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """The state of the network in a file.

    Raises:
        ValueError: the file is no such network.
    """
    state: dict[str, torch.Tensor] = _content(path)["state"]
    return state


def _content(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; expected the weights of a trained network") from None
    except Exception as error:  # torch raises many kinds for files that are not its own
        raise ValueError(f"{path}: not a file of torch that can be read: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{path}: not a trained network of this project; `throughline train` writes them")
    return content


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
