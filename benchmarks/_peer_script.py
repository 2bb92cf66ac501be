"""The script that one would write instead: OpenCV reads, onnxruntime detects, ``trackers`` follows, one thread per camera.

``python -m benchmarks._peer_script MODEL URL...`` runs until SIGTERM, or until all footage is over. It prints what it has done
as one JSON object a line, twice a second: seconds since the start and analysed frames of each camera. It imports nothing of
the product.

As it is, it takes every library as it comes. ``--tuned`` is for its authors' second week: one thread for each call of a
library, no spinning, and only those pictures converted that are analysed.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from typing import Any

import cv2
import numpy as np
import onnxruntime
import supervision
from trackers import ByteTrackTracker

_CONFIDENCE = 0.1
_OVERLAP = 0.65
_VEHICLES = {2, 3, 5, 7}
"""Of the 80 classes of COCO; of a network with other classes all count."""


def main() -> int:
    """Runs the cameras."""
    options = _options()
    if options.tuned:
        cv2.setNumThreads(1)
    cameras = [_Camera(url, options) for url in options.urls]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threads = [threading.Thread(target=camera.run, args=(stop,), daemon=True) for camera in cameras]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    while not stop.wait(0.5) and any(thread.is_alive() for thread in threads):
        _tell(began, cameras)
    for thread in threads:
        thread.join(5)
    _tell(began, cameras)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="ONNX file of the YOLOX type")
    parser.add_argument("urls", nargs="+", help="cameras, or files")
    parser.add_argument("--every", type=int, default=1, help="analyse every so-manieth frame")
    parser.add_argument("--fps", type=float, default=10.0, help="analysed frames a second, told to the tracker")
    parser.add_argument("--tuned", action="store_true", help="with the settings that spare the processor")
    return parser.parse_args()


def _tell(began: float, cameras: list[_Camera]) -> None:
    now = {"seconds": time.monotonic() - began, "analysed": [camera.analysed for camera in cameras]}
    print(json.dumps(now | {"tracks": sum(camera.tracked for camera in cameras)}), flush=True)


class _Camera:
    """One camera: its thread, its network and its tracker."""

    def __init__(self, url: str, options: argparse.Namespace) -> None:
        self._url = url
        self._every = options.every
        self._tuned = options.tuned
        self._session = _session(options.model, tuned=options.tuned)
        self._input = self._session.get_inputs()[0]
        self._grid = _grid(*self._input.shape[2:])
        self._tracker = ByteTrackTracker(frame_rate=options.fps)
        self.analysed = 0
        self.tracked = 0

    def run(self, stop: threading.Event) -> None:
        """Reads, detects and tracks."""
        capture = cv2.VideoCapture(self._url)
        number = 0
        while not stop.is_set():
            wanted = number % self._every == 0
            picture = self._read(capture, wanted)
            if picture is None:
                break
            number += 1
            if wanted:
                found = self._tracker.update(self._detect(picture))
                self.tracked += int((np.asarray(found.tracker_id) >= 0).sum())
                self.analysed += 1
        capture.release()

    def _read(self, capture: Any, wanted: bool) -> Any:
        if self._tuned and not wanted:
            return True if capture.grab() else None
        read, picture = capture.read()
        return picture if read else None

    def _detect(self, picture: Any) -> supervision.Detections:
        height, width = self._input.shape[2:]
        ratio = min(height / picture.shape[0], width / picture.shape[1])
        scaled = cv2.resize(picture, (int(picture.shape[1] * ratio), int(picture.shape[0] * ratio)))
        padded = np.full((height, width, 3), 114, np.uint8)
        padded[: scaled.shape[0], : scaled.shape[1]] = scaled
        batch = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)
        rows = self._session.run(None, {self._input.name: batch})[0][0]
        cells, strides = self._grid
        scores = rows[:, 4:5] * rows[:, 5:]
        classes = scores.argmax(axis=1)
        best = scores[np.arange(len(rows)), classes]
        keep = best >= _CONFIDENCE
        if rows.shape[1] == 85:
            keep &= np.isin(classes, list(_VEHICLES))
        centres = (rows[keep, :2] + cells[keep]) * strides[keep]
        sizes = np.exp(rows[keep, 2:4]) * strides[keep]
        boxes = np.concatenate([centres - sizes / 2, sizes], axis=1) / ratio
        kept = np.asarray(cv2.dnn.NMSBoxesBatched(boxes, best[keep], classes[keep], _CONFIDENCE, _OVERLAP), int)
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)[kept]
        return supervision.Detections(
            xyxy=corners.astype(np.float32), confidence=best[keep][kept].astype(np.float32), class_id=classes[keep][kept]
        )


def _session(model: str, *, tuned: bool) -> Any:
    settings = onnxruntime.SessionOptions()
    if tuned:
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def _grid(height: int, width: int) -> tuple[Any, Any]:
    cells, strides = [], []
    for stride in (8, 16, 32):
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
        strides.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells), np.concatenate(strides)


if __name__ == "__main__":
    raise SystemExit(main())
