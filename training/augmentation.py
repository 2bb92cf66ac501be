"""How crops are varied before a network learns from them: small functions on pictures, all drawing from a given generator.

Pictures are (height, width, 3) uint8, RGB.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from training.errors import DataError
from training.settings import Section

__all__ = [
    "AugmentationSettings",
    "ErasingSettings",
    "Picture",
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
    fill: tuple[float, float, float] | Literal["random"] = Field(
        (0.4914, 0.4822, 0.4465),
        description="Its red, green and blue, in the network's normalised units (0: the mean colour), or any.",
    )


class ZoomSettings(Section):
    """Each side of the crop is moved, as a detector's boxes are now wider and now tighter."""

    inwards: float = Field(0.0, ge=0, lt=0.5, description="At most this share of the width or height into the picture.")
    outwards: float = Field(0.0, ge=0, lt=0.5, description="And out of it, where the border's pixels are repeated.")


class LightSettings(Section):
    """Light and cameras change. Factors are e to a power drawn from -x to x."""

    probability: float = Field(1.0, ge=0, le=1, description="How often.")
    gamma: float = Field(0.0, ge=0, le=2, description="Power to which values in 0..1 are raised.")
    gain: float = Field(0.0, ge=0, le=2, description="Factor of all values.")
    cast: float = Field(0.0, ge=0, le=1, description="Factor of each colour on its own.")
    contrast: float = Field(0.0, ge=0, le=2, description="Factor of the distance to the picture's mean.")
    saturation: float = Field(0.0, ge=0, le=2, description="Factor of the distance to grey.")


class ShrinkSettings(Section):
    """A picture loses the detail that those of far vehicles do not have."""

    probability: float = Field(0.0, ge=0, le=1, description="How often.")
    width: tuple[int, int] = Field((20, 90), description="Least and largest width in pixels that it is made from.")


class BlurSettings(Section):
    """A picture is out of focus."""

    probability: float = Field(0.0, ge=0, le=1, description="How often.")
    sigma: tuple[float, float] = Field((0.5, 2.0), description="Least and largest standard deviation in pixels.")


class CompressionSettings(Section):
    """A picture has gone through a camera's encoder."""

    probability: float = Field(0.0, ge=0, le=1, description="How often.")
    quality: tuple[int, int] = Field((25, 80), description="Least and largest quality of JPEG.")


class AugmentationSettings(Section):
    """How pictures are varied, in this order. Validation only stretches them to the network's size."""

    stretch: tuple[int, int] | None = Field(
        None,
        description="(height, width) to which a picture is stretched before the network's size is cut out of it; "
        "default: the network's size, with nothing to cut.",
    )
    zoom: ZoomSettings = Field(default_factory=ZoomSettings, description="Wider and tighter.")
    flip: float = Field(0.5, ge=0, le=1, description="How often left and right are swapped.")
    light: LightSettings = Field(default_factory=LightSettings, description="Light.")
    shrink: ShrinkSettings = Field(default_factory=ShrinkSettings, description="Fewer pixels.")
    blur: BlurSettings = Field(default_factory=BlurSettings, description="Out of focus.")
    compression: CompressionSettings = Field(default_factory=CompressionSettings, description="Compressed.")
    erasing: ErasingSettings = Field(default_factory=ErasingSettings, description="Painting over a part.")


