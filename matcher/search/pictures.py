"""Pictures from outside: decoded within bounds, and cut to the vehicle."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np

from matcher.sightings import ModelKey
from throughline.types import Detections, FloatArray, Image

__all__ = ["Box", "Eyes", "PictureError", "best_vehicle", "cut", "decode"]

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""

_MOST_PIXELS: Final = 50_000_000
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset(range(0xD0, 0xDA)) | {0x01}


class PictureError(ValueError):
    """A picture that cannot be searched for; the text says why."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """What looks at a picture that is searched for.

    Attributes:
        model: Name and hash of the embedder.
        embed: Pictures of single vehicles as unit vectors, (N, D).
        detect: Finds vehicles in a picture, best score first; None: this site's detector cannot in a single one.
    """

    model: ModelKey
    embed: Callable[[Sequence[Image]], Awaitable[FloatArray]]
    detect: Callable[[Image], Awaitable[Detections]] | None = None


def decode(data: bytes) -> Image:
    """The picture in a JPEG or PNG file, (height, width, 3) BGR, turned as its camera says.

    Raises:
        PictureError: it is neither, is damaged, or has too many pixels.
    """
    size = _size(data)
    if size is None:
        raise PictureError("this is no picture: expected a JPEG or PNG file")
    if size[0] * size[1] > _MOST_PIXELS:  # before any memory is taken for them
        raise PictureError(
            f"a picture of {size[0]} x {size[1]} pixels is too large: at most {_MOST_PIXELS // 1_000_000} megapixels"
        )
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise PictureError("the picture is damaged: it cannot be decoded")
    return np.asarray(decoded, np.uint8)


def cut(picture: Image, box: Box) -> Image:
    """The part of ``picture`` inside ``box``.

    Raises:
        PictureError: the box lies outside.
    """
    height, width = picture.shape[:2]
    x, y, across, down = box
    left, top = max(0, int(x)), max(0, int(y))
    right, bottom = min(width, round(x + across)), min(height, round(y + down))
    if right <= left or bottom <= top:
        raise PictureError(f"the box {x:g},{y:g},{across:g},{down:g} lies outside the picture of {width} x {height} pixels")
    return np.ascontiguousarray(picture[top:bottom, left:right])


def best_vehicle(detections: Detections) -> Box:
    """The box of the vehicle that was detected most surely.

    Raises:
        PictureError: there is none.
    """
    if not len(detections):
        raise PictureError("no vehicle was detected in the picture: say where it is with box=x,y,width,height")
    x1, y1, x2, y2 = detections.boxes[int(np.argmax(detections.scores))].tolist()
    return x1, y1, x2 - x1, y2 - y1


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height as the file's header tells; None: it is no JPEG or PNG file."""
    if data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    return _jpeg_size(data) if data.startswith(_JPEG) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the first frame header; see ITU-T T.81, annex B."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _FRAME_HEADERS:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
