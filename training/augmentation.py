"""How crops are varied before a network learns from them: small functions on pictures, all drawing from a given generator.

Pictures are (height, width, 3) uint8, RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from training.errors import DataError
from training.settings import Section

__all__ = [
    "AugmentationSettings",
    "ErasingSettings",
    "JitterSettings",
    "Picture",
    "ShrinkSettings",
    "augment",
    "read_picture",
    "stretch",
]

Picture: TypeAlias = npt.NDArray[np.uint8]


class ErasingSettings(Section):
    """A rectangle is painted over (Zhong et al., "Random Erasing Data Augmentation", AAAI 2020)."""

    probability: float = Field(0.0, ge=0, le=1, description="How often.")
    area: tuple[float, float] = Field((0.02, 0.4), description="Least and largest share of the picture.")
    aspect: tuple[float, float] = Field((0.3, 3.33), description="Least and largest height over width.")
    tries: int = Field(100, ge=1, description="Rectangles drawn until one fits into the picture.")
    fill: tuple[float, float, float] = Field(
        (0.4914, 0.4822, 0.4465), description="Its red, green and blue, in the network's normalised units; 0: the mean colour."
    )


class JitterSettings(Section):
    """Light changes: factors drawn from 1 - x to 1 + x."""

    brightness: float = Field(0.0, ge=0, lt=1, description="Of all values.")
    contrast: float = Field(0.0, ge=0, lt=1, description="Of the distance to the picture's mean.")
    saturation: float = Field(0.0, ge=0, lt=1, description="Of the distance to grey.")


class ShrinkSettings(Section):
    """A crop is made as small as those of far vehicles, before it is stretched."""

    probability: float = Field(0.0, ge=0, le=1, description="How often.")
    least: int = Field(24, ge=4, description="Its shorter side is drawn from this many pixels up to what it is.")


class AugmentationSettings(Section):
    """How pictures are varied. Validation only stretches them to the network's size."""

    stretch: tuple[int, int] | None = Field(
        None,
        description="(height, width) to which a picture is stretched before the network's size is cut out of it; "
        "default: the network's size, with nothing to cut.",
    )
    flip: float = Field(0.5, ge=0, le=1, description="How often left and right are swapped.")
    erasing: ErasingSettings = Field(default_factory=ErasingSettings, description="Painting over a part.")
    jitter: JitterSettings = Field(default_factory=JitterSettings, description="Light.")
    shrink: ShrinkSettings = Field(default_factory=ShrinkSettings, description="Fewer pixels.")


def read_picture(path: Path) -> Picture:
    """A picture from a file.

    Raises:
        DataError: it is missing or no picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise DataError(f"{path}: cannot be read as a picture")
    return picture.astype(np.uint8, copy=False)


def stretch(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture at (height, width), whatever its shape; interpolated as where the network is used."""
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] > height and picture.shape[1] > width
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)


def augment(
    picture: Picture,
    size: tuple[int, int],
    settings: AugmentationSettings,
    random: np.random.Generator,
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> Picture:
    """One random variant of a picture.

    Args:
        picture: Of any size.
        size: (height, width) of the network.
        settings: What to vary.
        random: Draws.
        mean: Of the network's normalisation, by channel, for values in 0..1.
        std: Of the same.
    """
    picture = _shrink(picture, settings.shrink, random)
    picture = _cut(stretch(picture, settings.stretch or size), size, random)
    if random.random() < settings.flip:
        picture = picture[:, ::-1]
    picture = _jitter(picture, settings.jitter, random)
    return _erase(np.ascontiguousarray(picture), settings.erasing, random, mean, std)


def _shrink(picture: Picture, settings: ShrinkSettings, random: np.random.Generator) -> Picture:
    shorter = min(picture.shape[:2])
    if settings.probability == 0 or random.random() >= settings.probability or shorter <= settings.least:
        return picture
    scale = float(np.exp(random.uniform(np.log(settings.least / shorter), 0.0)))
    return stretch(picture, (max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale))))


def _cut(picture: Picture, size: tuple[int, int], random: np.random.Generator) -> Picture:
    height, width = size
    spare = picture.shape[0] - height, picture.shape[1] - width
    top, left = int(random.integers(spare[0] + 1)), int(random.integers(spare[1] + 1))
    return picture[top : top + height, left : left + width]


def _jitter(picture: Picture, settings: JitterSettings, random: np.random.Generator) -> Picture:
    if settings.brightness == settings.contrast == settings.saturation == 0:
        return picture
    values = picture.astype(np.float32)
    values *= random.uniform(1 - settings.brightness, 1 + settings.brightness)
    values = _away(values, values.mean(), random.uniform(1 - settings.contrast, 1 + settings.contrast))
    grey = values @ np.array([0.299, 0.587, 0.114], np.float32)  # luma of ITU-R BT.601
    values = _away(values, grey[:, :, None], random.uniform(1 - settings.saturation, 1 + settings.saturation))
    return values.round().clip(0, 255).astype(np.uint8)


def _away(
    values: npt.NDArray[np.float32], origin: npt.NDArray[np.float32] | np.floating, factor: float
) -> npt.NDArray[np.float32]:
    return np.asarray(origin + (values - origin) * np.float32(factor), np.float32)


def _erase(
    picture: Picture, settings: ErasingSettings, random: np.random.Generator, mean: Sequence[float], std: Sequence[float]
) -> Picture:
    if settings.probability == 0 or random.random() >= settings.probability:
        return picture
    height, width = picture.shape[:2]
    for _ in range(settings.tries):
        area = random.uniform(*settings.area) * height * width
        aspect = random.uniform(*settings.aspect)
        tall, wide = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if 0 < tall < height and 0 < wide < width:
            top, left = int(random.integers(height - tall + 1)), int(random.integers(width - wide + 1))
            colour = 255.0 * (np.array(settings.fill) * np.array(std) + np.array(mean))
            picture[top : top + tall, left : left + wide] = colour.round().clip(0, 255).astype(np.uint8)
            return picture
    return picture
