"""Where pictures come from: RTSP cameras, files and webcams, all through PyAV."""

from __future__ import annotations

from streams.sources.decoder import ON_CPU, Decoder, decoder_for
from streams.sources.file import FileSource
from streams.sources.protocol import FailureReason, FrameSource, Picture, Reading, SourceError
from streams.sources.rtsp import RtspSource
from streams.sources.webcam import WebcamSource
from throughline.settings import CameraSettings, StreamSettings
from throughline.times import Instant

__all__ = [
    "ON_CPU",
    "Decoder",
    "FailureReason",
    "FileSource",
    "FrameSource",
    "Picture",
    "Reading",
    "RtspSource",
    "SourceError",
    "WebcamSource",
    "decoder_for",
    "is_file",
    "source_of",
]


def is_file(camera: CameraSettings) -> bool:
    """Whether ``camera`` is a recording."""
    return camera.url is not None and not camera.url.startswith(("rtsp://", "rtsps://", "webcam:"))


def source_of(camera: CameraSettings, settings: StreamSettings, started: Instant, decoder: Decoder = ON_CPU) -> FrameSource:
    """The source that the ``url`` of ``camera`` asks for, not yet open.

    Args:
        camera: The camera.
        settings: Timeouts.
        started: When recordings begin; see `FileSource`.
        decoder: Where files and RTSP cameras are decoded; webcams send what is no work.

    Raises:
        ValueError: the camera has no ``url``, or not one that can be used.
    """
    if is_file(camera):
        return FileSource(camera, started, decoder)
    if camera.url is not None and camera.url.startswith("webcam:"):
        return WebcamSource(camera, settings)
    return RtspSource(camera, settings, decoder)
