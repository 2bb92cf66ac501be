"""How pictures of single vehicles become the input of an embedder."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from inference.engines.protocol import Engine
from inference.errors import ModelError
from throughline.types import FloatArray, Image

__all__ = ["CropPreparation"]

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class CropPreparation:
    """How crops become a network's input: stretched to its size, scaled to 0..1, normalised by channel.

    ImageNet's RGB normalisation, unless the file's metadata say otherwise: ``color`` (``rgb`` or ``bgr``), ``mean`` and
    ``std`` (three numbers each for values in 0..1, separated by commas, in the order of ``color``).

    Attributes:
        height: Height of the input.
        width: Width of the input.
        reverse: Whether the input is RGB, pictures being BGR.
        factor: (3,) float32, by which each channel of the input is multiplied, from 0..255.
        offset: (3,) float32, which is added then.

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
        self.reverse = colour == "rgb"
        mean = _three_numbers(engine, "mean", _IMAGENET_MEAN)
        deviation = _three_numbers(engine, "std", _IMAGENET_STD)
        if not (deviation > 0).all():
            raise ModelError(f"{engine.name}: its metadata `std` must be above zero, found {engine.metadata['std']!r}")
        # (pixel / 255 - mean) / std as one multiplication and one addition
        self.factor = (1 / (255 * deviation)).astype(np.float32)
        self.offset = (-mean / deviation).astype(np.float32)

    def shrinks(self, shape: tuple[int, ...]) -> bool:
        """Whether a crop of this shape (h, w, 3) is larger both ways, so that areas of it are averaged."""
        return shape[0] > self.height and shape[1] > self.width

    def __call__(self, crops: Sequence[Image]) -> FloatArray:
        """(N, 3, height, width) float32 from crops (h, w, 3) uint8, BGR.

        Raises:
            ValueError: a crop has no pixels.
        """
        batch = np.empty((len(crops), 3, self.height, self.width), np.float32)
        for row, crop in zip(batch, crops, strict=True):
            if crop.size == 0:
                raise ValueError(f"a crop of shape {crop.shape} has no pixels")
            interpolation = cv2.INTER_AREA if self.shrinks(crop.shape) else cv2.INTER_LINEAR
            resized = cv2.resize(crop, (self.width, self.height), interpolation=interpolation)
            ordered = resized[:, :, ::-1] if self.reverse else resized
            row[:] = (ordered * self.factor + self.offset).transpose(2, 0, 1)
        return batch


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
