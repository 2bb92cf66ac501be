"""The seam to pictures: what is done to them before and after a network, on whatever machine they and the network lie.

A *batch* is an array that an engine takes, and what it gives for it: numpy's in memory, torch's on a GPU. Who uses these
operations never looks inside one; only finished boxes and vectors come out as arrays of numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from inference.crop_preparation import CropPreparation
from inference.engines.protocol import Engine
from inference.letterbox import Placement
from inference.yolox_head import YoloxHead
from throughline.types import Detections, FloatArray, Pixels

__all__ = ["AnyBatch", "PictureOperations", "VehicleFinder"]

AnyBatch: TypeAlias = Any
"""A batch in the hands of somebody who does not know where it lies."""

Batch = TypeVar("Batch")
BatchTaken = TypeVar("BatchTaken", contravariant=True)


class VehicleFinder(Protocol[BatchTaken]):
    """Turns the raw output of a YOLOX-type network into vehicles; see `PictureOperations.finder`."""

    def __call__(self, rows: BatchTaken, placements: Sequence[Placement]) -> list[Detections]:
        """Decodes, suppresses, and puts boxes back into the pictures.

        Args:
            rows: (N, anchors, 5 + classes).
            placements: How each of the N pictures lay in the input.

        Returns:
            For each picture its vehicles, boxes clipped to it, best score first.
        """
        ...


class PictureOperations(Protocol[Batch]):
    """Operations on pictures and batches; any thread may call them, also several at once.

    Pictures may lie anywhere: those that lie elsewhere are fetched first.
    """

    def session(self) -> AbstractContextManager[None]:
        """A stretch of one thread's work: on a GPU it is queued beside that of other threads, not among it.

        Batches of one session are used in that session alone.
        """
        ...

    def letterbox(self, pictures: Sequence[Pixels], height: int, width: int) -> tuple[Batch, tuple[Placement, ...]]:
        """Scales pictures to fit, top left, and fills the rest with grey; see `inference.letterbox`.

        Returns:
            (N, 3, height, width) float32, BGR in 0..255, and how each picture lies in it.
        """
        ...

    def crops(self, pictures: Sequence[Pixels], preparation: CropPreparation) -> Batch:
        """Pictures of single vehicles as the input of an embedder: (N, 3, height, width) float32.

        Raises:
            ValueError: a picture has no pixels.
        """
        ...

    def with_mirrored(self, batch: Batch) -> Batch:
        """(2 N, 3, H, W): the batch (N, 3, H, W), and behind it the same mirrored from left to right."""
        ...

    def infer(self, engine: Engine, batch: Batch) -> tuple[Batch, ...]:
        """Runs a network; see `inference.engines.protocol.Engine.infer`."""
        ...

    def concatenate(self, batches: Sequence[Batch]) -> Batch:
        """Batches behind each other, as one; at least one."""
        ...

    def split(self, outputs: tuple[Batch, ...], counts: Sequence[int]) -> list[tuple[Batch, ...]]:
        """The outputs of a joined batch, for each of its parts: the opposite of `concatenate`.

        Args:
            outputs: Each (N, ...).
            counts: Length of each part; N in all.
        """
        ...

    def finder(self, head: YoloxHead, *, nms_iou: float, across_classes_iou: float | None) -> VehicleFinder[Batch]:
        """What turns the raw output of a YOLOX-type network into vehicles; made once for each network.

        Args:
            head: How the network's rows are to be read.
            nms_iou: Largest overlap of two vehicles of one class.
            across_classes_iou: Largest overlap of two vehicles of different classes; None: any.
        """
        ...

    def unit(self, vectors: Batch, *, mirrored: bool = False) -> FloatArray:
        """Vectors brought to length one; of `with_mirrored` batches the mean of both, brought to length one again.

        Args:
            vectors: (N, D), of a mirrored batch (2 N, D).
            mirrored: Whether the second half are those of the mirrored pictures.

        Returns:
            (N, D) float32.

        Raises:
            InferenceError: a vector is zero or not finite.
        """
        ...

    def download(self, values: Batch) -> FloatArray:
        """Any output as float32 in this machine's memory."""
        ...
