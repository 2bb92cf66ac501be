"""A camera without pictures: what networks would say of its frames is drawn, everything behind them is the product's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from inference.batcher import InferenceWorkers
from inference.embedder import Description
from inference.models import Models
from simulation.appearance import AppearanceModel, DetectorModel, DrawnAttributes, DrawnDetections, DrawnEmbeddings
from simulation.appearance.attributes import Attribute
from simulation.city import CityCamera, Scenario, Sightings
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, after
from throughline.types import ClockSource, Detections, FloatArray, Frame, Image, Pixels

__all__ = ["EMBEDDER", "EPOCH", "DrawnCity", "DrawnPicture", "frame_of"]

EPOCH: Final[Instant] = 1_700_000_000_000_000
"""Capture time of the first frames."""

EMBEDDER: Final = "drawn-embedder"

_ATTRIBUTES: Final[tuple[Attribute, ...]] = ("type", "colour", "orientation")
_TEXTURE: Final = np.random.default_rng(1).integers(104, 152, (64, 64, 3), np.uint8)
"""As sharp as ordinary footage, for those who measure sharpness."""


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """A picture, or a part of one, of which size and place are known, and nothing else.

    Attributes:
        frame: Number of the frame, from 0.
        corner: Left and upper edge in the frame, pixels.
        height: Pixels.
        width: Pixels.
    """

    frame: int
    corner: tuple[int, int]
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, 3)."""
        return self.height, self.width, 3

    @property
    def size(self) -> int:
        """Number of values."""
        return self.height * self.width * 3

    def __getitem__(self, part: tuple[slice, slice]) -> DrawnPicture:
        """The part inside these rows and columns."""
        (top, bottom, _), (left, right, _) = (
            one.indices(length) for one, length in zip(part, (self.height, self.width), strict=True)
        )
        corner = self.corner[0] + left, self.corner[1] + top
        return DrawnPicture(self.frame, corner, max(0, bottom - top), max(0, right - left))

    def download(self) -> Image:
        """Grey."""
        return np.full(self.shape, 128, np.uint8)

    def thumbnail(self, height: int, width: int) -> Image:
        """A texture as sharp as ordinary footage."""
        if self.size == 0:
            raise ValueError(f"a picture of shape {self.shape} has no pixels")
        return _TEXTURE if (height, width, 3) == _TEXTURE.shape else np.resize(_TEXTURE, (height, width, 3))


class DrawnCity:
    """What detector, embedder and attribute networks would say of a scenario's cameras.

    Args:
        scenario: Who is where.
        appearance: How well vehicles are told apart.
        detector: How well they are found.
    """

    def __init__(
        self, scenario: Scenario, appearance: AppearanceModel | None = None, detector: DetectorModel | None = None
    ) -> None:
        self._scenario = scenario
        self._detector = detector
        self.embeddings: Final = DrawnEmbeddings(scenario.vehicles, scenario.seed, appearance)
        self.attributes: Final = DrawnAttributes(scenario.vehicles, scenario.seed)

    def camera(self, camera: CityCamera, sightings: Sightings, frames: int) -> Models:
        """The networks of one camera, for so many frames."""
        scenario = self._scenario
        detections = DrawnDetections(sightings, camera, scenario.vehicles, scenario.seed, frames, self._detector)
        return Models(
            _Detector(detections),
            ((_Embedder(self, detections), 1.0),),
            (),
            InferenceWorkers(1, Metrics()),
            attributes=_ATTRIBUTES,
        )


def frame_of(camera: CityCamera, number: int, fps: float) -> Frame:
    """A frame of a camera, from 0."""
    width, height = camera.size
    captured = after(EPOCH, number / fps)
    return Frame(camera.id, number, captured, ClockSource.RTCP, 0.0, DrawnPicture(number, (0, 0), height, width))


class _Detector:
    """Says what was drawn for a frame."""

    name, hash = "drawn-detector", "0" * 16

    def __init__(self, detections: DrawnDetections) -> None:
        self._detections = detections

    async def detect(self, frame: Frame) -> Detections:
        return self._detections.frame(frame.number)

    def close(self) -> None:
        """Holds nothing."""


class _Embedder:
    """Says what was drawn for the vehicle that a crop was cut around."""

    name = EMBEDDER
    attributes = _ATTRIBUTES

    def __init__(self, city: DrawnCity, detections: DrawnDetections) -> None:
        self._city, self._detections = city, detections
        self.hash = hashlib.sha256(repr(city.embeddings.model).encode()).hexdigest()[:16]
        self.dimension = city.embeddings.model.dimension

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        return (await self.describe(crops, camera=camera)).vectors

    async def describe(self, crops: Sequence[Pixels], *, camera: str = "") -> Description:  # noqa: ARG002 - there is only one
        rows = np.array([self._shown(crop) for crop in crops], np.int64)
        return Description(self._vectors[rows], {name: told[rows] for name, told in self._told.items()})

    @cached_property
    def _vectors(self) -> FloatArray:
        """Of all detections: drawn at once, they take a tenth of the time."""
        return self._city.embeddings.of(self._detections.crops)

    @cached_property
    def _told(self) -> Mapping[str, FloatArray]:
        return {name: self._city.attributes.of(name, self._detections.crops) for name in _ATTRIBUTES}

    def close(self) -> None:
        """Holds nothing."""

    def _shown(self, crop: Pixels) -> int:
        """The detection whose box lies closest to the crop."""
        assert isinstance(crop, DrawnPicture)  # noqa: S101 - cut from a frame of `frame_of`
        rows = self._detections.rows(crop.frame)
        left, top = crop.corner
        edges = np.array((left, top, left + crop.width, top + crop.height), np.float32)
        closest = np.abs(self._detections.detections.boxes[rows] - edges).sum(axis=1).argmin()
        return int(rows.start) + int(closest)
