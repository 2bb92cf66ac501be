"""What comes of fitting a detector: a file for the live path."""

from __future__ import annotations

from pathlib import Path

import torch

from inference.networks.yolox_export import export_detector
from training.detection.recipe import DetectorRecipe
from training.detection.task import starting_network
from training.loop.checkpoints import read_checkpoint

__all__ = ["write_detector"]


def write_detector(weights: Path, recipe: DetectorRecipe, name: str, path: Path) -> None:
    """Writes the ONNX file of a fitted detector, its weights in 16 bits, for the input that the recipe names.

    Its weights are ``start.kept`` of those that the training started from, and fitted ones for the rest (Wortsman et al.,
    *Robust fine-tuning of zero-shot models*, arXiv 2109.01903).

    Args:
        weights: What the training loop left.
        recipe: The recipe.
        name: The recipe's name, for the file's metadata.
        path: File to write.
    """
    kept = read_checkpoint(weights)
    network = starting_network(recipe)
    with torch.no_grad():
        for weight_name, weight in network.state_dict().items():
            weight.lerp_(kept["state"][weight_name], 1.0 - recipe.start.kept)
    facts = {"recipe": name, "seed": recipe.fitting.seed, "step": kept["step"], "licence": "Apache-2.0"}
    export_detector(network, path, (recipe.input.height, recipe.input.width), metadata=facts)
