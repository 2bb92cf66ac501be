"""The records of ``throughline.cameras``: how each camera is doing."""

from __future__ import annotations

from typing import Literal

import msgspec

from throughline.messages._sightings import Clock
from throughline.times import Instant

__all__ = ["CameraStatus"]


class CameraStatus(msgspec.Struct, frozen=True):
    """How a camera is doing; for people and the console, never an input of decisions.

    Attributes:
        site: Site id.
        camera: Camera id.
        state: ``connecting``, ``live``, ``stalled``, ``reconnecting``, ``ended`` or ``stopped``.
        at: When this was written, by the worker's clock.
        clock: Source and uncertainty of the capture times.
        decoded_fps: Frames a second decoded lately.
        analysed_fps: Frames a second analysed lately.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        reconnects: Since the worker started.
        media_url: Where preview and best shots are served; never holds credentials.
        error: The latest failure, without credentials.
    """

    site: str
    camera: str
    state: Literal["connecting", "live", "stalled", "reconnecting", "ended", "stopped"]
    at: Instant
    clock: Clock | None = None
    decoded_fps: float = 0.0
    analysed_fps: float = 0.0
    width: int = 0
    height: int = 0
    reconnects: int = 0
    media_url: str | None = None
    error: str | None = None
