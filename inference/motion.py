"""Vehicles as what moves in front of a fixed camera: a detector without weights.

Background subtraction by a mixture of Gaussians for each pixel (Zivkovic, van der Heijden, *Efficient adaptive density
estimation per image pixel*, 2006; OpenCV's MOG2), with shadows left out, then cleaning, connected regions, and regions of
one vehicle put together. It needs a camera that stands still and vehicles that keep apart in the picture; it cannot tell types.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from inference.batcher import Batcher
from inference.nms import overlaps
from throughline.times import Instant, seconds_between
from throughline.types import VEHICLE_TYPES, Detections, FloatArray, Frame, Image, IntArray, host_image

__all__ = ["MotionDetector", "MotionModel", "MotionOptions"]

_VERSION = "motion 1"
_FOREGROUND = 255  # MOG2 marks shadows with 127
_BACKGROUND_SHARE = 0.6
"""A pixel's most frequent colours that together make up this share of the time are its background. OpenCV's 0.9 would take
the colours of the vehicles that pass during the warm-up for background as well."""


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """What the motion detector can be told.

    Attributes:
        working_width: Pictures wider than this are scaled down to it before anything else, in pixels.
        warm_up: Frames that only teach the background, at the start and after the light changed.
        absorb_after: Seconds until something that stopped has become background.
        min_area: Least area of a vehicle's box as a share of the picture.
        light_change: Share of the picture that cannot all be vehicles: more of it in motion is a change of light.
        light_change_frames: Frames of that in a row after which the background is learned anew.
        deviation: Distance from the background, in standard deviations, from which a pixel is foreground.
        merge_gap: Regions nearer than this share of the picture's height are put together, if they fill their common box.
    """

    working_width: int = 640
    warm_up: int = 15
    absorb_after: float = 60.0
    min_area: float = 0.0005
    light_change: float = 0.5
    light_change_frames: int = 3
    deviation: float = 5.0
    merge_gap: float = 0.03


class MotionModel:
    """The background of one camera, and what moves before it.

    Args:
        options: See `MotionOptions`.
    """

    def __init__(self, options: MotionOptions) -> None:
        self._options = options
        self._size: tuple[int, int] | None = None
        self._forget()

    def detect(self, image: Image, captured: Instant) -> Detections:
        """Moving vehicles in the camera's next frame, boxes in its pixels, best score first.

        Args:
            image: (h, w, 3) uint8, BGR; a new size starts afresh.
            captured: Capture time, which says how far the background may change since the last frame.
        """
        if image.shape[:2] != self._size:
            self._size = (image.shape[0], image.shape[1])
            self._forget()
        scale = min(1.0, self._options.working_width / image.shape[1])
        picture = image
        if scale < 1:
            picture = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        marks = np.asarray(self._subtractor.apply(picture, learningRate=self._rate(captured)), np.uint8)
        self._seen += 1
        if self._seen <= self._options.warm_up or self._light_changed(marks):
            self._age(np.zeros((0, 4), np.float32))
            return Detections.empty()
        found = self._regions(_clean(marks))
        factor = np.array([image.shape[1] / picture.shape[1], image.shape[0] / picture.shape[0]] * 2, np.float32)
        return Detections((found.boxes * factor).astype(np.float32), found.scores, found.classes)

    def _forget(self) -> None:
        self._subtractor = cv2.createBackgroundSubtractorMOG2(varThreshold=self._options.deviation**2, detectShadows=True)
        self._subtractor.setBackgroundRatio(_BACKGROUND_SHARE)
        self._subtractor.setShadowThreshold(0.6)  # a shadow leaves 60 % of the light; what is darker is a dark vehicle
        self._seen = 0
        self._changed_frames = 0
        self._latest: Instant | None = None
        self._boxes: FloatArray = np.zeros((0, 4), np.float32)
        self._ages: IntArray = np.zeros(0, np.int64)

    def _rate(self, captured: Instant) -> float:
        """Share of the background that this frame makes up."""
        elapsed = 0.0 if self._latest is None else max(0.0, seconds_between(self._latest, captured))
        self._latest = captured
        if self._seen < self._options.warm_up:
            return 1 / (self._seen + 1)  # the plain mean of the frames so far
        # After n frames of rate r the old background has the weight (1 - r)^n; the new colour joins when that is too little.
        return float(1 - _BACKGROUND_SHARE ** (min(elapsed, 1.0) / self._options.absorb_after))

    def _light_changed(self, marks: npt.NDArray[np.uint8]) -> bool:
        if np.count_nonzero(marks) < self._options.light_change * marks.size:
            self._changed_frames = 0
            return False
        self._changed_frames += 1
        if self._changed_frames >= self._options.light_change_frames:
            self._forget()
        return True

    def _regions(self, mask: npt.NDArray[np.uint8]) -> Detections:
        _, _, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        regions = statistics[1:].astype(np.float32)  # the first is the background
        smallest = self._options.min_area * mask.size
        regions = regions[regions[:, cv2.CC_STAT_AREA] >= smallest / 8]
        boxes = np.concatenate([regions[:, :2], regions[:, :2] + regions[:, 2:4]], axis=1)
        boxes, areas = _put_together(boxes, regions[:, cv2.CC_STAT_AREA], self._options.merge_gap * mask.shape[0])
        box_areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        large = box_areas >= smallest
        boxes, fill, box_areas = boxes[large], areas[large] / box_areas[large], box_areas[large]
        ages = self._age(boxes)
        certainty = 0.25 + 0.35 * np.minimum(fill, 1) + 0.2 * np.minimum(box_areas / (4 * smallest), 1)
        scores = (certainty + 0.2 * np.minimum(ages / 3, 1)).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        classes = np.full(len(boxes), VEHICLE_TYPES.index("vehicle"), np.int64)
        return Detections(boxes, scores, classes).select(order)

    def _age(self, boxes: FloatArray) -> IntArray:
        """Frames for which something has been where each box is."""
        ages = np.zeros(len(boxes), np.int64)
        for number, box in enumerate(boxes):
            near = overlaps(box, self._boxes) > 0.2
            if near.any():
                ages[number] = self._ages[near].max() + 1
        self._boxes, self._ages = boxes, ages
        return ages


class MotionDetector:
    """`MotionModel` for any number of cameras.

    Args:
        batcher: Where it runs.
        options: The same for all cameras.
    """

    def __init__(self, batcher: Batcher, options: MotionOptions | None = None) -> None:
        self._batcher = batcher
        self._options = MotionOptions() if options is None else options
        self._cameras: dict[str, tuple[threading.Lock, MotionModel]] = {}

    @property
    def name(self) -> str:
        """``motion``."""
        return "motion"

    @property
    def hash(self) -> str:
        """Hash of the definition and the options."""
        return hashlib.sha256(f"{_VERSION} {self._options}".encode()).hexdigest()[:16]

    async def detect(self, frame: Frame) -> Detections:
        """What moves in a frame; frames of one camera must come in their order."""
        if frame.camera not in self._cameras:
            self._cameras[frame.camera] = (threading.Lock(), MotionModel(self._options))
        lock, model = self._cameras[frame.camera]

        def work() -> Detections:
            with lock:  # a caller that gave up may have left a frame of this camera running
                return model.detect(host_image(frame.image), frame.captured)

        return await self._batcher.run(self.name, work)

    def close(self) -> None:
        """Forgets all backgrounds."""
        self._cameras.clear()


def _clean(marks: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Foreground without shadows, specks and holes."""
    mask = np.where(marks == _FOREGROUND, np.uint8(255), np.uint8(0))
    mask = cv2.medianBlur(mask, 3)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3)))
    reach = max(3, marks.shape[0] // 60) | 1
    closed: npt.NDArray[np.uint8] = cv2.morphologyEx(
        mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    ).astype(np.uint8)
    return closed


def _put_together(boxes: FloatArray, areas: FloatArray, gap: float) -> tuple[FloatArray, FloatArray]:
    """Joins regions that lie near each other and fill their common box at least half: parts of one vehicle.

    Two vehicles side by side can meet both conditions; they are one detection until they part.
    """
    boxes, areas = boxes.copy(), areas.copy()
    first = 0
    while first < len(boxes):
        union = np.concatenate([np.minimum(boxes[first, :2], boxes[:, :2]), np.maximum(boxes[first, 2:], boxes[:, 2:])], axis=1)
        apart = np.maximum(np.maximum(boxes[first, :2] - boxes[:, 2:], boxes[:, :2] - boxes[first, 2:]).max(axis=1), 0)
        filled = (areas[first] + areas) / ((union[:, 2] - union[:, 0]) * (union[:, 3] - union[:, 1]))
        partners = np.flatnonzero((apart <= gap) & (filled >= 0.5) & (np.arange(len(boxes)) != first))
        if len(partners) == 0:
            first += 1
            continue
        best = partners[np.argmax(filled[partners])]
        boxes[first] = union[best]
        areas[first] += areas[best]
        boxes, areas = np.delete(boxes, best, axis=0), np.delete(areas, best)
        first = 0  # what has grown may now reach others
    return boxes, areas
