"""The seam to vehicle detectors."""

from __future__ import annotations

from typing import Protocol

from throughline.types import Detections, Frame

__all__ = ["Detector"]


class Detector(Protocol):
    """Finds vehicles in single frames of any number of cameras."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of its weights, or of its definition when it has none."""
        ...

    async def detect(self, frame: Frame) -> Detections:
        """Vehicles in the whole picture, boxes clipped to it, best score first.

        Raises:
            InferenceError: it failed on this frame.
        """
        ...

    def close(self) -> None:
        """Frees what it holds; safe to call twice."""
        ...
