"""Recording what the detector saw and what the tracker made of it, beside the running cameras and never in their way."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from streams.recording_files import CameraFiles
from throughline.settings import CameraSettings
from throughline.telemetry.metrics import Metrics
from throughline.times import Instant, to_instant
from throughline.types import Detections, Frame, Tracks

__all__ = ["CameraRecorder", "Recording"]

_WAITING: Final = 2000
"""Frames that may wait for the disk, of all cameras together."""
_PATIENCE: Final = 5.0
"""Seconds for which the end waits for a disk that hangs."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One frame on its way to the disk, without its picture."""

    recorder: CameraRecorder
    number: int
    clock: Instant
    size: tuple[int, int]
    detections: Detections
    tracks: Tracks
    cut: bool


class Recording:
    """Records the cameras of one site below a folder, in a thread of its own.

    When the folder cannot be written, or not fast enough, the recording is given up: that is logged once, every frame that
    is missing is counted, and the cameras go on.

    Args:
        folder: See `streams.recording_files.CameraFiles`; made with the first frame.
        metrics: What is counted.
    """

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        self.folder: Final = folder
        self._metrics = metrics
        self._log = structlog.get_logger(__name__).bind(folder=str(folder))
        self._recorders: dict[str, CameraRecorder] = {}
        self._given_up = threading.Event()
        self._giving_up = threading.Lock()
        self._entries: queue.Queue[_Entry | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="recording", daemon=True)  # a hanging disk must not hold us
        self._thread.start()

    def camera(self, camera: CameraSettings) -> CameraRecorder:
        """The recorder of one camera: the same whenever its worker starts again."""
        if camera.id not in self._recorders:
            self._recorders[camera.id] = CameraRecorder(self, camera, self._metrics)
        return self._recorders[camera.id]

    def add(self, entry: _Entry) -> None:
        """Takes one frame, at once; from the event loop."""
        if not self._given_up.is_set():
            try:
                self._entries.put_nowait(entry)
            except queue.Full:
                self._give_up("slow", f"the disk does not keep up: {_WAITING} frames wait to be written")
            else:
                return
        self._missing(entry)

    def close(self) -> None:
        """Writes what waits and closes the files; waits no longer than some seconds for a disk that hangs."""
        try:
            self._entries.put(None, timeout=_PATIENCE)
        except queue.Full:
            self._give_up("slow", "the disk hangs, the recording is not complete")
            return
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self._give_up("slow", "the disk hangs, the recording is not complete")

    def _work(self) -> None:
        files: dict[str, CameraFiles] = {}
        while (entry := self._entries.get()) is not None:
            if not self._given_up.is_set():
                try:
                    self._write(entry, files)
                except OSError as error:
                    self._give_up("disk", f"cannot be written: {error}")
                except Exception as error:  # noqa: BLE001 - whatever is wrong with a recording, the cameras go on
                    self._give_up("failed", f"{type(error).__name__}: {error}")
                else:
                    continue
            self._missing(entry)
        for written in files.values():
            written.close()

    def _write(self, entry: _Entry, files: dict[str, CameraFiles]) -> None:
        camera = entry.recorder.camera
        if camera not in files:
            files[camera] = CameraFiles(self.folder, camera)
        files[camera].write(entry.number, entry.clock, entry.size, entry.detections, entry.tracks, cut=entry.cut)
        self._metrics.frames_recorded.labels(camera).inc()

    def _give_up(self, reason: str, why: str) -> None:
        with self._giving_up:
            if self._given_up.is_set():
                return
            self._given_up.set()
        self._metrics.recording_failures.labels(reason).inc()
        self._log.error("recording given up, the cameras go on", why=why)

    def _missing(self, entry: _Entry) -> None:
        self._metrics.frames_not_recorded.labels(entry.recorder.camera, "stopped").inc()


class CameraRecorder:
    """Records one camera.

    A frame's number is that of the decoded picture, from 1, so that those of a video file are its own; where a camera's
    worker starts again, numbers go on.
    """

    def __init__(self, recording: Recording, camera: CameraSettings, metrics: Metrics) -> None:
        self.camera: Final = camera.id
        self._recording = recording
        self._metrics = metrics
        self._offset = to_instant(camera.clock.offset)
        self._shift = 1
        self._number = 0
        self._captured: Instant | None = None
        self._cut = False

    def record(self, frame: Frame, detections: Detections, tracks: Tracks) -> None:
        """Records what became of a frame.

        Args:
            frame: Its picture is not kept.
            detections: As the detector gave them, before regions and tracker.
            tracks: That the tracker made of them.
        """
        if self._captured is not None and frame.captured <= self._captured:
            self._metrics.frames_not_recorded.labels(self.camera, "clock").inc()
            return
        self._captured = frame.captured
        if frame.number + self._shift <= self._number:
            self._shift = self._number + 1 - frame.number
        self._number = frame.number + self._shift
        size = (frame.image.shape[1], frame.image.shape[0])
        cut, self._cut = self._cut, False
        clock = frame.captured - self._offset
        self._recording.add(_Entry(self, self._number, clock, size, detections, tracks, cut))

    def cut(self) -> None:
        """The tracker begins anew with the next frame."""
        self._cut = self._captured is not None
