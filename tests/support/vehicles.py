"""Networks for tests: they find the drawn car of the test clip, and describe what they are given by its colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from throughline.types import Detections, FloatArray, Frame, Pixels, host_image

__all__ = ["ColourEmbedder", "RedCarDetector"]


class RedCarDetector:
    """Finds everything red, as one car; fails on the frames whose numbers it is told to."""

    name = "red-car"
    hash = "0" * 16

    def __init__(self, failing: range = range(0)) -> None:
        self.failing = failing
        self.calls = 0

    async def detect(self, frame: Frame) -> Detections:
        self.calls += 1
        if frame.number in self.failing:
            raise RuntimeError("this frame is too difficult")
        image = host_image(frame.image).astype(int)
        rows, columns = np.nonzero(image[:, :, 2] - image[:, :, 0] > 90)
        if len(rows) < 50:
            return Detections.empty()
        box = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
        return Detections(np.array(box, np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))

    def close(self) -> None:
        """Holds nothing."""


class ColourEmbedder:
    """Mean colour of the crop, as a unit vector."""

    name = "mean-colour"
    hash = "1" * 16
    dimension = 3

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    async def embed(self, crops: Sequence[Pixels], *, camera: str = "") -> FloatArray:
        if self.broken:
            raise RuntimeError("out of memory")
        means = np.stack([host_image(crop).reshape(-1, 3).mean(axis=0) for crop in crops]).astype(np.float32)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)

    def close(self) -> None:
        """Holds nothing."""
