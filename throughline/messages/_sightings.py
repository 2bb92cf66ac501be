"""What a tracklet is made of: clock, path, looks and best shot."""

from __future__ import annotations

import msgspec
import numpy as np

from throughline.messages._errors import UnreadableMessageError
from throughline.times import Instant
from throughline.types import ClockSource, FloatArray

__all__ = ["BestShot", "Clock", "Embedding", "GroundPoint", "PathPoint"]


class Clock(msgspec.Struct, frozen=True, gc=False):
    """Where the times of a record come from.

    Attributes:
        source: ``rtcp`` (camera's own clock), ``file`` or ``arrival``.
        uncertainty: Standard deviation in seconds.
    """

    source: ClockSource
    uncertainty: float


class GroundPoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A position on the ground, in metres (x, y) of the site's plane, or degrees (longitude, latitude)."""

    x: float
    y: float


class PathPoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a vehicle was at one instant.

    Attributes:
        at: Capture time.
        x: Left edge of the box, pixels.
        y: Top edge of the box, pixels.
        width: Width of the box, pixels.
        height: Height of the box, pixels.
        ground: Position of the middle of the box's lower edge on the ground, where the camera is calibrated.
    """

    at: Instant
    x: float
    y: float
    width: float
    height: float
    ground: GroundPoint | None = None


class Embedding(msgspec.Struct, frozen=True, gc=False):
    """How a vehicle looks to one network.

    Attributes:
        model: Name of the model in the site file.
        hash: First 16 hexadecimal digits of the SHA-256 of its weights (or of its definition, when it has none).
        dimension: Length of each vector.
        mean: Quality-weighted mean over the tracklet, unit length, float16, little-endian bytes.
        exemplars: A few single views, best first, each like ``mean``.
    """

    model: str
    hash: str
    dimension: int
    mean: bytes
    exemplars: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, model: str, hash: str, mean: FloatArray, exemplars: FloatArray | None = None) -> Embedding:  # noqa: A002 - the field's name
        """Packs unit vectors, ``mean`` (D,) and ``exemplars`` (K, D), as float16."""
        rows = () if exemplars is None else tuple(row.astype("<f2").tobytes() for row in exemplars)
        return cls(model, hash, len(mean), mean.astype("<f2").tobytes(), rows)

    def vector(self) -> FloatArray:
        """``mean`` as (D,) float32 of unit length.

        Raises:
            UnreadableMessageError: the bytes are not ``dimension`` finite numbers.
        """
        return self._unpack(self.mean)

    def exemplar_vectors(self) -> FloatArray:
        """``exemplars`` as (K, D) float32 with unit rows.

        Raises:
            UnreadableMessageError: the bytes are not ``dimension`` finite numbers.
        """
        if not self.exemplars:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([self._unpack(row) for row in self.exemplars])

    def _unpack(self, data: bytes) -> FloatArray:
        if len(data) != 2 * self.dimension:
            raise UnreadableMessageError(f"embedding {self.model}: {len(data)} bytes for {self.dimension} float16 numbers")
        vector = np.frombuffer(data, "<f2").astype(np.float32)
        norm = float(np.linalg.norm(vector))
        if not np.isfinite(norm) or norm == 0.0:
            raise UnreadableMessageError(f"embedding {self.model}: not a finite, non-zero vector")
        return vector / np.float32(norm)


class BestShot(msgspec.Struct, frozen=True, gc=False):
    """Where the best picture of a vehicle can be fetched; the picture itself never travels on Kafka.

    Attributes:
        path: Path below the camera's ``media_url``.
        at: Capture time.
        quality: 0..1, comparable within a camera.
    """

    path: str
    at: Instant
    quality: float
