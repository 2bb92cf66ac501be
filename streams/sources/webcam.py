"""Cameras on this machine: ``webcam:0`` is /dev/video0."""

from __future__ import annotations

from collections.abc import Iterator

from av.container import InputContainer

from streams.sources.protocol import Reading, SourceError
from streams.sources.pyav_source import decode, first_video_stream, open_container
from throughline.settings import CameraSettings, StreamSettings

__all__ = ["WebcamSource"]


class WebcamSource:
    """A Video4Linux device; its pictures bear arrival times."""

    def __init__(self, camera: CameraSettings, settings: StreamSettings) -> None:
        number = (camera.url or "").removeprefix("webcam:")
        if not number.isdigit():
            raise ValueError(f"camera {camera.id}: a webcam is written webcam:0, not {camera.url}")
        self._device = f"/dev/video{number}"
        self._timeouts = (settings.open_timeout, settings.read_timeout)
        self._container: InputContainer | None = None

    def open(self) -> None:
        """Opens the device."""
        self.close()
        self._container = open_container(self._device, container_format="v4l2", timeouts=self._timeouts)

    def readings(self) -> Iterator[Reading]:
        """Reads until the device is gone."""
        if self._container is None:
            raise ValueError("open comes before readings")
        stream = first_video_stream(self._container, self._device)
        for pictures, damaged in decode(self._container, stream, self._device):
            yield Reading(pictures, damaged)
        raise SourceError("ended", f"{self._device} ended")

    def close(self) -> None:
        """Lets go of the device."""
        if self._container is not None:
            self._container.close()
            self._container = None
