"""What the builder asks for and hands out after one frame."""

from __future__ import annotations

from dataclasses import dataclass

from throughline.types import Image, Pixels

__all__ = ["Crop", "Effort", "Observation", "Shot"]


@dataclass(frozen=True, slots=True)
class Effort:
    """What looking at vehicles may cost right now.

    Attributes:
        crops: Most pictures that may be described of this frame; None: any number.
        interval: By which the site file's ``embed_interval`` is stretched, 1 or more.
    """

    crops: int | None = None
    interval: float = 1.0


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of a vehicle that the embedders should look at.

    Attributes:
        track: Id of the track.
        image: (height, width, 3) uint8, BGR; a view into the frame, which may lie on a GPU.
        quality: 0..1, see `streams.tracklets.quality`.
    """

    track: int
    image: Pixels
    quality: float


@dataclass(frozen=True, slots=True)
class Shot:
    """A new best picture of a vehicle, for people.

    Attributes:
        tracklet: Id of the tracklet.
        path: Name under which the media server serves it, below ``/shots/``; never used twice.
        image: (height, width, 3) uint8, BGR; a copy, with a little of its surroundings.
        quality: 0..1.
    """

    tracklet: str
    path: str
    image: Image
    quality: float


@dataclass(frozen=True, slots=True)
class Observation:
    """What to do with one frame.

    Attributes:
        crops: To be described now, vehicles that were not looked at yet first.
        best_shots: To be kept.
        put_off: Pictures that were worth it, but more than could be afforded: these vehicles come up again with the next frame.
    """

    crops: tuple[Crop, ...]
    best_shots: tuple[Shot, ...]
    put_off: int = 0
