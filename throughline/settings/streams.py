"""Decoding, tracking and the building of tracklets, as the site file configures them."""

from __future__ import annotations

from pydantic import Field

from throughline.settings._fields import Seconds, Section

__all__ = ["StreamSettings", "TrackingSettings"]


class StreamSettings(Section):
    """Sources and workers."""

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
    progress_interval: Seconds = Field(1.0, gt=0, description="How often a camera reports how far it is complete.")
    media_host: str = Field("127.0.0.1", description="Where previews and best shots are served.")
    media_port: int = Field(0, ge=0, le=65535, description="0: any free port.")
    best_shots_kept: int = Field(500, ge=1, description="Best shots kept in memory for each camera.")


class TrackingSettings(Section):
    """The on-line tracker and what becomes of its tracks."""

    min_confidence: float = Field(0.1, ge=0, le=1, description="Detections below this are not looked at.")
    high_confidence: float = Field(
        0.5, ge=0, le=1, description="Detections from here on are associated first, and may start tracks."
    )
    new_track_confidence: float = Field(0.5, ge=0, le=1, description="Least score of a detection that starts a track.")
    iou_first: float = Field(0.1, ge=0, le=1, description="Least overlap with a confident detection.")
    iou_second: float = Field(0.4, ge=0, le=1, description="Least overlap with a weak detection.")
    nms_iou: float = Field(
        0.65, gt=0, le=1, description="Of two boxes of one class that overlap more than this the weaker is dropped."
    )
    confirm_hits: int = Field(3, ge=1, description="Sightings that confirm a track.")
    max_lost: Seconds = Field(2.0, gt=0, description="A track not seen for this long has ended.")
    max_unconfirmed_lost: Seconds = Field(
        0.45, ge=0, description="A track that is not confirmed yet and not seen for this long is forgotten."
    )
    update_interval: Seconds = Field(1.0, gt=0, description="Least time between two updates of one tracklet on Kafka.")
    path_interval: Seconds = Field(0.25, gt=0, description="Least time between two points of a path.")
    min_box: float = Field(16.0, ge=0, description="Boxes less high than this many pixels are not embedded.")
    exemplars: int = Field(3, ge=0, le=16, description="Single views sent beside the mean embedding.")
    embed_interval: Seconds = Field(0.4, gt=0, description="Least time between two embeddings of one track.")
    max_embeddings: int = Field(
        12, ge=1, description="Embeddings computed for one track at most, unless a much better view comes."
    )