def read_picture(path: Path) -> Picture:
    """A picture from a file.

    Raises:
        DataError: it is missing or no picture.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise DataError(f"{path}: cannot be read as a picture")
    return _uint8(picture)


def stretch(picture: Picture, size: tuple[int, int]) -> Picture:
    """A picture at (height, width), whatever its shape; interpolated as where the network is used."""
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] > height and picture.shape[1] > width
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return _uint8(resized)


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
    picture = _zoom(stretch(picture, settings.stretch or size), settings.zoom, random)
    picture = _cut(picture, size, random)
    if random.random() < settings.flip:
        picture = picture[:, ::-1]
    picture = np.ascontiguousarray(picture)
    if random.random() < settings.light.probability:
        picture = _light(picture, settings.light, random)
    if random.random() < settings.shrink.probability:
        picture = _shrink(picture, settings.shrink, random)
    if random.random() < settings.blur.probability:
        picture = _uint8(cv2.GaussianBlur(picture, (0, 0), random.uniform(*settings.blur.sigma)))
    if random.random() < settings.compression.probability:
        picture = _compress(picture, settings.compression, random)
    if random.random() < settings.erasing.probability:
        picture = _erase(picture, settings.erasing, random, mean, std)
    return picture


def _zoom(picture: Picture, settings: ZoomSettings, random: np.random.Generator) -> Picture:
    if settings.inwards == settings.outwards == 0:
        return picture
    height, width = picture.shape[:2]
    left, right, top, bottom = random.uniform(-settings.outwards, settings.inwards, 4)
    scale = np.array([1 - left - right, 1 - top - bottom])
    to_source = np.array([[scale[0], 0, left * width], [0, scale[1], top * height]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _uint8(cv2.warpAffine(picture, to_source, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _cut(picture: Picture, size: tuple[int, int], random: np.random.Generator) -> Picture:
    height, width = size
    spare = picture.shape[0] - height, picture.shape[1] - width
    top, left = int(random.integers(spare[0] + 1)), int(random.integers(spare[1] + 1))
    return picture[top : top + height, left : left + width]


def _light(picture: Picture, settings: LightSettings, random: np.random.Generator) -> Picture:
    def factor(range_: float, count: int = 1) -> npt.NDArray[np.float32]:
        return np.exp(random.uniform(-range_, range_, count)).astype(np.float32)

    if settings.gamma == settings.gain == settings.cast == settings.contrast == settings.saturation == 0:
        return picture
    values = (picture.astype(np.float32) / 255.0) ** factor(settings.gamma)
    values *= factor(settings.gain) * factor(settings.cast, 3)
    mean = values.mean()
    values = mean + (values - mean) * factor(settings.contrast)
    grey = values.mean(2, keepdims=True)
    values = grey + (values - grey) * factor(settings.saturation)
    return _uint8((255.0 * values).round().clip(0, 255))


def _shrink(picture: Picture, settings: ShrinkSettings, random: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    least, most = settings.width
    small = min(width, round(float(np.exp(random.uniform(np.log(least), np.log(most))))))
    return stretch(stretch(picture, (max(1, round(height * small / width)), small)), (height, width))


def _compress(picture: Picture, settings: CompressionSettings, random: np.random.Generator) -> Picture:
    quality = int(random.integers(settings.quality[0], settings.quality[1] + 1))
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if decoded is None:
        raise RuntimeError("what was compressed to JPEG cannot be read again")
    return _uint8(decoded)


def _uint8(picture: npt.NDArray[np.generic]) -> Picture:
    return picture.astype(np.uint8, copy=False)


def _erase(
    picture: Picture, settings: ErasingSettings, random: np.random.Generator, mean: Sequence[float], std: Sequence[float]
) -> Picture:
    height, width = picture.shape[:2]
    for _ in range(settings.tries):
        area = random.uniform(*settings.area) * height * width
        aspect = random.uniform(*settings.aspect)
        tall, wide = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if 0 < tall < height and 0 < wide < width:
            top, left = int(random.integers(height - tall + 1)), int(random.integers(width - wide + 1))
            if settings.fill == "random":
                colour = random.uniform(0, 255, 3)
            else:
                colour = 255.0 * (np.array(settings.fill) * np.array(std) + np.array(mean))
            picture = picture.copy()  # what came in may be kept for the next time
            picture[top : top + tall, left : left + wide] = colour.round().clip(0, 255).astype(np.uint8)
            return picture
    return picture
