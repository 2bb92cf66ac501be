"""Metrics and logs, as the site file configures them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from throughline.settings._fields import Section

__all__ = ["TelemetrySettings"]


class TelemetrySettings(Section):
    """Where to be watched."""

    host: str = Field("127.0.0.1", description="Address of /metrics, /healthz and /readyz.")
    port: int = Field(9464, ge=0, le=65535, description="Port of /metrics, /healthz and /readyz; 0: any free one.")
    log_format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal, json elsewhere.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
