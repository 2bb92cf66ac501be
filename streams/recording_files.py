"""The files of one camera in a recording: what the detector saw, when, and the tracks that came of it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Final

from streams.track_rows import TrackRows
from throughline.formats.detections import detection_lines
from throughline.formats.frames import frame_line
from throughline.formats.mot import mot_line
from throughline.times import Instant
from throughline.types import Detections, Tracks

__all__ = ["CameraFiles"]


class CameraFiles:
    """``detections/<camera>.frames``, ``detections/<camera>.txt`` and ``tracks/<camera>.txt`` below a folder.

    ``tracks/<camera>.frames`` is a link to the first, so that either folder can be used alone. Every frame is handed to the
    system as it comes: nothing waits in a buffer. A frame that cannot be written whole leaves no trace.

    Args:
        folder: Of the recording; made as needed.
        camera: Camera id.

    Raises:
        OSError: the files cannot be made, or are there already.
    """

    def __init__(self, folder: Path, camera: str) -> None:
        detections, tracks = folder / "detections", folder / "tracks"
        for part in (detections, tracks):
            part.mkdir(parents=True, exist_ok=True)
        self._files: Final[list[io.FileIO]] = []
        try:
            for path in (detections / f"{camera}.frames", detections / f"{camera}.txt", tracks / f"{camera}.txt"):
                self._files.append(io.FileIO(path, "x"))
            (tracks / f"{camera}.frames").symlink_to(Path("..") / "detections" / f"{camera}.frames")
        except OSError:
            self.close()
            raise
        self._sizes = [0] * len(self._files)
        self._rows: Final = TrackRows()

    def write(
        self, number: int, clock: Instant, size: tuple[int, int], detections: Detections, tracks: Tracks, *, cut: bool
    ) -> None:
        """Adds one frame.

        Args:
            number: Of the frame, from 1, larger than that of the one before.
            clock: Time of the camera's clock, without the site file's offset.
            size: Width and height of the picture in pixels.
            detections: As the detector gave them.
            tracks: That came of them.
            cut: The tracker began anew before this frame.

        Raises:
            OSError: it cannot be written; the files are as before.
        """
        if cut:
            self._rows.cut()
        texts = (
            frame_line(number, clock, size, cut=cut),
            detection_lines(number, detections),
            "".join(map(mot_line, self._rows.rows(number, tracks))),
        )
        try:
            for file, text in zip(self._files, texts, strict=True):
                _write(file, text.encode())
        except OSError:
            for file, length in zip(self._files, self._sizes, strict=True):
                os.ftruncate(file.fileno(), length)
            raise
        self._sizes = [length + len(text) for length, text in zip(self._sizes, texts, strict=True)]

    def close(self) -> None:
        """Closes the files; safe to call twice."""
        for file in self._files:
            file.close()


def _write(file: io.FileIO, data: bytes) -> None:
    while data:  # a disk that is nearly full takes a part, and refuses the next
        data = data[file.write(data) or 0 :]
