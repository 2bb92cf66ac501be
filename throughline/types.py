"""The values that parts hand to each other inside one process: arrays in value objects, units in the docstrings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from throughline.times import Instant

__all__ = [
    "ORIENTATIONS",
    "VEHICLE_COLOURS",
    "VEHICLE_TYPES",
    "ClockSource",
    "Detections",
    "DeviceImage",
    "EarlierSightings",
    "FloatArray",
    "Frame",
    "Image",
    "IntArray",
    "Pixels",
    "TrackState",
    "Tracks",
    "host_image",
]

FloatArray: TypeAlias = npt.NDArray[np.float32]
IntArray: TypeAlias = npt.NDArray[np.int64]
Image: TypeAlias = npt.NDArray[np.uint8]
"""(height, width, 3), BGR."""


@runtime_checkable
class DeviceImage(Protocol):
    """A picture that lies on a GPU: it can be measured and cut there, and fetched in whole or as a thumbnail."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, 3), as of an array in memory."""
        ...

    @property
    def size(self) -> int:
        """Number of values, as of an array in memory: zero where there are no pixels."""
        ...

    def __getitem__(self, part: tuple[slice, slice]) -> DeviceImage:
        """The part inside these rows and columns, which follow the rules of Python's slices; a view."""
        ...

    def download(self) -> Image:
        """The picture in this machine's memory; a copy."""
        ...

    def thumbnail(self, height: int, width: int) -> Image:
        """The whole picture in this size, each pixel the mean of the area that it stands for, in this machine's memory.

        Raises:
            ValueError: the picture has no pixels.
        """
        ...


Pixels: TypeAlias = Image | DeviceImage
"""A picture, wherever it lies."""


def host_image(pixels: Pixels) -> Image:
    """The picture in this machine's memory: itself where it lies there already, else a copy."""
    return pixels if isinstance(pixels, np.ndarray) else pixels.download()


VEHICLE_TYPES = ("car", "motorcycle", "bus", "truck", "vehicle")
"""Index = the class number of detections; ``vehicle`` is a vehicle whose type the detector does not know."""

VEHICLE_COLOURS = ("black", "white", "grey", "silver", "red", "blue", "green", "yellow", "orange", "brown", "beige")
"""Order of the probabilities of colours."""

ORIENTATIONS = ("front", "rear", "left", "left-front", "left-rear", "right", "right-front", "right-rear")
"""Which side of a vehicle a camera sees; order of the probabilities of orientations."""


class ClockSource(StrEnum):
    """Where a capture time comes from, best first."""

    RTCP = "rtcp"
    """The camera's own clock, by RTCP sender reports."""
    FILE = "file"
    """Position in a recording plus the recording's start."""
    ARRIVAL = "arrival"
    """When the packet reached this machine: network and camera delay are unknown."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes:
        camera: Camera id.
        number: Count of decoded frames of this camera since the worker started, from 0; gaps are frames not analysed.
        captured: Capture time, with the site file's clock offset already added.
        clock: Source of ``captured``.
        clock_uncertainty: Standard deviation of ``captured`` in seconds, as far as it is known.
        image: (height, width, 3) uint8, BGR; on a GPU where it was decoded there.
    """

    camera: str
    number: int
    captured: Instant
    clock: ClockSource
    clock_uncertainty: float
    image: Pixels


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector saw in one frame.

    Attributes:
        boxes: (N, 4) float32, x1, y1, x2, y2 in pixels of the frame.
        scores: (N,) float32 in 0..1.
        classes: (N,) int64, index into `VEHICLE_TYPES`.
        embeddings: (N, D) float32 with unit rows, where the tracker's appearance term is on.
    """

    boxes: FloatArray
    scores: FloatArray
    classes: IntArray
    embeddings: FloatArray | None = None

    def __post_init__(self) -> None:
        count = len(self.boxes)
        if self.boxes.shape != (count, 4) or self.scores.shape != (count,) or self.classes.shape != (count,):
            raise ValueError(
                f"boxes {self.boxes.shape}, scores {self.scores.shape} and classes {self.classes.shape} do not agree: "
                "expected (N, 4), (N,) and (N,)"
            )
        if self.embeddings is not None and self.embeddings.shape[:1] != (count,):
            raise ValueError(f"{count} boxes, but embeddings of shape {self.embeddings.shape}")

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls) -> Detections:
        """No detections: a frame in which nothing was seen."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def select(self, index: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Detections:
        """The detections at ``index`` (integers or a mask), in that order."""
        embeddings = None if self.embeddings is None else self.embeddings[index]
        return Detections(self.boxes[index], self.scores[index], self.classes[index], embeddings)


class TrackState(StrEnum):
    """Life of a track."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    LOST = "lost"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class EarlierSightings:
    """The sightings of one track from before it was confirmed, oldest first.

    Attributes:
        id: Id of the track.
        times: (K,) int64, capture times.
        boxes: (K, 4) float32, x1, y1, x2, y2 in pixels.
        scores: (K,) float32.
        classes: (K,) int64, index into `VEHICLE_TYPES`.
    """

    id: int
    times: IntArray
    boxes: FloatArray
    scores: FloatArray
    classes: IntArray


@dataclass(frozen=True, slots=True)
class Tracks:
    """The tracks of one camera after one frame: those seen in it, and those that ended with it.

    Attributes:
        captured: Capture time of the frame.
        ids: (N,) int64, unique within a camera for as long as its tracker lives; only confirmed tracks seen in this frame.
        boxes: (N, 4) float32, x1, y1, x2, y2 in pixels.
        velocities: (N, 2) float32, pixels a second of the box centre.
        scores: (N,) float32, score of the matched detection.
        classes: (N,) int64, index into `VEHICLE_TYPES`, of the matched detection.
        detections: (N,) int64, index of the matched detection.
        qualities: (N,) float32 in 0..1, how steadily the track has been seen so far: the detector's mean score times the
            share of frames since its first sighting in which it was seen.
        started: ids of tentative tracks that began with this frame.
        confirmed: ids of tracks that this frame confirmed. One that goes on where a lost one must be takes its id, and
            stands in ``found`` instead.
        lost: ids of confirmed tracks that were seen in the frame before, and not in this one.
        found: ids of confirmed tracks that had been lost.
        ended: ids of confirmed tracks that ended with this frame, lost for longer than allowed or out of the picture.
        earlier: Where tracks were seen before this frame that could not be told until now: before they were confirmed.
        pending: First sighting of the oldest track that is not confirmed yet; absent when there is none.
        dropped: Detections of this frame that were not used, by reason: ``confidence``, ``invalid``, ``overlap``.
    """

    captured: Instant
    ids: IntArray
    boxes: FloatArray
    velocities: FloatArray
    scores: FloatArray
    classes: IntArray
    detections: IntArray
    qualities: FloatArray
    started: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    found: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()
    earlier: tuple[EarlierSightings, ...] = ()
    pending: Instant | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)
