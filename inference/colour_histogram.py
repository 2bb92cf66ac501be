"""An appearance embedder that needs no weights: where on a vehicle which colours are.

The crop's colours (CIE L*a*b*, soft bins) are counted in four overlapping horizontal bands, so that windows, body and wheels
stay apart; pixels near the border, where the road is, count less. The light is half evened out (grey world): fully evening
it out would turn a red car grey. Counts are compressed by a power (a square root would make the cosine the Bhattacharyya
coefficient; two fifths gives small areas slightly more say), and what all vehicles share, being greyish, is taken away, so
that cosines of different vehicles spread around a low value. Signed feature hashing (Weinberger et al., *Feature Hashing
for Large Scale Multitask Learning*, arXiv 0902.2206) brings the vector to 512 numbers, with cosines kept on average.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from inference.batcher import Batcher
from inference.pictures.thumbnail import thumbnail
from throughline.types import FloatArray, Image, IntArray, Pixels

__all__ = ["ColourHistogramEmbedder", "colour_descriptor"]

_VERSION = "colour-histogram 1"
"""Changes with every change of the numbers below or of the computation: vectors of two versions must not be compared."""

_DIMENSION = 512
_SIDE = 32
_BANDS = 4
_BAND_REACH = 1 / (0.7 * _BANDS)
_BINS = (6, 7, 7)
_CHROMA_RANGE = 30.0
_GREY_WORLD = 0.5
_POWER = 0.4
_COMMON_SHARE = 0.9
_COMMON_LIGHTNESS = (0.45, 0.22)
_COMMON_CHROMA = 4.0


class ColourHistogramEmbedder:
    """Embedder by colour layout; the same on every machine, about half a millisecond a crop.

    Args:
        batcher: Where it runs.
    """

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher

    @property
    def name(self) -> str:
        """``colour-histogram``."""
        return "colour-histogram"

    @property
    def hash(self) -> str:
        """Hash of the definition."""
        return hashlib.sha256(_VERSION.encode()).hexdigest()[:16]

    @property
    def dimension(self) -> int:
        """512."""
        return _DIMENSION

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:  # noqa: ARG002 - the protocol's
        """Embeds crops; see `inference.embedder.Embedder.embed`."""
        if not crops:
            return np.zeros((0, _DIMENSION), np.float32)
        return await self._batcher.run(self.name, lambda: np.stack([colour_descriptor(crop) for crop in crops]), len(crops))

    def close(self) -> None:
        """Holds nothing."""


def colour_descriptor(crop: Pixels) -> FloatArray:
    """Unit vector (512,) of the colour layout of one crop.

    Raises:
        ValueError: the crop has no pixels.
    """
    if crop.size == 0:
        raise ValueError(f"a crop of shape {crop.shape} has no pixels")
    cells, shares = _soft_bins(_even_light(thumbnail(crop, _SIDE, _SIDE)))
    size = int(np.prod(_BINS))
    bands = np.stack([np.bincount(cells.ravel(), (shares * weight).ravel(), size) for weight in _BAND_WEIGHTS])
    compressed = (bands / bands.sum(axis=1, keepdims=True)).ravel() ** _POWER
    centred = compressed / np.linalg.norm(compressed) - _COMMON_SHARE * _COMMON
    hashed = np.bincount(_HASH_INDEX, centred * _HASH_SIGN, _DIMENSION)
    unit: FloatArray = (hashed / np.linalg.norm(hashed)).astype(np.float32)
    return unit


def _even_light(picture: Image) -> FloatArray:
    """BGR in 0..1, with the picture's mean colour moved half of the way to grey."""
    scaled = picture.astype(np.float32) / 255
    mean = np.maximum(scaled.reshape(-1, 3).mean(axis=0), 1e-3)
    evened: FloatArray = np.clip(scaled * (mean.mean() / mean) ** _GREY_WORLD, 0, 1).astype(np.float32)
    return evened


def _soft_bins(picture: FloatArray) -> tuple[IntArray, npt.NDArray[np.float64]]:
    """For each pixel the eight cells around its colour, (8, pixels), and its share in each of them."""
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2Lab).reshape(-1, 3).astype(np.float64)
    unit = np.stack([lab[:, 0] / 100, (lab[:, 1] / _CHROMA_RANGE + 1) / 2, (lab[:, 2] / _CHROMA_RANGE + 1) / 2])
    last = np.array(_BINS)[:, None] - 1
    position = np.clip(unit, 0, 1) * last
    low = np.minimum(position.astype(np.int64), last - 1)
    above = position - low
    cells, shares = [], []
    for corner in itertools.product((0, 1), repeat=3):
        step = np.array(corner)[:, None]
        cell = low + step
        cells.append((cell[0] * _BINS[1] + cell[1]) * _BINS[2] + cell[2])
        shares.append(np.where(step == 1, above, 1 - above).prod(axis=0))
    return np.stack(cells), np.stack(shares)


def _band_weights() -> npt.NDArray[np.float64]:
    """(bands, pixels): how much a pixel counts in each band."""
    centre = (np.arange(_SIDE) + 0.5) / _SIDE
    across = np.exp(-((centre - 0.5) ** 2) / (2 * 0.25**2))[None, :]
    down = np.exp(-((centre - 0.5) ** 2) / (2 * 0.3**2))[:, None]
    middles = (np.arange(_BANDS) + 0.5) / _BANDS
    reach = np.maximum(1 - np.abs(centre[None, :] - middles[:, None]) / _BAND_REACH, 0)
    weights: npt.NDArray[np.float64] = (reach[:, :, None] * (across * down)[None]).reshape(_BANDS, -1)
    return weights


def _common() -> npt.NDArray[np.float64]:
    """What all vehicles share, as a unit vector: colours spread normally around grey, the same in all bands."""

    def bell(points: npt.NDArray[np.float64], middle: float, spread: float) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = np.exp(-((points - middle) ** 2) / (2 * spread**2))
        return values

    lightness = bell(np.linspace(0, 1, _BINS[0]), *_COMMON_LIGHTNESS)
    chroma = [bell(np.linspace(-_CHROMA_RANGE, _CHROMA_RANGE, bins), 0, _COMMON_CHROMA) for bins in _BINS[1:]]
    band = np.einsum("l,a,b->lab", lightness, *chroma).ravel() ** _POWER
    bands = np.tile(band, _BANDS)
    common: npt.NDArray[np.float64] = bands / np.linalg.norm(bands)
    return common


def _hashing() -> tuple[IntArray, npt.NDArray[np.float64]]:
    """Place and sign of every cell in the vector, from a digest: the same on every machine and for ever."""
    cells = _BANDS * int(np.prod(_BINS))
    digest = np.frombuffer(hashlib.shake_128(_VERSION.encode()).digest(4 * cells), "<u4").astype(np.int64)
    return (digest >> 1) % _DIMENSION, np.where(digest & 1, 1.0, -1.0)


_BAND_WEIGHTS = _band_weights()
_COMMON = _common()
_HASH_INDEX, _HASH_SIGN = _hashing()
