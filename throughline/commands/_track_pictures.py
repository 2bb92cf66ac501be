"""A picture of each recorded track, cut out of the cameras' video files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from throughline.commands._exit import BAD_INPUT, CommandError
from throughline.formats.mot import MotRow
from throughline.settings import CameraSettings, Site
from throughline.types import Image

if TYPE_CHECKING:
    from throughline.formats.recorded_tracks import RecordedTrack

__all__ = ["track_pictures"]

_MARGIN = 0.05
"""Share of a box's sides that is shown around it."""


def track_pictures(site: Site, tracks: Sequence[RecordedTrack]) -> dict[str, Image]:
    """The largest box of each track, cut out, by tracklet id; tracks of cameras whose ``url`` is no video file have none.

    Frames are numbered by the frame rate of recordings; each video is decoded once, as far as needed.

    Raises:
        CommandError: a video cannot be read.
    """
    wanted: dict[str, dict[str, MotRow]] = {}
    for track in tracks:
        largest = max(track.rows, key=lambda row: (row.width * row.height, -row.frame))
        wanted.setdefault(track.camera, {})[track.tracklet.tracklet] = largest
    pictures: dict[str, Image] = {}
    for camera in site.cameras:
        path = _video(camera)
        if path is not None and camera.id in wanted:
            pictures |= dict(_cut(path, camera.frame_rate_of_recordings, wanted[camera.id]))
    return pictures


def _video(camera: CameraSettings) -> Path | None:
    if camera.url is None or "://" in camera.url or camera.url.startswith("webcam:"):
        return None
    path = Path(camera.url)
    return path if path.is_file() else None


def _cut(path: Path, fps: float, wanted: Mapping[str, MotRow]) -> Iterator[tuple[str, Image]]:
    by_frame: dict[int, list[str]] = {}
    for tracklet, row in wanted.items():
        by_frame.setdefault(row.frame, []).append(tracklet)
    last, before = max(by_frame), 0
    try:
        with av.open(path) as container:
            for picture in container.decode(video=0):
                frame = round(picture.time * fps) + 1
                due = [one for one in by_frame if before < one <= frame]
                if due:
                    image = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
                    for one in due:
                        yield from ((tracklet, _cropped(image, wanted[tracklet])) for tracklet in by_frame[one])
                before = frame
                if frame >= last:
                    return
    except av.FFmpegError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}", BAD_INPUT) from error


def _cropped(image: Image, row: MotRow) -> Image:
    height, width = image.shape[:2]
    left, right = row.x - _MARGIN * row.width, row.x + (1 + _MARGIN) * row.width
    top, bottom = row.y - _MARGIN * row.height, row.y + (1 + _MARGIN) * row.height
    x1, y1 = min(max(int(left), 0), width - 1), min(max(int(top), 0), height - 1)
    x2, y2 = min(max(int(right) + 1, x1 + 1), width), min(max(int(bottom) + 1, y1 + 1), height)
    return np.ascontiguousarray(image[y1:y2, x1:x2])
