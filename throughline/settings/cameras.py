"""Cameras of the site file."""

from __future__ import annotations

import math
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from throughline.settings._fields import Identifier, Polygon, Seconds, Section
from throughline.settings.evidence import CameraMatchingSettings
from throughline.times import Instant, from_iso, seconds_between

__all__ = ["CameraSettings", "ClockSettings", "GroundSettings"]

_DAY = 86_400.0

_SOURCES = ("rtsp", "rtsps", "file", "webcam", "")


class ClockSettings(Section):
    """How far a camera's clock can be trusted."""

    offset: Seconds = Field(0.0, description="Seconds added to the camera's time to get the site's time.")
    uncertainty: Seconds = Field(0.0, ge=0, description="Standard deviation, in seconds, of what remains after `offset`.")
    drift: Seconds = Field(
        0.0, ge=0, le=60, description="Standard deviation, in seconds, of what the clock runs off in a day since `set_at`."
    )
    set_at: str | None = Field(
        None, description="When the clock was set, or `offset` was measured: ISO 8601, such as 2026-05-01T12:30:00Z."
    )

    @field_validator("set_at", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value  # YAML makes times of texts that look like one

    @model_validator(mode="after")
    def _drifts_from_a_known_time(self) -> Self:
        if self.set_at is not None:
            from_iso(self.set_at)
        elif self.drift > 0.0:
            raise ValueError("a clock that drifts needs set_at: when it was right")
        return self

    def uncertainty_at(self, at: Instant) -> float:
        """Standard deviation, in seconds, of what remains after `offset` at an instant of event time."""
        if self.set_at is None or self.drift == 0.0:
            return self.uncertainty
        return math.hypot(self.uncertainty, self.drift * abs(seconds_between(from_iso(self.set_at), at)) / _DAY)


class GroundSettings(Section):
    """From a pixel (the middle of a box's lower edge) to a place on the ground."""

    homography: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] = Field(
        description="3 x 3 matrix that takes (x, y, 1) in pixels to the ground, up to scale."
    )
    units: Literal["metres", "degrees"] = Field(
        "metres", description="What the matrix yields: metres in the site's plane, or degrees as latitude, longitude."
    )
    uncertainty: float = Field(
        2.0,
        gt=0,
        le=1000,
        description="Standard deviation, in metres, of a vehicle's place near the camera: of the matrix, and because a box's "
        "lower edge is the side of the vehicle that faces the camera.",
    )

    @field_validator("homography")
    @classmethod
    def _invertible(cls, matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        (a, b, c), (d, e, f), (g, h, i) = matrix
        determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
        if not math.isfinite(determinant) or determinant == 0.0:
            raise ValueError("the matrix cannot be inverted, so it is no homography")
        return matrix


class CameraSettings(Section):
    """One camera."""

    id: Identifier = Field(description="Name of the camera; stands in events, metrics and links.")
    url: str | None = Field(
        None,
        description="`rtsp://...`, `rtsps://...`, a video file, or `webcam:0`. Without it only recorded tracks are served. "
        "Write secrets as `${ENV_NAME}`.",
    )
    number: int | None = Field(None, ge=0, description="For numeric formats; default: the digits of the id.")
    fps: float = Field(10.0, gt=0, le=120, description="Frames a second to analyse.")
    recorded_fps: float | None = Field(None, gt=0, description="Numbering of recorded tracks; default: `fps`.")
    transport: Literal["tcp", "udp"] = Field("tcp", description="How RTP is carried.")
    loop: bool = Field(False, description="A file starts again when it ends; times go on.")
    realtime: bool = Field(
        True, description="A file is played at its own pace; false: as fast as it can be analysed, nothing dropped."
    )
    clock: ClockSettings = Field(default_factory=ClockSettings)
    roi: Path | tuple[Polygon, ...] | None = Field(
        None,
        description="Where vehicles are looked for: a mask picture (white = look), relative to the site file, or polygons.",
    )
    ignore: tuple[Polygon, ...] = Field((), description="Polygons in which detections are dropped, and counted.")
    zones: dict[Identifier, Polygon] = Field(default_factory=dict, description="Named polygons: where vehicles enter and leave.")
    size: tuple[Annotated[int, Field(ge=1, le=65_536)], Annotated[int, Field(ge=1, le=65_536)]] | None = Field(
        None,
        description="Width and height of the picture in pixels, for recorded detections; live cameras tell it themselves.",
    )
    ground: GroundSettings | None = None
    min_confidence: float | None = Field(None, ge=0, le=1, description="Overrides `tracking.min_confidence` for this camera.")
    matching: CameraMatchingSettings = Field(
        default_factory=CameraMatchingSettings, description="How far its evidence is trusted, and what differs from `matching`."
    )

    @field_validator("url")
    @classmethod
    def _known_source(cls, url: str | None) -> str | None:
        if url is not None and (scheme := urlsplit(url).scheme) not in _SOURCES:
            raise ValueError(f"{scheme!r} is not a source: expected rtsp://, rtsps://, a path of a video file, or webcam:N")
        return url

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        if self.number is None and (digits := re.sub(r"\D", "", self.id)):
            object.__setattr__(self, "number", int(digits))
        return self

    @property
    def frame_rate_of_recordings(self) -> float:
        """Frames a second by which recorded tracks and detections are numbered."""
        return self.recorded_fps or self.fps
