"""Weights to start from: what fits of another training's is taken."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from training.errors import RecipeError
from training.loop.checkpoints import read_checkpoint

__all__ = ["load_starting_weights"]

_log = logging.getLogger(__name__)
_WRAPPERS = ("state", "state_dict", "model", "network")


def load_starting_weights(network: nn.Module, path: Path) -> tuple[int, int]:
    """Takes those weights of a file that a network has by the same name and shape.

    The file is one that a training wrote, or any state dictionary that torch saved, also inside of a mapping under ``state``,
    ``state_dict``, ``model`` or ``network``; names may begin with ``module.``.

    Returns:
        How many of the network's tensors were found, and how many it has.

    Raises:
        RecipeError: there is no such file, or nothing in it fits.
    """
    if not path.is_file():
        raise RecipeError(f"network.start: {path}: no such file")
    content: object = read_checkpoint(path)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    own = network.state_dict()
    given = content if isinstance(content, Mapping) else {}
    named = {str(name).removeprefix("module."): value for name, value in given.items() if isinstance(value, torch.Tensor)}
    fitting = {name: value for name, value in named.items() if name in own and value.shape == own[name].shape}
    if not fitting:
        raise RecipeError(f"network.start: {path}: none of its {len(named)} tensors has a name and shape of this network's")
    network.load_state_dict(fitting, strict=False)
    left = sorted(set(own) - set(fitting))
    _log.info(
        "%d of %d tensors start from %s; left as they were: %s", len(fitting), len(own), path, ", ".join(left[:8]) or "none"
    )
    return len(fitting), len(own)
