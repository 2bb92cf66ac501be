"""Pictures and batches in this machine's memory: OpenCV and numpy."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from inference.crop_preparation import CropPreparation
from inference.engines.protocol import Engine
from inference.errors import InferenceError
from inference.letterbox import Placement, letterbox
from inference.nms import suppress
from inference.pictures.protocol import VehicleFinder
from inference.yolox_head import YoloxHead
from throughline.types import Detections, FloatArray, Pixels, host_image

__all__ = ["SMALLEST_NORM", "HostOperations"]

SMALLEST_NORM = 1e-6
"""A vector that is shorter has no direction."""


class HostOperations:
    """`PictureOperations` for engines that take arrays of this machine's memory."""

    def session(self) -> AbstractContextManager[None]:
        """Nothing to set up."""
        return nullcontext()

    def letterbox(self, pictures: Sequence[Pixels], height: int, width: int) -> tuple[FloatArray, tuple[Placement, ...]]:
        """See `PictureOperations.letterbox`."""
        rows = [letterbox(host_image(picture), height, width)[0][None] for picture in pictures]
        batch = np.concatenate([np.zeros((0, 3, height, width), np.float32), *rows]) if len(rows) != 1 else rows[0]
        return batch, tuple(Placement.of(picture.shape, height, width) for picture in pictures)

    def crops(self, pictures: Sequence[Pixels], preparation: CropPreparation) -> FloatArray:
        """See `PictureOperations.crops`."""
        return preparation([host_image(picture) for picture in pictures])

    def with_mirrored(self, batch: FloatArray) -> FloatArray:
        """See `PictureOperations.with_mirrored`."""
        return np.concatenate([batch, batch[:, :, :, ::-1]])

    def infer(self, engine: Engine, batch: FloatArray) -> tuple[FloatArray, ...]:
        """See `PictureOperations.infer`."""
        return engine.infer(batch)

    def concatenate(self, batches: Sequence[FloatArray]) -> FloatArray:
        """See `PictureOperations.concatenate`."""
        return batches[0] if len(batches) == 1 else np.concatenate(batches)

    def split(self, outputs: tuple[FloatArray, ...], counts: Sequence[int]) -> list[tuple[FloatArray, ...]]:
        """See `PictureOperations.split`."""
        ends = np.cumsum(counts).tolist()
        return [tuple(output[end - count : end] for output in outputs) for count, end in zip(counts, ends, strict=True)]

    def finder(self, head: YoloxHead, *, nms_iou: float, across_classes_iou: float | None) -> VehicleFinder[FloatArray]:
        """See `PictureOperations.finder`."""

        def find(rows: FloatArray, placements: Sequence[Placement]) -> list[Detections]:
            return [
                _found(head.decode(picture), placement, nms_iou, across_classes_iou)
                for picture, placement in zip(rows, placements, strict=True)
            ]

        return find

    def unit(self, vectors: FloatArray, *, mirrored: bool = False) -> FloatArray:
        """See `PictureOperations.unit`."""
        rows = _unit(vectors)
        count = len(rows) // 2
        return _unit(rows[:count] + rows[count:]) if mirrored else rows

    def download(self, values: FloatArray) -> FloatArray:
        """See `PictureOperations.download`."""
        return values


def _found(decoded: Detections, placement: Placement, nms_iou: float, across_classes_iou: float | None) -> Detections:
    width, height = placement.size
    limits = np.array([width, height, width, height], np.float32)
    boxes: FloatArray = np.clip(decoded.boxes / np.tile(placement.scale, 2), 0, limits)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    found = Detections(boxes, decoded.scores, decoded.classes).select(inside)
    return found.select(suppress(found.boxes, found.scores, found.classes, nms_iou, iou_across_classes=across_classes_iou))


def _unit(vectors: FloatArray) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > SMALLEST_NORM)).all():
        raise InferenceError("the network gave a vector that is zero or not finite")
    unit: FloatArray = (vectors / norms).astype(np.float32)
    return unit
