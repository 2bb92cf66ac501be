"""Sources and workers, as the site file configures them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from throughline.settings._fields import Seconds, Section
from throughline.settings.pressure import PressureSettings

__all__ = ["StreamSettings"]


class StreamSettings(Section):
    """Sources and workers."""

    decoder: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where files and RTSP cameras are decoded. `cuda`: by the decoders of the GPU `models.engine.gpu`, where the "
        "pictures then stay; a stream that they cannot decode is decoded on the CPU. `auto`: there if the networks run there "
        "(which needs torch), else on the CPU.",
    )
    open_timeout: Seconds = Field(5.0, gt=0, description="Longest time to open a source.")
    read_timeout: Seconds = Field(
        2.0, gt=0, description="A source without data for this long (up to twice, in the library) has stalled."
    )
    reconnect_initial: Seconds = Field(0.5, gt=0, description="First pause before reconnecting; doubles with every failure.")
    reconnect_max: Seconds = Field(5.0, gt=0, description="Longest pause before reconnecting.")
    reconnect_jitter: float = Field(
        0.3, ge=0, le=1, description="Random share of the pause, so that cameras do not reconnect in step."
    )
    future_tolerance: Seconds = Field(
        1.0,
        ge=0,
        description="A capture time further ahead of its arrival than this is refused; arrival time is used, and counted.",
    )
    pressure: PressureSettings = Field(default_factory=PressureSettings, description="What gives way under too much work.")
    progress_interval: Seconds = Field(1.0, gt=0, description="How often a camera reports how far it is complete.")
    media_host: str = Field("127.0.0.1", description="Where previews and best shots are served.")
    media_port: int = Field(0, ge=0, le=65535, description="0: any free port.")
    best_shots_kept: int = Field(500, ge=1, description="Best shots kept in memory for each camera.")
